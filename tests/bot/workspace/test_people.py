"""People act; a plain Bolt app hears of it over Socket Mode, as it would from Slack."""

import time
from typing import Any

import pytest
from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot.workspace.driver import DriverError, Workspace

from .conftest import connected

BUTTON = {
    "type": "button",
    "action_id": "go",
    "value": "v1",
    "text": {"type": "plain_text", "text": "Go"},
}
FIELD = {
    "type": "input",
    "block_id": "reason",
    "label": {"type": "plain_text", "text": "Reason"},
    "element": {"type": "plain_text_input", "action_id": "reason_text"},
}


def test_an_answer_to_a_command_is_for_its_sender(workspace: Workspace, plain_app: App) -> None:
    delivery = workspace.user("ana").run("/tune run x")
    assert delivery.acknowledged
    assert workspace.user("ana").sees()[-1].text == "heard run x"
    assert not any(m.text == "heard run x" for m in workspace.user("leo").sees())


def test_what_is_late_or_unknown_fails_before_the_persons_eyes(
    workspace: Workspace, plain_app: App
) -> None:
    late = workspace.user("ana").run("/tune sleep")
    assert (late.acknowledged, late.problem) == (False, "operation_timeout")
    assert (
        workspace.user("ana").sees()[-1].text.endswith('failed with the error "operation_timeout"')
    )
    workspace.wait_for(lambda: workspace.deliveries()[late.id - 1].late, "the late answer")
    assert workspace.user("ana").run("/nonsense").problem == "operation_timeout"


def test_without_a_bot_a_command_fails_at_once(workspace: Workspace) -> None:
    assert workspace.user("ana").run("/tune runs").problem == "no_connection"


def test_a_click_carries_what_was_typed(
    workspace: Workspace, plain_app: App, client: WebClient, heard: list[dict[str, Any]]
) -> None:
    blocks = [FIELD, {"type": "actions", "elements": [BUTTON]}]
    client.chat_postMessage(channel="C0MODELS", text="decide", blocks=blocks)
    card = workspace.channel("models").wait_for("decide")
    assert workspace.user("reva").click(card, "go", reason="because").acknowledged
    body = heard[-1]
    assert body["state"]["values"]["reason"]["reason_text"]["value"] == "because"
    assert (body["user"]["id"], body["actions"][0]["value"]) == ("U0REVA", "v1")
    workspace.user("reva").click(card, "go")
    assert heard[-1]["state"]["values"]["reason"]["reason_text"]["value"] is None
    client.chat_update(channel="C0MODELS", ts=card.ts, text="decided", blocks=[])
    with pytest.raises(DriverError, match="no_such_button"):
        workspace.user("reva").click(card, "go")
    assert workspace.user("reva").click(card, "go", version=0).acknowledged


def test_a_response_url_takes_five_answers_for_a_while(
    workspace: Workspace, plain_app: App
) -> None:
    url = workspace.user("ana").run("/tune x").payload["response_url"]
    answer = WebhookClient(url, retry_handlers=[])
    assert [answer.send(text=f"answer {n}").status_code for n in range(6)] == [200] * 5 + [404]
    assert "used_url" in answer.send(text="more").body
    assert workspace.user("ana").sees()[-1].text == "answer 4"
    later = workspace.user("ana").run("/tune y").payload["response_url"]
    time.sleep(3.2)
    assert "expired_url" in WebhookClient(later, retry_handlers=[]).send(text="late").body


def test_mentions_and_direct_messages_are_heard_and_other_words_are_not(
    workspace: Workspace, plain_app: App, heard: list[dict[str, Any]]
) -> None:
    ana = workspace.user("ana")
    assert ana.mention("status").acknowledged
    assert ana.dm("runs").acknowledged
    workspace.ask("POST", "say", {"user": ana.id, "channel": "C0MODELS", "text": "hello all"})
    workspace.wait_for(lambda: len(heard) == 2, "two events")
    assert [body["event"]["type"] for body in heard] == ["app_mention", "message"]
    assert heard[1]["event"]["channel_type"] == "im"


def test_an_event_that_nobody_acknowledges_comes_again(workspace: Workspace) -> None:
    delivery = workspace.user("leo").mention("status")
    assert delivery.problem == "no_connection"
    event_id = delivery.payload["event_id"]

    def tries() -> list[int]:
        found = [d for d in workspace.deliveries() if d.payload.get("event_id") == event_id]
        return [d.retry_attempt for d in found]

    workspace.wait_for(lambda: tries() == [0, 1, 2, 3], "three more deliveries")


def test_each_envelope_goes_to_one_of_several_sockets(
    workspace: Workspace, plain_app: App, client: WebClient, heard: list[dict[str, Any]]
) -> None:
    with connected(plain_app, workspace):
        used = {workspace.user("ana").dm(f"word {n}").connection for n in range(6)}
        workspace.wait_for(lambda: len(heard) == 6, "six events")
    assert len(used) == 2


def test_a_bot_comes_back_after_its_socket_was_cut_off(
    workspace: Workspace, plain_app: App
) -> None:
    workspace.disconnect("reset")
    workspace.wait_until_connected()
    workspace.wait_for(lambda: workspace.user("ana").run("/tune back").acknowledged, "an answer")
