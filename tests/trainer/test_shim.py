"""The shim with real processes: small scripts stand for the trainer."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from bot.hosts.locks import is_held
from storage.records import ShimExit
from storage.run_folder import RunFolder

from .conftest import small_disk

SHIM = Path(__file__).parents[2] / "trainer" / "shim.py"

SAVES_ON_TERM = """
    import signal, sys, time
    def save(*_):
        time.sleep({save_s})
        open("saved", "w").write("x")
        sys.exit(143)
    signal.signal(signal.SIGTERM, save)
    open("started", "a").write("x")
    time.sleep(60)
"""

FILLS_THE_DISK = """
    try:
        with open("big", "wb", buffering=0) as big:
            while True:
                big.write(b"x" * 4096)
    except OSError:
        raise SystemExit(9)
"""


@dataclass(slots=True)
class Bench:
    """A run folder and the shims that were started on it."""

    folder: RunFolder
    shims: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(
        self,
        script: str,
        *,
        attempt: int = 1,
        grace: float = 10,
        before: Callable[[], object] | None = None,
    ) -> "subprocess.Popen[bytes]":
        code = textwrap.dedent(script)
        return self.start_program([sys.executable, "-c", code], attempt, grace, before)

    def start_program(
        self,
        program: list[str],
        attempt: int = 1,
        grace: float = 10,
        before: Callable[[], object] | None = None,
    ) -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-S", "-E", "-P", str(SHIM), str(self.folder.path), str(attempt)]
        shim = subprocess.Popen(
            [*words, "--grace", str(grace), "--", *program],
            start_new_session=True,
            preexec_fn=before,
        )
        self.shims.append(shim)
        return shim

    def run(self, script: str) -> ShimExit:
        assert self.start(script).wait(30) == 0
        return self.exit()

    def exit(self, attempt: int = 1) -> ShimExit:
        found = self.folder.exit_record(attempt)
        assert found, "no exit was recorded"
        return found

    def wait_for(self, name: str) -> Path:
        path = self.folder.attempt(1) / name
        wait_until(path.exists, name)
        return path


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.01)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = RunFolder(tmp_path / "r000001")
    folder.path.mkdir()
    made = Bench(folder)
    yield made
    for shim in made.shims:
        if shim.poll() is None:
            folder.request_cancel()
            shim.wait(30)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("import os; os.kill(os.getpid(), 11)", -11),
        ("import os; os.kill(os.getpid(), 9)", -9),
    ],
    ids=["done", "exit 3", "segmentation fault", "killed from outside"],
)
def test_an_exit_is_recorded_as_it_was(bench: Bench, script: str, code: int) -> None:
    found = bench.run(script)
    assert (found.code, found.killed, found.cancelled) == (code, False, False)


def test_a_program_that_is_not_there_is_named(bench: Bench) -> None:
    assert bench.start_program(["/no/such/python"]).wait(30) == 0
    assert bench.exit().code == 127
    assert "'/no/such/python'" in bench.exit().message


def test_the_claim_names_host_and_command_and_the_log_has_the_output(bench: Bench) -> None:
    bench.run("print('hello from the trainer')")
    start = bench.folder.start_record(1)
    assert start
    assert (start.run_id, start.attempt, start.host) == ("r000001", 1, os.uname().nodename)
    assert start.argv[0] == sys.executable
    assert bench.folder.log_file(1).read_text() == "hello from the trainer\n"


def test_a_trainer_is_nice_and_leads_a_session_of_its_own(bench: Bench) -> None:
    script = "import os; print(os.nice(0), os.getsid(0) == os.getpid(), os.getcwd())"
    bench.run(script)
    where = bench.folder.attempt(1).resolve()
    assert bench.folder.log_file(1).read_text() == f"10 True {where}\n"


def test_a_second_shim_is_refused_while_the_first_is_at_work(bench: Bench) -> None:
    bench.start(SAVES_ON_TERM.format(save_s=0))
    bench.wait_for("started")
    assert bench.start(SAVES_ON_TERM.format(save_s=0)).wait(30) == 75
    assert bench.start("open('other', 'w')", attempt=2).wait(30) == 75
    assert bench.wait_for("started").read_text() == "x"


def test_a_shim_that_comes_again_does_nothing(bench: Bench) -> None:
    bench.run("open('count', 'a').write('x')")
    first = bench.exit()
    assert bench.start("open('count', 'a').write('x')").wait(30) == 0
    assert (bench.folder.attempt(1) / "count").read_text() == "x"
    assert bench.exit() == first


def test_many_shims_at_once_start_one_trainer(bench: Bench) -> None:
    shims = [bench.start("open('count', 'a').write('x')") for _ in range(8)]
    codes = {shim.wait(60) for shim in shims}
    assert codes <= {0, 75}
    assert (bench.folder.attempt(1) / "count").read_text() == "x"


def test_an_attempt_that_was_replaced_never_starts(bench: Bench) -> None:
    assert bench.start("pass", attempt=2).wait(30) == 0
    assert bench.start("pass", attempt=1).wait(30) == 75
    assert bench.folder.start_record(1) is None


def test_a_cancelled_trainer_has_time_to_save(bench: Bench) -> None:
    shim = bench.start(SAVES_ON_TERM.format(save_s=0.5))
    bench.wait_for("started")
    bench.folder.request_cancel()
    assert shim.wait(20) == 0
    assert (bench.folder.attempt(1) / "saved").exists()
    found = bench.exit()
    assert (found.code, found.killed, found.cancelled) == (143, False, True)


def test_a_trainer_that_saves_longer_than_the_grace_is_killed(bench: Bench) -> None:
    shim = bench.start(SAVES_ON_TERM.format(save_s=30), grace=0.5)
    bench.wait_for("started")
    bench.folder.request_cancel()
    assert shim.wait(20) == 0
    found = bench.exit()
    assert (found.code, found.killed, found.cancelled) == (-9, True, True)


def test_a_term_to_the_shim_stops_the_trainer_and_says_so(bench: Bench) -> None:
    shim = bench.start(SAVES_ON_TERM.format(save_s=0))
    bench.wait_for("started")
    shim.terminate()
    assert shim.wait(20) == 0
    found = bench.exit()
    assert (found.code, found.cancelled) == (143, True)
    assert "SIGTERM" in found.message


def test_a_run_outlives_the_connection_it_was_started_over(bench: Bench) -> None:
    shim = bench.start("import time; open('started', 'w'); time.sleep(1)")
    bench.wait_for("started")
    shim.send_signal(signal.SIGHUP)
    assert shim.wait(20) == 0
    assert bench.exit().code == 0


def test_a_run_that_was_cancelled_before_it_began_starts_nothing(bench: Bench) -> None:
    bench.folder.request_cancel()
    found = bench.run("open('started', 'w')")
    assert (found.code, found.cancelled) == (143, True)
    assert not (bench.folder.attempt(1) / "started").exists()


def test_a_killed_shim_takes_its_trainer_along_and_the_lock_tells_when(bench: Bench) -> None:
    shim = bench.start(SAVES_ON_TERM.format(save_s=0.7))
    bench.wait_for("started")
    shim.kill()
    shim.wait()
    assert is_held(bench.folder.lock_file)  # the trainer is saving, and holds it
    assert not (bench.folder.attempt(1) / "saved").exists()
    wait_until(lambda: not is_held(bench.folder.lock_file), "the trainer's end")
    assert (bench.folder.attempt(1) / "saved").exists()
    assert bench.folder.exit_record(1) is None


def test_what_the_trainer_left_behind_is_ended_before_the_exit_is_recorded(bench: Bench) -> None:
    bench.run("""
        import subprocess, sys
        escaped = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
        child = subprocess.Popen(
            [sys.executable, "-c", escaped], stdout=subprocess.PIPE, start_new_session=True)
        open("grandchild", "w").write(child.stdout.readline().decode())
    """)
    grandchild = int((bench.folder.attempt(1) / "grandchild").read_text())
    assert bench.exit().code == 0
    assert not psutil.pid_exists(grandchild)
    assert not is_held(bench.folder.lock_file)


def test_an_exit_is_recorded_where_no_file_may_grow(bench: Bench) -> None:
    limit = 8192
    shim = bench.start(
        FILLS_THE_DISK,
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert shim.wait(30) == 0
    assert bench.exit().code == 9
    assert (bench.folder.attempt(1) / "big").stat().st_size == limit


@pytest.fixture(name="small_disk")
def small_disk_fixture(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, 1) as place:
        yield place


def test_an_exit_is_recorded_on_a_full_disk(small_disk: Path) -> None:
    folder = RunFolder(small_disk / "r000002")
    folder.path.mkdir()
    bench = Bench(folder)
    shim = bench.start(FILLS_THE_DISK)
    assert shim.wait(30) == 0
    assert os.statvfs(small_disk).f_bavail == 0
    found = bench.exit()
    assert (found.code, found.message) == (9, "the disk is full")


def test_a_disk_that_was_full_before_leaves_no_half_claim(small_disk: Path) -> None:
    folder = RunFolder(small_disk / "r000003")
    folder.path.mkdir()
    with pytest.raises(OSError, match="space"):
        (small_disk / "big").write_bytes(b"x" * 2_000_000)
    assert Bench(folder).start("open('started', 'w')").wait(30) == 74
    assert folder.start_record(1) is None
    assert not (folder.attempt(1) / "started").exists()


def test_a_shim_imports_nothing_but_pythons_own(tmp_path: Path) -> None:
    words = [sys.executable, "-S", "-E", "-P", "-c"]
    code = (
        f"import runpy, sys, json; runpy.run_path({str(SHIM)!r}); print(json.dumps([*sys.modules]))"
    )
    done = subprocess.run([*words, code], capture_output=True, check=True, cwd=tmp_path)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert loaded - sys.stdlib_module_names <= {"__main__"}
