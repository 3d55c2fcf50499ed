"""Events: numbered, told when work is mute, and a request to stop that is only a flag."""

import os
import signal
import time
from pathlib import Path

import pytest

from storage.run_folder import RunFolder
from trainer.progress import Progress
from trainer.stopping import Cancelled, StopRequest


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "r1")
    made.attempt(1).mkdir(parents=True)
    return made


def test_a_mute_stage_gives_a_sign_of_life_within_two_seconds(folder: RunFolder) -> None:
    with Progress(folder, 1) as progress:
        progress.stage("predict")
        time.sleep(2.1)
    kinds = [event.kind for event in folder.events(1).events]
    assert kinds == ["stage", "progress"]


def test_numbers_go_on_where_an_earlier_process_stopped(folder: RunFolder) -> None:
    for _ in range(2):
        with Progress(folder, 1) as progress:
            progress.stage("data")
            progress.warning("something")
    assert [event.seq for event in folder.events(1).events] == [1, 2, 3, 4]


def test_fast_steps_are_not_all_told(folder: RunFolder) -> None:
    with Progress(folder, 1) as progress:
        progress.stage("fit")
        for step in range(1, 1001):
            progress.step(step, 1000, 0.5, 1.0)
    assert len(folder.events(1).events) < 20


def test_each_stage_is_timed(folder: RunFolder) -> None:
    with Progress(folder, 1) as progress:
        progress.stage("data")
        time.sleep(0.05)
        progress.stage("fit")
        seconds = progress.seconds()
    assert seconds["data"] >= 0.05
    assert set(seconds) == {"data", "fit"}


def test_a_request_to_stop_is_seen_where_the_work_looks() -> None:
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop = StopRequest()
        stop.install()
        stop.raise_if_requested()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
        with pytest.raises(Cancelled):
            stop.raise_if_requested()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
