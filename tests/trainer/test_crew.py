"""Several processes that train together: the same training as one, and no one left behind."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from storage.evidence_tables import CURVES
from storage.records import EXIT_DONE, EXIT_FAILED, Method, Task
from storage.run_folder import RunFolder

from .conftest import ROOT, Made, Maker


def start(made: Made, processes: int) -> "subprocess.Popen[str]":
    made.folder.attempt(1).mkdir(exist_ok=True)
    return subprocess.Popen(
        made.command(),
        cwd=ROOT,
        env=os.environ | {"TUNEBOARD_THREADS": "1", "TUNEBOARD_PROCESSES": str(processes)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def helper_of(process: "subprocess.Popen[str]") -> int:
    found = helper_or_none(process)
    assert found is not None, "there is no helper"
    return found


def helper_or_none(process: "subprocess.Popen[str]") -> int | None:
    """The process that was started by another of ours."""
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
            words = (place.parent / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if int(fields[1]) == process.pid and b"help-train" in words:
            return int(place.parent.name)
    return None


def losses(folder: RunFolder) -> list[float]:
    rows = parquet.read_table(folder.evidence / CURVES).to_pylist()
    return [row["train_loss"] for row in rows if row["train_loss"] is not None]


@pytest.mark.engine
def test_two_processes_take_the_steps_of_one(task: Task, make_run: Maker, tiny_llama: Path) -> None:
    alone = make_run(task, Method.LORA, base=tiny_llama, epochs=1, name="alone")
    both = make_run(task, Method.LORA, base=tiny_llama, epochs=1, name="both")
    for made, processes in ((alone, 1), (both, 2)):
        process = start(made, processes)
        _, log = process.communicate(timeout=240)
        assert process.returncode == EXIT_DONE, log
    one, two = losses(alone.folder), losses(both.folder)
    assert len(one) == len(two) > 5
    assert np.abs(np.array(one) - np.array(two)).max() < 1e-4
    assert "2 processes train together" in both.folder.summary().engine_reason


@pytest.mark.engine
def test_a_dead_helper_ends_the_run_in_words(task: Task, make_run: Maker, tiny_llama: Path) -> None:
    made = make_run(task, Method.LORA, base=tiny_llama, epochs=100, name="r1")
    process = start(made, 2)
    made.wait_for_step(3)
    helper = helper_of(process)
    os.kill(helper, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == EXIT_FAILED
    assert "helped to train died (exit -9)" in (made.folder.error_message(1) or "")


@pytest.mark.engine
def test_a_helper_does_not_outlive_its_run(task: Task, make_run: Maker, tiny_llama: Path) -> None:
    made = make_run(task, Method.LORA, base=tiny_llama, epochs=100, name="r1")
    process = start(made, 2)
    until = time.monotonic() + 60
    while (helper := helper_or_none(process)) is None and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=60)
    until = time.monotonic() + 20
    while Path(f"/proc/{helper}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert helper is not None
    assert not Path(f"/proc/{helper}").exists()
