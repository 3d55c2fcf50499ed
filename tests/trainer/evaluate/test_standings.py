"""Rank ranges: what they promise, and that they keep it."""

import numpy as np
import pytest

from trainer.evaluate.detectable import detectable_difference, rows_needed
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.standings import RankRange, compare_all, tie_groups


def rank_ranges(runs, metric, **more):
    return compare_all(runs, metric, **more).ranges


def _runs(shares, n, seed=0, classes=3):
    """Models that are right with these probabilities, on the same examples."""
    random = np.random.default_rng(seed)
    gold = random.integers(0, classes, n)
    ids = tuple(f"e{row}" for row in range(n))
    found = []
    for share in shares:
        wrong = (gold + random.integers(1, classes, n)) % classes
        answered = np.where(random.random(n) < share, gold, wrong)
        rows = 0.05 + 0.1 * random.random((n, classes))
        rows[np.arange(n), answered] += 1
        rows /= rows.sum(axis=1, keepdims=True)
        found.append(Predictions(tuple("abcdef"[:classes]), gold, rows, ids))
    return found


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "mcc", "roc_auc", "log_loss", "brier"])
def test_runs_far_apart_have_a_rank_each(metric):
    ranges = rank_ranges(_runs([0.5, 0.9, 0.7], 1500), metric)
    assert ranges == (RankRange(3, 3), RankRange(1, 1), RankRange(2, 2))


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "roc_auc"])
def test_the_same_model_twice_shares_its_place(metric):
    best, worse = _runs([0.9, 0.5], 1000)
    ranges = rank_ranges([best, worse, best], metric)
    assert ranges == (RankRange(1, 2), RankRange(3, 3), RankRange(1, 2))


def test_one_run_alone_is_first_and_identical_runs_are_not_ranked():
    (alone,) = _runs([0.8], 100)
    assert rank_ranges([alone], "accuracy") == (RankRange(1, 1),)
    assert rank_ranges([alone] * 3, "macro_f1") == (RankRange(1, 3),) * 3


def test_the_order_of_the_runs_does_not_matter_to_their_ranges():
    runs = _runs([0.7, 0.75, 0.8, 0.9], 400)
    forth, back = rank_ranges(runs, "macro_f1"), rank_ranges(runs[::-1], "macro_f1")
    assert forth == back[::-1]


def test_equal_runs_are_all_tied_in_about_nineteen_of_twenty_cases():
    tied = [
        rank_ranges(_runs([0.8] * 6, 300, seed=s), "macro_f1", resamples=400)
        == (RankRange(1, 6),) * 6
        for s in range(150)
    ]
    # 150 draws of a true 0.95 lie above 0.89 with 99.8 %.
    assert np.mean(tied) >= 0.89


def test_true_ranks_lie_in_the_ranges():
    shares = [0.70, 0.74, 0.78, 0.82, 0.86]
    right = [
        all(r.low <= 5 - place <= r.high for place, r in enumerate(rank_ranges(runs, "accuracy")))
        for runs in (_runs(shares, 300, seed=s) for s in range(60))
    ]
    assert np.mean(right) >= 0.88


@pytest.mark.parametrize(
    ("n", "discordance", "difference"), [(7842, 0.1, 0.01), (1955, 0.1, 0.02), (621, 0.2, 0.05)]
)
def test_the_smallest_difference_found_is_that_of_the_formula(n, discordance, difference):
    error = np.sqrt((discordance - difference**2) / n)
    assert detectable_difference(error) == pytest.approx(difference, rel=2e-3)


def test_half_the_difference_needs_four_times_the_rows():
    assert rows_needed(500, 0.04, 0.02) == 2000
    assert rows_needed(500, 0.01, 0.02) == 500


def test_groups_are_peeled_and_runs_that_nobody_beats_are_first():
    beats = np.zeros((4, 4), np.bool_)
    beats[0, 2] = beats[0, 3] = beats[2, 3] = True
    assert tie_groups(beats) == (1, 1, 2, 3)


def test_runs_far_apart_are_groups_of_their_own_and_equal_ones_share_one():
    best, worse = _runs([0.9, 0.5], 1000)
    assert compare_all([best, worse, best], "macro_f1").groups == (1, 2, 1)


def test_runs_on_different_examples_are_refused():
    first, second = _runs([0.8, 0.8], 100)
    with pytest.raises(ValueError, match="the examples differ"):
        rank_ranges([first, second.take(np.arange(50))], "accuracy")


@pytest.mark.parametrize("metric", ["accuracy", "weighted_f1", "mcc", "roc_auc", "log_loss"])
def test_a_difference_without_spread_is_told_apart_on_many_examples_alone(metric):
    def ranges(n):
        gold = np.arange(n) % 2
        rows = [np.eye(2)[gold] * 0.8 + 0.1, np.eye(2)[1 - gold] * 0.8 + 0.1]
        ids = tuple(f"e{row}" for row in range(n))
        return rank_ranges([Predictions(("a", "b"), gold, r, ids) for r in rows], metric)

    assert ranges(2) == (RankRange(1, 2),) * 2
    assert ranges(300) == (RankRange(1, 1), RankRange(2, 2))
