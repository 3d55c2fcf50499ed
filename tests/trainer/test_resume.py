"""Killed, asked to stop, started again: one result, the same steps, the same weights."""

import signal
from itertools import pairwise
from pathlib import Path

import pytest
from pyarrow import parquet

from storage.evidence_tables import CURVES, PREDICTIONS
from storage.records import EXIT_CANCELLED, EXIT_DONE, Method, Task

from .conftest import Made, Maker, end

EPOCHS = 4
STEPS = 32
"""Four epochs of 252 rows in batches of 32."""

pytestmark = pytest.mark.engine


def predictions(made: Made) -> list[list[float]]:
    table = parquet.read_table(made.folder.evidence / PREDICTIONS).to_pylist()
    return [row["probabilities"] for row in table]


def steps_of_the_curve(made: Made) -> list[int]:
    return [row["step"] for row in parquet.read_table(made.folder.evidence / CURVES).to_pylist()]


def make(make_run: Maker, task: Task, base: Path, name: str) -> Made:
    return make_run(task, Method.LORA, base=base, name=name, epochs=EPOCHS, patience=50)


def require_told(made: Made) -> None:
    """A person who waits hears something at least every two seconds."""
    events = made.folder.events(1).events
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    moments = [event.at.timestamp() for event in events]
    silence = max(after - before for before, after in pairwise(moments))
    assert silence < 4, "two seconds, and as much again for a busy machine"
    assert {"stage", "engine", "progress", "evaluation", "finished"} <= {e.kind for e in events}


@pytest.mark.parametrize("base", ["tiny_bert", "tiny_llama"])
def test_a_killed_run_goes_on_to_the_same_steps_and_the_same_numbers(
    task: Task, make_run: Maker, base: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(base)
    whole = make(make_run, task, folder, "whole")
    assert whole.run().returncode == EXIT_DONE
    require_told(whole)
    killed = make(make_run, task, folder, "killed")
    process = killed.start()
    killed.wait_for_checkpoint()
    assert end(process, signal.SIGKILL) == -signal.SIGKILL
    assert not killed.folder.has_evidence
    done = killed.run(attempt=2)
    assert done.returncode == EXIT_DONE, done.stderr
    summary = killed.folder.summary()
    assert summary.resumed_from_step
    assert summary.steps == whole.folder.summary().steps == STEPS
    assert summary.best_step == whole.folder.summary().best_step
    assert steps_of_the_curve(killed) == steps_of_the_curve(whole) == list(range(1, STEPS + 1))
    for found, expected in zip(predictions(killed), predictions(whole), strict=True):
        assert found == pytest.approx(expected, abs=1e-5)
    assert killed.folder.verified_digest()
    assert killed.folder.manifest().attempt == 2


def test_a_run_asked_to_stop_saves_and_ends_as_cancelled(
    task: Task, make_run: Maker, tiny_llama: Path
) -> None:
    made = make(make_run, task, tiny_llama, "stopped")
    process = made.start()
    made.wait_for_step(5)
    assert end(process, signal.SIGTERM) == EXIT_CANCELLED
    assert list(made.folder.checkpoints.glob("step-*"))
    assert not made.folder.has_evidence
    assert made.folder.error_message(1) is None
    assert made.run(attempt=2).returncode == EXIT_DONE
    summary = made.folder.summary()
    assert summary.resumed_from_step is not None
    assert summary.resumed_from_step >= 5
    assert summary.steps == STEPS
    assert not made.folder.checkpoints.exists(), "a finished run needs no checkpoints"


def test_a_torn_checkpoint_is_passed_over(task: Task, make_run: Maker, tiny_llama: Path) -> None:
    made = make(make_run, task, tiny_llama, "torn")
    process = made.start()
    made.wait_for_checkpoint()
    end(process, signal.SIGTERM)
    for found in made.folder.checkpoints.glob("step-*"):
        state = found / "state.safetensors"
        state.write_bytes(state.read_bytes()[:-10])
    done = made.run(attempt=2)
    assert done.returncode == EXIT_DONE
    assert "is not whole" in done.stderr
    assert made.folder.summary().resumed_from_step is None
    assert made.folder.summary().steps == STEPS


def test_a_stop_before_training_leaves_no_checkpoint_and_no_evidence(
    task: Task, make_run: Maker, tiny_llama: Path
) -> None:
    made = make(make_run, task, tiny_llama, "early")
    process = made.start()
    while not (made.folder.attempt(1) / "events.jsonl").exists():
        assert process.poll() is None
    assert end(process, signal.SIGTERM) == EXIT_CANCELLED
    assert not made.folder.has_evidence
