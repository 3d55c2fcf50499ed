"""Intervals: known values, and that they cover what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.evaluate import intervals, metrics
from trainer.evaluate.influence import auc_influence, macro_auc_influence
from trainer.evaluate.measure import measure
from trainer.evaluate.predictions import Predictions


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_that_of_the_paper(successes, n, low, high):
    found = intervals.wilson(successes, n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 5000), st.floats(0, 1))
def test_a_share_lies_in_its_interval(n, share):
    successes = round(share * n)
    found = intervals.wilson(successes, n)
    assert 0 <= found.low <= successes / n <= found.high <= 1


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match="not a share"):
        intervals.wilson(0, 0)


def test_an_effective_sample_that_is_the_sample_gives_wilsons_interval():
    share, n = 0.9, 150
    found = intervals.effective_wilson(share, share, share * (1 - share) / n, "how")
    plain = intervals.wilson(135, n)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high))


def test_the_f1_of_a_perfect_label_still_has_room_below():
    found = intervals.f1_interval(50, 50)
    assert 0.9 < found.low < 1
    assert found.high == 1


def test_equal_losses_leave_no_doubt_and_losses_stay_above_zero():
    assert intervals.mean_interval(np.full(30, 0.2)).low == pytest.approx(0.2)
    skewed = np.append(np.full(99, 0.01), 5.0)
    found = intervals.mean_interval(skewed)
    assert 0 < found.low < skewed.mean() < found.high


def test_the_influence_of_examples_has_delongs_variance():
    random = np.random.default_rng(4)
    positive = np.arange(90) < 30
    scores = random.normal(size=90) + positive
    found = auc_influence(scores, positive, pseudo=0.5)
    # The definition, pair by pair: structural components of DeLong et al. 1988.
    above = scores[positive][:, None] > scores[~positive][None, :]
    by_hand = above.mean(axis=1).var() / 30 + above.mean(axis=0).var() / 60
    assert found.value == pytest.approx(above.mean())
    assert found.influence.mean() == pytest.approx(0, abs=1e-12)
    assert found.influence.var() / 90 == pytest.approx(by_hand)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=50))
def test_the_area_by_placements_is_the_area_by_ranks(pairs):
    scores = np.array([score for score, _ in pairs], np.float64)
    positive = np.array([kind for _, kind in pairs])
    found, ranked = auc_influence(scores, positive, 0.5), metrics.roc_auc(scores, positive)
    if ranked is None:
        assert found is None
    else:
        assert found.value == pytest.approx(ranked)
        assert found.influence.mean() == pytest.approx(0, abs=1e-12)


def test_the_macro_area_has_the_variance_of_its_resamples():
    random = np.random.default_rng(5)
    gold = random.integers(0, 4, 600)
    scores = random.normal(size=(600, 4))
    scores[np.arange(600), gold] += 1.5
    rows = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = macro_auc_influence(rows, gold)
    drawn = [random.integers(0, 600, 600) for _ in range(400)]
    areas = [metrics.roc_auc_ovr(rows[chosen], gold[chosen]).value for chosen in drawn]
    assert found.value == pytest.approx(metrics.roc_auc_ovr(rows, gold).value)
    assert found.influence.std() / np.sqrt(600) == pytest.approx(np.std(areas), rel=0.12)


def test_a_perfect_ranking_has_an_interval_too():
    positive = np.arange(100) < 20
    found = auc_influence(positive.astype(float), positive, pseudo=0.5)
    assert found.value == 1
    assert 0.8 < found.interval.low < 0.99
    assert found.interval.high == 1


def _sample(random, n, classes, share_right):
    """A model that is right with this probability, and how sure it is in each example."""
    gold = random.integers(0, classes, n)
    wrong = (gold + random.integers(1, classes, n)) % classes
    answered = np.where(random.random(n) < share_right, gold, wrong)
    rows = np.full((n, classes), 0.1 / classes)
    rows[np.arange(n), answered] += 0.9
    return Predictions(tuple("abcdefghij"[:classes]), gold, rows)


@pytest.mark.parametrize(("classes", "share_right"), [(2, 0.98), (5, 0.9), (8, 0.7)])
def test_intervals_of_answers_cover_the_truth_as_often_as_they_say(classes, share_right):
    random = np.random.default_rng(classes)
    truth = {"accuracy": share_right, "macro_f1": share_right, "weighted_f1": share_right}
    # With K balanced classes and errors spread evenly, MCC = (K·accuracy − 1)/(K − 1).
    truth["mcc"] = (classes * share_right - 1) / (classes - 1)
    covered = dict.fromkeys(truth, 0)
    for _ in range(300):
        found = {m.name: m for m in measure(_sample(random, 240, classes, share_right), "test")}
        for name, value in truth.items():
            covered[name] += found[name].low <= value <= found[name].high
    # 300 repetitions of a true 0.95 lie in [0.91, 0.98] with 99.8 %.
    for name, hits in covered.items():
        assert 0.91 <= hits / 300 <= 0.985, name


@pytest.mark.parametrize("area", [0.7, 0.9, 0.99])
def test_intervals_of_areas_cover_the_truth_as_often_as_they_say(area):
    random = np.random.default_rng(int(area * 100))
    positive = np.arange(200) < 80
    # With exponential scores the area is rate/(rate + 1): no table is needed.
    rate = area / (1 - area)
    covered = 0
    for _ in range(500):
        scores = random.exponential(size=200) * np.where(positive, rate, 1)
        found = auc_influence(scores, positive, pseudo=0.5).interval
        covered += found.low <= area <= found.high
    assert 0.92 <= covered / 500 <= 0.985
