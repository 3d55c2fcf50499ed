"""What a run is held against once it stands beside others."""

import pytest

from storage.records import Outcome
from trainer.evaluate import board_checks
from trainer.evaluate.compare import PairedDifference


def _difference(value, half=0.02):
    return PairedDifference(value, value - half, value + half, 0.03, 500, "how")


@pytest.mark.parametrize(
    ("value", "outcome", "word"),
    [
        (0.05, Outcome.PASS, "better"),
        (-0.05, Outcome.FAIL, "worse"),
        (0.01, Outcome.WARN, "cannot be told apart"),
    ],
)
def test_a_run_beats_its_baseline_only_with_its_whole_interval(value, outcome, word):
    found = board_checks.beats_baseline(_difference(value), "tfidf r01", metric="macro_f1")
    assert found.outcome is outcome
    assert word in found.reason
    assert "tfidf r01) in macro_f1" in found.reason
    assert (found.value, found.n, found.limit) == (value, 500, 0.0)
    assert bool(found.advice) is (outcome is not Outcome.PASS)


def test_more_than_nothing_can_be_asked_for():
    found = board_checks.beats_baseline(_difference(0.05), "tfidf", limit=0.04)
    assert found.outcome is Outcome.WARN


def test_without_a_baseline_nothing_is_said_to_be_beaten():
    found = board_checks.beats_baseline(None, "")
    assert found.outcome is Outcome.NOT_RUN
    assert "Run a baseline" in found.advice


@pytest.mark.parametrize(
    ("rows", "outcome", "word"),
    [
        (199, Outcome.FAIL, "not ranked"),
        (200, Outcome.WARN, "low confidence"),
        (499, Outcome.WARN, "low confidence"),
        (500, Outcome.PASS, "enough"),
    ],
)
def test_a_small_test_set_is_said_to_be_small(rows, outcome, word):
    found = board_checks.test_size(rows, 200, 500)
    assert found.outcome is outcome
    assert word in found.reason
    assert found.n == rows
    if rows < 500:
        assert f"Label {500 - rows} more" in found.advice
