"""The workspace's Web API refuses what Slack refuses."""

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.workspace.driver import Workspace


def _error(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _button(**more: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": "Go"}
    return {"type": "actions", "elements": [{"type": "button", "text": text} | more]}


def test_a_token_is_checked(workspace: Workspace) -> None:
    wrong = WebClient("xoxb-wrong", base_url=workspace.api_url, retry_handlers=[])
    none = WebClient("", base_url=workspace.api_url, retry_handlers=[])
    app_level = WebClient(workspace.seed.app_token, base_url=workspace.api_url, retry_handlers=[])
    assert _error(wrong.auth_test) == "invalid_auth"
    assert _error(none.auth_test) == "not_authed"
    assert _error(app_level.auth_test) == "not_allowed_token_type"
    token = workspace.seed.bot_token
    assert _error(app_level.apps_connections_open, app_token=token) == "not_allowed_token_type"


def test_the_bot_is_told_who_it_is(client: WebClient, workspace: Workspace) -> None:
    found = client.auth_test()
    assert found["user_id"] == workspace.seed.bot_user_id
    assert found["team_id"] == workspace.seed.team_id


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0OTHER", "text": "x"}, "not_in_channel"),
        ({"channel": "C0SECRET", "text": "x"}, "channel_not_found"),
        ({"channel": "C0MODELS", "text": ""}, "no_text"),
        ({"channel": "C0MODELS", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "C0MODELS", "text": "x", "thread_ts": "1.2"}, "thread_not_found"),
        ({"channel": "C0MODELS", "text": "x", "blocks": [_section("y")] * 51}, "invalid_blocks"),
        ({"channel": "C0MODELS", "text": "x", "blocks": [_section("y" * 3001)]}, "invalid_blocks"),
        ({"channel": "C0MODELS", "text": "x", "blocks": [_section("")]}, "invalid_blocks"),
        ({"channel": "C0MODELS", "text": "x", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        (
            {"channel": "C0MODELS", "text": "x", "blocks": [_button(value="v" * 2001)]},
            "invalid_blocks",
        ),
        (
            {"channel": "C0MODELS", "text": "x", "blocks": [_button(action_id="a" * 256)]},
            "invalid_blocks",
        ),
        (
            {"channel": "C0MODELS", "text": "x", "metadata": {"event_type": "t"}},
            "invalid_metadata_format",
        ),
    ],
)
def test_a_wrong_post_is_refused(client: WebClient, arguments: dict[str, Any], error: str) -> None:
    # The client's own method would only warn of a missing text.
    assert _error(client.api_call, api_method="chat.postMessage", json=arguments) == error


def test_a_missing_argument_and_an_unknown_method(client: WebClient) -> None:
    assert _error(client.api_call, api_method="chat.update", json={}) == "invalid_arguments"
    assert _error(client.api_call, api_method="chat.nonsense") == "unknown_method"


def test_a_message_without_text_is_warned_of(client: WebClient, workspace: Workspace) -> None:
    with pytest.warns(UserWarning, match="text"):
        client.chat_postMessage(channel="C0MODELS", blocks=[_section("only a block")])
    assert workspace.calls("chat.postMessage")[-1].warnings == ["missing_text_in_message"]


def test_text_without_blocks_takes_the_blocks_away(client: WebClient, workspace: Workspace) -> None:
    ts = client.chat_postMessage(channel="C0MODELS", text="one", blocks=[_section("b")])["ts"]
    client.chat_update(channel="C0MODELS", ts=ts, text="two")
    message = workspace.channel("models").wait_for("two")
    assert (message.blocks, message.edited) == ([], True)


def test_only_own_messages_can_be_edited(client: WebClient, workspace: Workspace) -> None:
    workspace.ask("POST", "say", {"user": "U0ANA", "channel": "C0MODELS", "text": "mine"})
    ts = workspace.channel("models").wait_for("mine").ts
    update = client.chat_update
    assert _error(update, channel="C0MODELS", ts=ts, text="x") == "cant_update_message"
    assert _error(update, channel="C0MODELS", ts="1.0", text="x") == "message_not_found"


def test_an_ephemeral_message_is_seen_by_one_person(
    client: WebClient, workspace: Workspace
) -> None:
    client.chat_postEphemeral(channel="C0MODELS", user="U0ANA", text="for ana only")
    assert any(m.text == "for ana only" for m in workspace.user("ana").sees())
    assert not any(m.text == "for ana only" for m in workspace.user("leo").sees())
    assert not any(m.text == "for ana only" for m in workspace.channel("models").messages())
    missing = {"channel": "C0MODELS", "user": "U0NOBODY", "text": "x"}
    assert _error(client.chat_postEphemeral, **missing) == "user_not_in_channel"


def test_history_is_paged_and_shows_metadata_when_asked(client: WebClient) -> None:
    metadata = {"event_type": "tuneboard", "event_payload": {"key": "k1"}}
    parent = client.chat_postMessage(channel="U0LEO", text="one", metadata=metadata)
    channel = parent["channel"]
    client.chat_postMessage(channel=channel, text="reply", thread_ts=parent["ts"])
    client.chat_postMessage(channel=channel, text="two")
    first = client.conversations_history(channel=channel, limit=1, include_all_metadata=True)
    assert [m["text"] for m in first["messages"]] == ["two"]
    cursor = first["response_metadata"]["next_cursor"]
    second = client.conversations_history(
        channel=channel, limit=1, cursor=cursor, include_all_metadata=True
    )
    assert second["messages"][0]["metadata"] == metadata
    plain = client.conversations_history(channel=channel)
    assert "metadata" not in plain["messages"][-1]
    replies = client.conversations_replies(channel=channel, ts=parent["ts"])
    assert [m["text"] for m in replies["messages"]] == ["one", "reply"]


def test_too_many_posts_in_a_channel_are_put_off(client: WebClient) -> None:
    def burst() -> None:
        for _ in range(10):
            client.chat_postMessage(channel="C0MODELS", text="spam")

    with pytest.raises(SlackApiError) as caught:
        burst()
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"


def test_faults_can_be_ordered(client: WebClient, workspace: Workspace) -> None:
    workspace.fail("chat.update", "ratelimited", retry_after_s=7)
    with pytest.raises(SlackApiError) as limited:
        client.chat_update(channel="C0MODELS", ts="1.0", text="x")
    assert limited.value.response.headers["Retry-After"] == "7"
    workspace.fail("auth.test", "token_revoked")
    assert _error(client.auth_test) == "token_revoked"
    workspace.fail("chat.postMessage", "lost_reply")
    with pytest.raises(OSError, match=r"closed|reset|Remote"):
        client.chat_postMessage(channel="U0REVA", text="said although nobody knows")
    assert workspace.user("reva").inbox()[-1].text == "said although nobody knows"


def test_a_driver_needs_its_token(workspace: Workspace) -> None:
    stranger = Workspace(
        workspace.address, workspace.seed.model_copy(update={"driver_token": "guess"})
    )
    with pytest.raises(Exception, match="token is needed"):
        stranger.connections()
