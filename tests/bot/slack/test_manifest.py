"""The manifest asks for what is used, and nothing else."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.access import Caller
from bot.actions import Actions
from bot.settings import SlackSettings
from bot.slack.drawn import Picture
from bot.slack.groups import UserGroups
from bot.slack.posts import Posts
from bot.slack.publisher import Publisher
from bot.slack.speech import Target, say
from bot.slack.unfurls import unfurls_of
from bot.workspace.driver import Workspace
from bot.workspace.files import PNG
from storage import outbox
from storage.records import Role

from .conftest import QUICK

MANIFEST: dict[str, Any] = json.loads((files("bot.slack") / "manifest.json").read_text())
SCOPES = set(MANIFEST["oauth_config"]["scopes"]["bot"])
BY_SURFACE = {
    "slash_commands": "commands",
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
    "app_home_opened": "",  # needs none
    "link_shared": "links:read",
}


@pytest.mark.parametrize("channel", ["C0MODELS", "C0QUIET", "D1"])
def test_what_a_channel_needs_is_in_the_manifest(
    slack_actions: Actions,
    client: WebClient,
    workspace: Workspace,
    caller: Callable[[str], Caller],
    channel: str,
) -> None:
    assert _scopes_used(slack_actions, client, workspace, caller("U1"), channel) <= SCOPES


def test_the_manifest_asks_for_nothing_that_is_not_used(
    slack_actions: Actions, client: WebClient, workspace: Workspace, caller: Callable[[str], Caller]
) -> None:
    features = [*MANIFEST["settings"]["event_subscriptions"]["bot_events"], "slash_commands"]
    used = {BY_SURFACE[feature] for feature in features} - {""}
    for channel in ("C0MODELS", "C0QUIET"):
        used |= _scopes_used(slack_actions, client, workspace, caller("U1"), channel)
    assert used == SCOPES


def _scopes_used(
    given: Actions, client: WebClient, workspace: Workspace, caller: Caller, channel: str
) -> set[str]:
    """Post, look up after a lost reply, edit, whisper, share; what scopes that took."""
    workspace.user("ana").dm("hello")
    slack = SlackSettings(channel=channel, api_url=workspace.api_url)
    settings = given.settings.model_copy(update={"slack": slack})
    actions = Actions(given.ledger, given.home, settings)
    publisher = Publisher(actions, Posts(client), QUICK)
    workspace.fail("chat.postMessage", "lost_reply")
    run_id = actions.handle("run tickets tfidf", caller, channel).run_id
    say(actions.ledger, {"text": "x"}, Target(user="U1", channel="C0MODELS"), channel)

    def posted() -> bool:
        publisher.tick()
        return outbox.message_of(actions.ledger, str(run_id), channel) is not None

    workspace.wait_for(posted, "the card to be found again")
    card = outbox.message_of(actions.ledger, str(run_id), channel)
    assert card
    picture = Picture(actions.home.path / "loss.png", "Loss by step", "It falls.")
    picture.path.write_bytes(PNG)
    Posts(client).share([picture], "Look.", channel, "k", thread_ts=card.ts, since=None)
    if channel == "C0MODELS":
        workspace.set_group("S1", "U3")
        UserGroups(client, {"S1": (Role.REVIEWER,)}).roles_of("U3")
        url = f"{actions.settings.leaderboard.url}/run?run_id={run_id}"
        message = workspace.user("ana").share(f"look: {url}")
        place = {"channel": channel, "ts": message.ts}
        Posts(client).unfurl(place, unfurls_of(actions, [url]))
    return workspace.used_scopes()


def test_it_installs_as_slack_wants_it() -> None:
    about = MANIFEST["display_information"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert len(about["long_description"]) >= 174
    commands = MANIFEST["features"]["slash_commands"]
    assert [command["command"] for command in commands] == ["/tune"]
    assert MANIFEST["settings"]["socket_mode_enabled"] is True
    assert MANIFEST["settings"]["interactivity"]["is_enabled"] is True
