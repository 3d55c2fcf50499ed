"""Near duplicates: found by shared shingles, failed only where they lift the score."""

import numpy as np
import pytest

from storage.records import Outcome
from trainer.checks import leakage_near
from trainer.data.fingerprints import fingerprints
from trainer.data.near import letter_shingles, nearest, word_shingles
from trainer.evaluate.contamination import inflation, overlap, registered_overlap

LONG = "please send the blue kettle to my new address in the old town before friday noon"


def _texts(count: int, start: int = 0) -> list[str]:
    words = np.random.default_rng(start).integers(0, 5000, (count, 12))
    return [" ".join(f"w{word}" for word in row) for row in words]


class TestNearest:
    def test_one_word_changed_in_a_long_text_is_found(self) -> None:
        changed = LONG.replace("friday", "monday")
        found = nearest([changed, "something else entirely"], [*_texts(5), LONG.upper()])
        assert found.hits.tolist() == [True, False]
        assert found.match[0] == 5
        shared, every = word_shingles(changed) & word_shingles(LONG), word_shingles(changed)
        assert found.similarity[0] == pytest.approx(len(shared) / len(every | word_shingles(LONG)))

    def test_short_texts_are_held_by_their_letters_and_must_share_more(self) -> None:
        found = nearest(["where is my card?", "where is my cat"], ["where is my card"])
        assert found.hits.tolist() == [True, False]
        one, other = letter_shingles("where is my card?"), letter_shingles("where is my card")
        assert found.similarity[0] == pytest.approx(len(one & other) / len(one | other))

    def test_nothing_to_compare_with_is_no_hit(self) -> None:
        found = nearest(["a text"], [])
        assert not found.hits.any()
        assert found.match.tolist() == [-1]

    def test_a_text_without_letters_is_like_itself(self) -> None:
        assert nearest(["!"], ["!", "?"]).match.tolist() == [0]


class TestInflation:
    def test_rows_learnt_by_heart_lift_the_score(self) -> None:
        correct = np.arange(100) < 70  # 20 hits all right, 50 of the other 80
        found = inflation(correct, np.arange(100) < 20)
        assert found is not None
        assert found.value == pytest.approx(0.7 - 50 / 80)
        assert found.interval.low > 0

    @pytest.mark.parametrize("hits", [0, 100])
    def test_without_both_kinds_of_rows_there_is_none(self, hits: int) -> None:
        assert inflation(np.ones(100, np.bool_), np.arange(100) < hits) is None

    def test_its_interval_holds_nothing_in_19_of_20_cases(self) -> None:
        random, held = np.random.default_rng(0), 0
        for _ in range(400):
            found = inflation(random.random(300) < 0.9, random.random(300) < 0.1)
            held += found is not None and found.interval.low <= 0 <= found.interval.high
        assert 0.92 <= held / 400 <= 0.995


def _check(correct: np.ndarray, near: int, *, quote: bool = True):
    train = _texts(500)
    test = [f"{text} again" for text in train[:near]] + _texts(200 - near, start=9)
    found = nearest(test, train)
    exact = np.zeros(200, np.bool_)
    return leakage_near.check(found, exact, correct, (test, train), 0.01, quote=quote)


def test_sensitive_texts_are_not_quoted() -> None:
    told, kept = (_check(np.arange(200) % 10 != 0, near=40, quote=q).reason for q in (True, False))
    assert "shared): 'w" in told
    assert "'w" not in kept
    assert "the nearest (0.91 shared)." in kept


def test_copies_that_lift_the_score_fail() -> None:
    found = _check(np.arange(200) < 120, near=40)
    assert found.outcome is Outcome.FAIL
    assert found.value == pytest.approx(0.2)
    assert "lift accuracy by at least" in found.reason


def test_copies_that_lift_nothing_warn_with_the_nearest_pair() -> None:
    found = _check(np.arange(200) % 10 != 0, near=40)
    assert found.outcome is Outcome.WARN
    assert "the nearest (0.91 shared): " in found.reason


def test_no_copies_pass() -> None:
    assert _check(np.ones(200, np.bool_), near=0).outcome is Outcome.PASS


def _registered(learnt, tests, unknown, limit):
    """Every part of what was learnt against every test."""
    found = {name: [overlap(part, test) for part in learnt] for name, test in tests.items()}
    return registered_overlap(found, unknown, limit)


class TestRegisteredTests:
    def test_training_texts_in_the_test_of_another_task_fail(self) -> None:
        test = _texts(100)
        tests = {"other": fingerprints(test), "own": fingerprints(_texts(50, 3))}
        found = _registered([fingerprints(test[:10])], tests, ["new"], 0.01)
        assert (found.outcome, found.value) == (Outcome.FAIL, pytest.approx(0.1))
        assert "other" in found.reason
        assert "Not compared, for no run of them is known: new" in found.reason

    def test_what_a_run_goes_on_from_counts_as_well(self) -> None:
        test = _texts(100)
        parts = [fingerprints(_texts(20, 5)), fingerprints(test[:1])]
        found = _registered(parts, {"own": fingerprints(test)}, [], 0.05)
        assert found.outcome is Outcome.WARN
        assert "and of 1 runs it goes on from" in found.reason

    def test_texts_that_are_nearly_the_same_warn(self) -> None:
        tests = {"own": fingerprints([LONG, *_texts(9)])}
        found = _registered([fingerprints([f"{LONG}!"])], tests, [], 0.01)
        assert (found.outcome, found.value) == (Outcome.WARN, 0.0)
        assert "10.0% nearly" in found.reason

    def test_texts_of_their_own_pass(self) -> None:
        tests = {"own": fingerprints(_texts(50, 1))}
        assert _registered([fingerprints(_texts(50, 2))], tests, [], 0.01).value == 0.0

    def test_unknown_training_texts_are_not_called_clean(self) -> None:
        tests = {"own": fingerprints(_texts(5))}
        assert _registered([], tests, [], 0.01).outcome is Outcome.NOT_RUN
