"""A real workspace process, and a plain Bolt app that connects to it over real sockets."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk import WebClient

from bot.workspace.driver import Workspace
from bot.workspace.processes import running_workspace
from bot.workspace.seed import Limits, SeedChannel, new_seed

LIMITS = Limits(ack_s=1.0, retry_delays_s=(0.05, 0.1, 0.2), response_url_s=3.0)
EVERYBODY = ("U0ANA", "U0LEO", "U0REVA", "U0TUNEBOARD")
CHANNELS = (
    SeedChannel(id="C0MODELS", name="models", members=EVERYBODY),
    SeedChannel(id="C0SECRET", name="secret", members=("U0ANA",), is_private=True),
    SeedChannel(id="C0OTHER", name="other", members=("U0ANA", "U0LEO")),
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder: Path = tmp_path_factory.mktemp("workspace")
    with running_workspace(folder, new_seed(channels=CHANNELS, limits=LIMITS)) as running:
        yield running


@pytest.fixture
def client(workspace: Workspace) -> WebClient:
    """The bot's Web API client, which never tries again by itself."""
    return WebClient(workspace.seed.bot_token, base_url=workspace.api_url, retry_handlers=[])


@pytest.fixture
def heard() -> list[dict[str, Any]]:
    """Every event and click that the plain app got."""
    return []


@pytest.fixture
def plain_app(
    workspace: Workspace, client: WebClient, heard: list[dict[str, Any]]
) -> Iterator[App]:
    """A Bolt app as its tutorial builds it."""
    app = App(client=client)

    @app.command("/tune")
    def tune(ack: Ack, command: dict[str, Any]) -> None:
        if command["text"] == "sleep":
            time.sleep(1.3)
        ack(f"heard {command['text']}")

    @app.action("go")
    def go(ack: Ack, body: dict[str, Any]) -> None:
        heard.append(body)
        ack()

    @app.event("app_mention")
    def mention(body: dict[str, Any]) -> None:
        heard.append(body)

    @app.event("message")
    def message(body: dict[str, Any]) -> None:
        heard.append(body)

    with connected(app, workspace):
        yield app


class connected:  # noqa: N801  reads as a statement
    """A Bolt app with an open socket, while this is entered."""

    def __init__(self, app: App, workspace: Workspace) -> None:
        self._handler = SocketModeHandler(app, workspace.seed.app_token, ping_interval=1)
        self._workspace = workspace

    def __enter__(self) -> SocketModeHandler:
        before = self._workspace.connections()
        self._handler.connect()
        self._workspace.wait_until_connected(before + 1)
        return self._handler

    def __exit__(self, *_: object) -> None:
        client = self._handler.client
        client.auto_reconnect_enabled = False
        if client.current_session and client.current_session.sock:
            client.current_session.sock.abort()  # its reader would sleep on for up to 10 s
            self._workspace.wait_for(lambda: not client.is_connected(), "the reader to wake")
        self._handler.close()
