"""Whatever is killed with kill -9: one run, one result, or a lost attempt and a clean second one.

Real processes all the way: `tuneboard work`, the shim, the trainer, the projection.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from bot import cli
from storage.home import Home
from storage.ledger import Ledger
from storage.published import read_pointer, standing_of
from storage.records import RunState
from storage.run_folder import RunFolder

DYING_DISPATCHER = """
import os, signal, sys
from pathlib import Path
from bot.hosts.dispatcher import Dispatcher
from bot.hosts.work import local_launcher
from bot.settings import load_settings
from storage.home import Home
from storage.ledger import Ledger

home, moment = Home(Path(sys.argv[1])), sys.argv[2]

class Deadly:
    def __init__(self, inner):
        self.inner = inner
    def __getattr__(self, name):
        return getattr(self.inner, name)
    def submit(self, handle):
        if moment == "after the claim":
            os.kill(os.getpid(), signal.SIGKILL)
        self.inner.submit(handle)
        os.kill(os.getpid(), signal.SIGKILL)

launcher = Deadly(local_launcher(home, load_settings(home)))
Dispatcher(Ledger.open(home.ledger_file), home, launcher).tick()
"""


@dataclass(slots=True)
class House:
    """A home with one queued run, and the processes that work on it."""

    home: Home
    ledger: Ledger
    run_id: str
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def folder(self) -> RunFolder:
        return self.home.run(self.run_id)

    def work(self) -> psutil.Process:
        words = [sys.executable, "-m", "bot.cli", "--home", str(self.home.path), "work"]
        worker = subprocess.Popen([*words, "--verbose"], start_new_session=True)
        self.workers.append(worker)
        return psutil.Process(worker.pid)

    def shim(self, attempt: int = 1) -> psutil.Process:
        """The shim of an attempt as soon as it has claimed it."""
        waits(lambda: self.folder.start_record(attempt), f"attempt {attempt}")
        start = self.folder.start_record(attempt)
        assert start
        return psutil.Process(start.pid)

    def trainer(self) -> psutil.Process:
        shim = self.shim()
        waits(shim.children, "the trainer")
        return shim.children()[0]

    def has_begun(self) -> bool:
        return bool(self.folder.events(1).events)

    def story(self) -> list[str]:
        """How the run ended, once it has: the states of its attempts and its own."""
        waits(lambda: self.ledger.run(self.run_id).state.ended, "the end of the run", 120)
        states = [attempt.state.value for attempt in self.ledger.attempts(self.run_id)]
        return [*states, f"run {self.ledger.run(self.run_id).state.value}"]

    def assert_one_result(self) -> None:
        """One complete evidence, no second process, and one row on the board."""
        self.folder.verified_digest()
        assert self.folder.manifest().attempt == self.ledger.run(self.run_id).attempt
        assert [run.id for run in self.ledger.runs()] == [self.run_id]
        waits(lambda: standing_of(self.home.board, self.run_id), "the run on the board", 60)


def waits(holds: Callable[[], object], what: str, timeout_s: float = 30) -> None:
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.01)


def tuneboard(capsys: pytest.CaptureFixture[str], home: Home, *words: str) -> dict[str, object]:
    code = cli.main(["--home", str(home.path), "--json", *words])
    out = capsys.readouterr().out
    assert code == 0, out
    found: dict[str, object] = json.loads(out)
    return found


@pytest.fixture
def house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[House]:
    home = Home(tmp_path / "home")
    rows = [f"{'free prize' if n % 3 else 'see you'} number {n},{n % 3 and 1}" for n in range(2000)]
    (tmp_path / "sms.csv").write_text("\n".join(["text,label", *rows]))
    task = 'name = "sms"\nprimary_metric = "accuracy"\n[data]\nfile = "sms.csv"\n'
    (tmp_path / "sms.toml").write_text(task)
    tuneboard(capsys, home, "task", "add", str(tmp_path / "sms.toml"))
    answer = tuneboard(capsys, home, "run", "task=sms", "method=majority")
    run = answer["run"]
    assert isinstance(run, dict)
    ledger = Ledger.open(home.ledger_file)
    made = House(home, ledger, str(run["id"]))
    yield made
    for worker in made.workers:
        worker.terminate()
        assert worker.wait(20) in {0, -signal.SIGKILL, -signal.SIGTERM}
    ledger.close()


@pytest.mark.parametrize("moment", ["after the claim", "after the submit"])
def test_a_dispatcher_killed_around_the_start_of_a_run(house: House, moment: str) -> None:
    words = [sys.executable, "-c", DYING_DISPATCHER, str(house.home.path), moment]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert [a.state.value for a in house.ledger.attempts(house.run_id)] == ["dispatching"]
    house.work()
    assert house.story() == ["succeeded", "run succeeded"]
    house.assert_one_result()


def test_a_bot_killed_while_a_run_is_trained(house: House) -> None:
    worker = house.work()
    trainer = house.trainer()
    for process in [worker, *projections(worker)]:
        process.kill()
    assert psutil.pid_exists(trainer.pid)  # it did not go with the bot
    house.work()
    assert house.story() == ["succeeded", "run succeeded"]
    house.assert_one_result()


def test_a_run_ends_while_no_bot_is_there(house: House) -> None:
    worker = house.work()
    house.trainer()
    worker.kill()
    waits(lambda: house.folder.exit_record(1), "the end of the trainer")
    assert house.ledger.run(house.run_id).state is RunState.ACTIVE
    house.work()
    assert house.story() == ["succeeded", "run succeeded"]
    house.assert_one_result()


@pytest.mark.parametrize("begun", [False, True], ids=["at its start", "after its first event"])
def test_a_shim_killed_while_a_run_is_trained(house: House, begun: bool) -> None:
    house.work()
    shim = house.shim()
    if begun:
        waits(house.has_begun, "the first event")
    shim.kill()
    assert house.story() == ["lost", "succeeded", "run succeeded"]
    house.assert_one_result()


@pytest.mark.parametrize("begun", [False, True], ids=["at its start", "after its first event"])
def test_a_trainer_killed_while_it_trains(house: House, begun: bool) -> None:
    house.work()
    trainer = house.trainer()
    if begun:
        waits(house.has_begun, "the first event")
    trainer.kill()
    assert house.story() == ["lost", "succeeded", "run succeeded"]
    assert "killed from outside" in house.ledger.attempts(house.run_id)[0].reason
    house.assert_one_result()


def test_everything_killed_at_once(house: House) -> None:
    worker = house.work()
    shim, trainer = house.shim(), house.trainer()
    for process in [worker, shim, trainer]:
        os.kill(process.pid, signal.SIGKILL)
    house.work()
    assert house.story() == ["lost", "succeeded", "run succeeded"]
    house.assert_one_result()


@pytest.mark.parametrize("delay_s", [0.0, 0.7])
def test_a_projection_killed_while_it_publishes(house: House, delay_s: float) -> None:
    worker = house.work()
    assert house.story() == ["succeeded", "run succeeded"]
    waits(lambda: projections(worker) or read_pointer(house.home.board), "the projection")
    time.sleep(delay_s)
    for process in projections(worker):
        process.kill()
    house.assert_one_result()
    assert house.ledger.version() == _published_version(house)


def projections(worker: psutil.Process) -> list[psutil.Process]:
    return [p for p in worker.children() if "bot.hosts.projection" in _words_of(p)]


def _words_of(process: psutil.Process) -> list[str]:
    """The command line; none of a process that has just ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def _published_version(house: House) -> int:
    pointer = read_pointer(house.home.board)
    assert pointer
    return pointer.ledger_version
