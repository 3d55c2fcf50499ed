"""A home, a ledger, and a local launcher whose trainer is the stand-in."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.hosts.local import LocalLauncher
from bot.hosts.locks import is_held
from storage.home import Home
from storage.ledger import Ledger
from storage.records import DataSource, Method, Run, RunSpec, Task

STAND_IN = Path(__file__).parents[2] / "stand_in_trainer.py"


@pytest.fixture
def spec() -> RunSpec:
    task = Task(name="tickets", data=DataSource(file="/data/tickets.csv"))
    return RunSpec(task=task, method=Method.MAJORITY)


@pytest.fixture
def ask(ledger: Ledger, spec: RunSpec) -> Callable[[str], Run]:
    return lambda key: ledger.request_run(spec, key, "ana")[0]


@pytest.fixture
def local(home: Home) -> Iterator[Callable[..., LocalLauncher]]:
    """Make launchers on the home; what they started is ended after the test."""

    def make(mode: str = "quick", slots: int = 2, gpus: tuple[int, ...] = ()) -> LocalLauncher:
        environment = {"PATH": os.environ["PATH"], "STAND_IN": mode}
        trainer = (sys.executable, str(STAND_IN))
        return LocalLauncher(
            home, slots=slots, gpus=gpus, grace_s=5, environment=environment, trainer=trainer
        )

    yield make
    for run in home.runs.iterdir():
        (run / "cancel").touch()
    waits(lambda: not any(is_held(run / "lock") for run in home.runs.iterdir()), "every run's end")


def waits(holds: Callable[[], object], what: str = "it", timeout_s: float = 20) -> None:
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.02)


@pytest.fixture
def until() -> Callable[..., None]:
    return waits
