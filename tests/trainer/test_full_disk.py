"""A disk that fills up while a model is trained: the run ends in words, and can go on."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.records import EXIT_DONE, EXIT_FAILED, BaseRef, Method, RunSpec, Task, Training
from storage.run_folder import RunFolder

from .conftest import Made, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, 32) as place:
        yield place


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(65536))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return filler


@pytest.mark.engine
def test_a_full_disk_ends_the_run_in_words_and_its_checkpoint_is_of_use(
    task: Task, disk: Path, tiny_llama: Path
) -> None:
    spec = RunSpec(
        task=task,
        method=Method.LORA,
        base=BaseRef(name="tiny", path=str(tiny_llama)),
        training=Training(epochs=40),
    )
    made = Made(RunFolder(disk / "r1"))
    made.folder.create(spec)
    process = made.start()
    made.wait_for_checkpoint()
    filler = fill(disk)
    _, log = process.communicate(timeout=120)
    assert process.returncode == EXIT_FAILED, log
    said = made.folder.error_message(1) or log
    assert "disk is full" in said
    assert not made.folder.has_evidence
    filler.unlink()
    again = made.run(attempt=2)
    assert again.returncode == EXIT_DONE, again.stderr
    assert (made.folder.summary().resumed_from_step or 0) > 0
