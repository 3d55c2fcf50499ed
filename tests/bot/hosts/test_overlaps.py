"""What runs learnt from against registered tests: asked once, whoever asks again."""

import numpy as np
import pytest

from bot.hosts.board.overlaps import Overlaps
from storage.board import Board, unpublished
from storage.evidence_tables import FINGERPRINTS, write_table
from storage.home import Home
from storage.records import Manifest
from trainer.evaluate.contamination import SIGNATURE

TRAINED, TESTED, BARE = "r1aaaaaaaaaaaa", "r1bbbbbbbbbbbb", "r1cccccccccccc"


def _leave(home: Home, run_id: str, hashes: dict[str, list[int]]) -> None:
    """Evidence with fingerprints of made-up texts, a number each."""
    rows = [(split, number) for split, numbers in hashes.items() for number in numbers]
    evidence = home.run(run_id).evidence
    evidence.mkdir(parents=True)
    signatures = [np.full(SIGNATURE, number, "<u4").tobytes() for _, number in rows]
    columns = {
        "split": [split for split, _ in rows],
        "hash": [number for _, number in rows],
        "signature": signatures,
    }
    write_table(evidence / FINGERPRINTS, columns)
    files = {f"evidence/{FINGERPRINTS}": run_id * 4}
    manifest = Manifest(run_id=run_id, attempt=1, spec_digest="", files=files)
    (evidence / "manifest.json").write_text(manifest.model_dump_json())


@pytest.fixture
def left(home: Home) -> Home:
    _leave(home, TRAINED, {"train": [1, 2], "validation": [3], "test": [90, 91]})
    _leave(home, TESTED, {"train": [50], "test": [3, 7, 1, 8]})
    return home


def _mask(board: Board, home: Home, run_id: str, tested: str) -> list[bool] | None:
    found = Overlaps(board, home).between(run_id, tested)
    return found.exact.tolist() if found else None


def test_a_pair_is_kept_and_not_asked_again(left: Home) -> None:
    with unpublished() as board:
        first = Overlaps(board, left)
        found = first.between(TRAINED, TESTED)
        assert found is not None
        assert sorted(found.exact.tolist()) == [False, False, True, True]
        assert found.texts == 3
        first.keep()
        (left.run(TRAINED).evidence / FINGERPRINTS).unlink()
        again = Overlaps(board, left).between(TRAINED, TESTED)
        assert again is not None
        assert again.exact.tolist() == found.exact.tolist()
        assert again.near.tolist() == found.near.tolist()
        assert again.texts == 3


def test_what_left_no_fingerprints_is_not_called_clean(left: Home) -> None:
    with unpublished() as board:
        assert _mask(board, left, BARE, TESTED) is None
        (left.run(TRAINED).evidence / FINGERPRINTS).unlink()
        assert _mask(board, left, TRAINED, TESTED) is None
