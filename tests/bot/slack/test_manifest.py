"""The manifest asks for what is used, and nothing else."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from slack_sdk import WebClient

from bot.access import Caller
from bot.actions import Actions
from bot.settings import SlackSettings
from bot.slack.posts import Posts
from bot.slack.publisher import Publisher
from bot.slack.speech import Target, say
from bot.workspace.driver import Workspace

MANIFEST: dict[str, Any] = json.loads((files("bot.slack") / "manifest.json").read_text())
BY_SURFACE = {
    "slash_commands": "commands",
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
}


def test_every_scope_is_used_and_every_used_one_is_there(
    slack_actions: Actions, client: WebClient, workspace: Workspace, caller: Callable[[str], Caller]
) -> None:
    """The methods are called for real, with each reply lost once, so that everything is looked up."""
    for number, channel in enumerate(("C0MODELS", "C0QUIET", "D1")):
        slack = SlackSettings(channel=channel, api_url=workspace.api_url)
        settings = slack_actions.settings.model_copy(update={"slack": slack})
        actions = Actions(slack_actions.ledger, slack_actions.home, settings)
        workspace.user("ana").dm("hello") if channel == "D1" else None
        actions.handle("run tickets tfidf", caller("U1"), f"key {number}")
        workspace.fail("chat.postMessage", "lost_reply")
        publisher = Publisher(actions, Posts(client))
        publisher.tick()
        with actions.ledger.write() as db:
            db.exec_driver_sql("update outbox set not_before = created_at")
        workspace.wait_for(lambda p=publisher: p.tick() or len(workspace.calls()) > 0, "a tick")  # type: ignore[misc]
        say(actions.ledger, {"text": "x"}, Target(user="U1", channel="C0MODELS"), f"x{number}")
        publisher.tick()
    features = MANIFEST["settings"]["event_subscriptions"]["bot_events"] + ["slash_commands"]
    by_surface = {BY_SURFACE[feature] for feature in features}
    used = workspace.used_scopes()
    assert used | by_surface == set(MANIFEST["oauth_config"]["scopes"]["bot"])


def test_it_installs_as_slack_wants_it() -> None:
    about = MANIFEST["display_information"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert len(about["long_description"]) >= 174
    commands = MANIFEST["features"]["slash_commands"]
    assert [command["command"] for command in commands] == ["/tune"]
    assert MANIFEST["settings"]["socket_mode_enabled"] is True
    assert MANIFEST["settings"]["interactivity"]["is_enabled"] is True
