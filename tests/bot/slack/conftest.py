"""The real bot (Bolt app, socket, publisher) in threads, against a real workspace process."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files

import pytest
from slack_sdk import WebClient

from bot.actions import Actions
from bot.settings import Settings, SlackSettings
from bot.slack.app import build_app, build_client
from bot.slack.deadline import PunctualLedger
from bot.slack.posts import Posts
from bot.slack.publisher import Pace, Publisher
from bot.slack.slow import SlowWorker
from bot.slack.socket import Socket
from bot.workspace.driver import Workspace
from bot.workspace.processes import running_workspace
from bot.workspace.seed import Limits, SeedChannel, SeedUser, new_seed
from storage.home import Home

USERS = (
    SeedUser(id="U1", name="ana"),
    SeedUser(id="U2", name="leo"),
    SeedUser(id="U3", name="reva"),
    SeedUser(id="U9", name="stranger"),
)
MEMBERS = (*(user.id for user in USERS), "U0TUNEBOARD")
CHANNELS = (
    SeedChannel(id="C0MODELS", name="models", members=MEMBERS),
    SeedChannel(id="C0QUIET", name="quiet", members=("U1", "U0TUNEBOARD"), is_private=True),
    SeedChannel(id="C0ALONE", name="alone", members=("U1", "U2")),
)
MANIFEST = json.loads((files("bot.slack") / "manifest.json").read_text())
SCOPES = MANIFEST["oauth_config"]["scopes"]["bot"]


@dataclass(frozen=True)
class Bot:
    """A connected bot."""

    workspace: Workspace
    actions: Actions
    publisher: Publisher
    socket: Socket


QUICK = Pace(post_s=0.06, update_s=0.06)
"""Of the bot in tests that are about something else, in a workspace that takes it."""


@pytest.fixture
def workspace(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Workspace]:
    """A workspace of the test's own; with Slack's limit on posts where the module is about it."""
    every_s = 1.0 if getattr(request.module, "SLACKS_LIMITS", False) else 0.05
    limits = Limits(retry_delays_s=(0.1, 1, 3), post_every_s=every_s)
    seed = new_seed(USERS, CHANNELS, tuple(SCOPES), limits)
    with running_workspace(tmp_path_factory.mktemp("workspace"), seed) as running:
        yield running


@pytest.fixture
def slack_actions(
    actions: Actions, home: Home, settings: Settings, workspace: Workspace
) -> Iterator[Actions]:
    """Actions of a Tuneboard whose Slack is the workspace."""
    slack = SlackSettings(
        team=workspace.seed.team_id, channel="C0MODELS", api_url=workspace.api_url
    )
    punctual = PunctualLedger.open(home.ledger_file)
    yield Actions(punctual, home, settings.model_copy(update={"slack": slack}))
    punctual.close()


@pytest.fixture
def client(workspace: Workspace, slack_actions: Actions) -> WebClient:
    return build_client(slack_actions.settings, workspace.seed.bot_token)


@contextmanager
def connected_bot(workspace: Workspace, actions: Actions) -> Iterator[Bot]:
    """A bot for as long as this is entered."""
    client = build_client(actions.settings, workspace.seed.bot_token)
    with ExitStack() as stack:
        publisher, slow = Publisher(actions, Posts(client), QUICK), SlowWorker(actions)
        socket = Socket(build_app(actions, client), workspace.seed.app_token)
        for part in (publisher, slow):
            part.start()
            stack.callback(part.stop)
        before = workspace.connections()
        socket.connect()
        stack.callback(socket.close)
        workspace.wait_until_connected(before + 1)
        yield Bot(workspace, actions, publisher, socket)


@pytest.fixture
def bot(workspace: Workspace, slack_actions: Actions) -> Iterator[Bot]:
    with connected_bot(workspace, slack_actions) as running:
        yield running


Finish = Callable[[str], object]
