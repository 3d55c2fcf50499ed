"""The worker as the bot and the terminal use it."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from bot.hosts import locks
from bot.hosts.local import LocalLauncher
from bot.hosts.work import Worker
from bot.settings import Settings
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Run, RunState

Make = Callable[..., LocalLauncher]


def test_a_run_goes_through_while_a_worker_is_there(
    ledger: Ledger, home: Home, local: Make, ask: Callable[[str], Run], until: Callable[..., None]
) -> None:
    run = ask("k")
    with Worker(ledger, home, Settings(), launcher=local()) as worker:
        until(lambda: ledger.run(run.id).state is RunState.SUCCEEDED)
        assert worker.holds_the_queue
    assert not worker.is_alive
    assert not locks.is_held(home.locks / "dispatcher.lock")


def test_one_worker_holds_the_queue_and_the_next_takes_it_over(
    ledger: Ledger, home: Home, local: Make, until: Callable[..., None]
) -> None:
    first = Worker(ledger, home, Settings(), launcher=local())
    with first:
        until(lambda: first.holds_the_queue)
        with Worker(ledger, home, Settings(), launcher=local()) as second:
            assert not second.holds_the_queue
            first.__exit__()
            until(lambda: second.holds_the_queue)


def test_a_run_goes_on_when_its_worker_leaves(
    ledger: Ledger, home: Home, local: Make, ask: Callable[[str], Run], until: Callable[..., None]
) -> None:
    run = ask("k")
    with Worker(ledger, home, Settings(), launcher=local("slow")):
        until((home.run(run.id).path / "ran").exists)
    assert locks.is_held(home.run(run.id).lock_file)


class BrokenEar:
    def run_changed(self, run_id: str) -> None:
        raise ConnectionError("no chat today")


def test_a_listener_that_fails_does_not_hold_up_the_runs(
    ledger: Ledger,
    home: Home,
    local: Make,
    ask: Callable[[str], Run],
    until: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger.move_cursor("relayed", 0)
    run = ask("k")
    with Worker(ledger, home, Settings(), BrokenEar(), local()):
        until(lambda: ledger.run(run.id).state is RunState.SUCCEEDED)
    assert "no chat today" in caplog.text


def test_the_worker_loads_nothing_heavy() -> None:
    code = "import bot.hosts.work, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "duckdb", "numpy", "scipy", "pyarrow", "trainer"}
    assert not heavy & set(done.stdout.split())
