"""Starts a local workspace, and a bot that is connected to it: for the demo and for tests."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.settings import child_environment
from bot.workspace.driver import DriverError, Workspace
from bot.workspace.seed import Seed, read_seed, write_seed

STOP_PATIENCE_S = 15
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may be


@contextmanager
def running_workspace(folder: Path, seed: Seed | None = None, port: int = 0) -> Iterator[Workspace]:
    """A workspace in a process of its own, for as long as this is entered.

    Args:
        folder: Where `workspace.json` (the seed, with its secrets) and `workspace.log` go.
        seed: What to start from; the one in the folder, or a new one, where it is None.
        port: 0 takes a free one.
    """
    state = folder / "workspace.json"
    if seed:
        write_seed(state, seed)
    words = [
        sys.executable,
        "-P",
        "-m",
        "bot.workspace",
        "--port",
        str(port),
        "--state",
        str(state),
    ]
    with _process(words, folder / "workspace.log", child_environment()) as process:
        assert process.stdout is not None  # noqa: S101  it was asked for as a pipe
        line = process.stdout.readline()
        if not line:
            raise DriverError(f"the workspace did not start; see {folder / 'workspace.log'}")
        yield Workspace(json.loads(line)["address"], read_seed(state))


@contextmanager
def running_bot(
    home: Path, workspace: Workspace, arguments: tuple[str, ...] = ()
) -> Iterator["subprocess.Popen[str]"]:
    """A bot in a process of its own, connected to the workspace.

    The home's `tuneboard.toml` has to name the workspace: `[slack]` with `api_url`, `team` and
    `channel`, as `slack_settings` gives them.
    """
    words = [sys.executable, "-P", "-m", "bot", "--home", str(home), *arguments]
    tokens = {
        "SLACK_BOT_TOKEN": workspace.seed.bot_token,
        "SLACK_APP_TOKEN": workspace.seed.app_token,
    }
    before = workspace.connections()
    log = home / "logs" / "bot.log"
    with _process(words, log, child_environment() | tokens) as process:

        def connected() -> bool:
            if process.poll() is not None:
                raise DriverError(f"the bot ended ({process.returncode}); see {log}")
            return workspace.connections() > before

        workspace.wait_for(connected, "the bot to connect", timeout_s=30)
        yield process


def slack_settings(workspace: Workspace) -> Mapping[str, str]:
    """The `[slack]` section of a home whose bot talks to this workspace."""
    seed = workspace.seed
    place = {"team": seed.team_id, "channel": seed.channels[0].id}
    return place | {"api_url": workspace.api_url}


def ending_with_us() -> Callable[[], None]:
    """A `preexec_fn` for a child that is told to end when we are killed (on Linux).

    The kernel tells it when the thread that started it ends, so that has to be one that stays.
    """
    ours = os.getpid()

    def ask() -> None:
        if sys.platform == "linux":
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != ours:
            os._exit(1)  # we were killed before it asked

    return ask


@contextmanager
def _process(
    words: list[str], log: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    """A child that is ended when this is left, whatever happened."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as stream:
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env=dict(environment),
            preexec_fn=ending_with_us(),
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
