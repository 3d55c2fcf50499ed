"""The bot as a process: quick to start, small, quiet about secrets, and hard to kill."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from leaderboard_served import free_port

from bot.__main__ import _tell_health, is_healthy, main
from bot.actions import Actions
from bot.workspace.driver import Workspace, shown
from bot.workspace.processes import running_bot, running_workspace, slack_settings
from bot.workspace.seed import SeedUser, new_seed
from storage.home import Home
from storage.ledger import Ledger

HEAVY = ("torch", "duckdb", "numpy", "scipy", "pyarrow", "aiohttp", "pandas")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    users = (SeedUser(id="U1", name="ana"), SeedUser(id="U3", name="reva"))
    with running_workspace(tmp_path / "slack", new_seed(users)) as running:
        yield running


@pytest.fixture
def ready(actions: Actions, home: Home, workspace: Workspace) -> Home:
    """A home with a task, and settings that name the workspace."""
    slack = "".join(f'{key} = "{value}"\n' for key, value in slack_settings(workspace).items())
    people = '[people.ana]\nroles = ["launcher"]\nslack = "U1"\n'
    home.settings_file.write_text(f"[slack]\n{slack}{people}")
    return home


def test_it_starts_fast_and_stays_small(ready: Home, workspace: Workspace) -> None:
    began = time.monotonic()
    with running_bot(ready.path, workspace, ("--no-work",)) as process:
        assert time.monotonic() - began < 20  # 1 s on an idle machine
        assert workspace.user("ana").run("/tune runs").acknowledged
        assert psutil.Process(process.pid).memory_info().rss < 150e6
        assert is_healthy(ready)
    assert process.returncode == 0
    assert not is_healthy(ready)


def test_how_it_is_can_be_asked_on_this_machine_only(
    ready: Home, workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    port = free_port()
    words = ("--no-work", "--health", f"127.0.0.1:{port}")
    with running_bot(ready.path, workspace, words):
        workspace.user("ana").run("/tune run tickets tfidf")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            found = json.loads(answer.read())
        assert found["ok"] is found["connected"] is found["publisher"] is True
        assert found["runs"] == 1
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        workspace.fail("apps.connections.open", "internal_error", times=100)
        workspace.disconnect("reset")
        workspace.wait_for(lambda: _status(port) == 503, "the bot to say that it is cut off", 30)
    monkeypatch.setenv("SLACK_BOT_TOKEN", workspace.seed.bot_token)
    monkeypatch.setenv("SLACK_APP_TOKEN", workspace.seed.app_token)
    assert main(["--home", str(ready.path), "--no-work", "--health", "0.0.0.0:0"]) == 2
    assert "loopback" in capsys.readouterr().err


def _status(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_it_loads_nothing_heavy() -> None:
    code = f"import bot.__main__, sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_token_is_in_its_log(ready: Home, workspace: Workspace) -> None:
    with running_bot(ready.path, workspace, ("--no-work", "--verbose")):
        workspace.user("ana").run("/tune run tickets tfidf hf_token=hf_abcdefghijklmnop")
        workspace.user("ana").mention("help xoxb-1-2-typedbysomebody")
        workspace.user("ana").wait_to_see("looks like a token")
    log = (ready.logs / "bot.log").read_text()
    assert "on_message invoked" in log  # everything is logged, and yet:
    for secret in (workspace.seed.bot_token, workspace.seed.app_token, "hf_abc", "typedbysome"):
        assert secret not in log


def test_killed_again_and_again_it_says_everything_once(
    ready: Home, workspace: Workspace, ledger: Ledger
) -> None:
    for seed in range(4):
        with running_bot(ready.path, workspace, ("--no-work",)) as process:
            assert workspace.user("ana").run(f"/tune run tickets tfidf seed={seed}").acknowledged
            time.sleep(0.25 * seed)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    with running_bot(ready.path, workspace, ("--no-work",)):
        channel = workspace.channel("models")
        ids = [run.id for run in ledger.runs()]
        workspace.wait_for(
            lambda: all(any(i in shown(m) for m in channel.messages()) for i in ids), "cards", 20
        )
        time.sleep(1.5)
    cards = [message for message in channel.messages() if not message.thread_ts]
    assert len(cards) == len(ids) == 4


def test_without_tokens_it_says_what_is_missing(
    ready: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    monkeypatch.delenv("SLACK_APP_TOKEN", raising=False)
    assert main(["--home", str(ready.path)]) == 2
    assert "SLACK_BOT_TOKEN" in capsys.readouterr().err


def test_a_token_that_slack_refuses_stops_the_start(
    ready: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-wrong")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-wrong")
    assert main(["--home", str(ready.path), "--no-work"]) == 2
    assert "does not accept a token" in capsys.readouterr().err


def test_a_health_that_cannot_be_written_ends_nothing(home: Home) -> None:
    _tell_health(home, ok=True)
    assert is_healthy(home)
    (home.locks / "bot-health.json").unlink()
    (home.locks / "bot-health.json").mkdir()
    _tell_health(home, ok=True)
    assert (home.locks / "bot-health.json").is_dir()
