"""Paired comparison: known cases, and how often it is wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trainer.evaluate import metrics
from trainer.evaluate.compare import holm, mcnemar_mid_p, paired_difference
from trainer.evaluate.predictions import Predictions

METRICS = ["accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "log_loss", "brier"]


def _pair(n=300, classes=3, gain=0.0, seed=0):
    """Two models that share most of their doubts; the first is better by `gain`."""
    random = np.random.default_rng(seed)
    gold = random.integers(0, classes, n)
    shared = random.normal(size=(n, classes))
    ids = tuple(f"e{row}" for row in range(n))
    models = []
    for extra in (gain, 0.0):
        scores = shared + 0.5 * random.normal(size=(n, classes))
        scores[np.arange(n), gold] += 2 + extra
        rows = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        models.append(Predictions(tuple("abcdefgh"[:classes]), gold, rows, ids))
    return models


def test_the_mid_p_value_is_that_of_the_paper():
    # Fagerland et al. 2013, airway hyper-responsiveness: 7 and 1 discordant pairs give 0.039.
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)
    exact = stats.binomtest(6, 20, 0.5).pvalue
    assert mcnemar_mid_p(6, 14) == pytest.approx(exact - stats.binom.pmf(6, 20, 0.5))
    assert mcnemar_mid_p(0, 0) == mcnemar_mid_p(4, 4) == 1


def test_holm_corrects_in_steps():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_makes_a_p_value_smaller_nor_changes_their_order(p_values):
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert all(np.diff(np.array(corrected)[order]) >= 0)


@pytest.mark.parametrize("metric", METRICS)
def test_the_difference_is_that_of_the_two_values_and_turns_round(metric):
    a, b = _pair(gain=0.5)
    there, back = paired_difference(a, b, metric), paired_difference(b, a, metric)
    assert there.value == pytest.approx(_value(a, metric) - _value(b, metric), abs=1e-12)
    assert there.low < there.value < there.high
    assert back.value == pytest.approx(-there.value)
    assert back.p == pytest.approx(there.p)
    assert back.low == pytest.approx(-there.high)
    assert there.n == 300


def _value(model, metric):
    if metric == "roc_auc":
        return metrics.roc_auc_ovr(model.probabilities, model.gold).value
    if metric in ("log_loss", "brier"):
        return getattr(metrics, metric)(model.probabilities, model.gold)
    counts = metrics.class_counts(model.gold, model.predicted, len(model.labels))
    return float(getattr(metrics, metric)(counts))


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_does_not_differ_from_itself(metric):
    model, _ = _pair()
    found = paired_difference(model, model, metric)
    assert found.value == 0
    assert found.p == 1
    assert found.low <= 0 <= found.high


@pytest.mark.parametrize("metric", METRICS)
def test_examples_are_paired_by_their_ids(metric):
    a, b = _pair(gain=0.3)
    turned = b.take(np.arange(len(b))[::-1])
    here, there = paired_difference(a, turned, metric), paired_difference(a, b, metric)
    assert (here.value, here.low, here.high) == pytest.approx((there.value, there.low, there.high))


def test_different_examples_are_refused():
    a, b = _pair()
    with pytest.raises(ValueError, match="1 of 300 and 299 are in only one, such as 'e299'"):
        paired_difference(a, b.take(np.arange(299)), "accuracy")
    other = Predictions(a.labels, (a.gold + 1) % 3, a.probabilities, a.ids)
    with pytest.raises(ValueError, match="true labels"):
        paired_difference(a, other, "accuracy")
    renamed = Predictions(("x", "y", "z"), a.gold, a.probabilities, a.ids)
    with pytest.raises(ValueError, match="labels differ"):
        paired_difference(a, renamed, "accuracy")


def test_an_unknown_metric_is_refused_with_those_that_are_known():
    a, b = _pair()
    with pytest.raises(ValueError, match=r"'f2' is not one of .*macro_f1"):
        paired_difference(a, b, "f2")


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "mcc", "roc_auc", "log_loss"])
def test_equal_models_are_told_apart_in_about_one_of_twenty_cases(metric):
    found = [paired_difference(*_pair(seed=s), metric, resamples=400) for s in range(300)]
    # 300 draws of a true 0.05 lie between 0.017 and 0.09 with 99.8 %.
    assert 0.01 <= np.mean([d.p < 0.05 for d in found]) <= 0.09
    assert 0.91 <= np.mean([d.low <= 0 <= d.high for d in found]) <= 0.99


@pytest.mark.parametrize("metric", METRICS)
def test_a_clear_gain_is_found(metric):
    found = paired_difference(*_pair(n=800, gain=0.8), metric)
    assert found.p < 0.001
    assert (found.high < 0) if metric in ("log_loss", "brier") else (found.low > 0)


def test_the_positive_label_does_not_change_the_area_of_two_labels():
    a, b = _pair(classes=2, gain=0.4)
    here, there = (paired_difference(a, b, "roc_auc", positive=label) for label in "ab")
    assert here.value == pytest.approx(there.value)
    assert here.p == pytest.approx(there.p)


def _perfect_and_constant(n):
    """A model that is always right and sure, and one that says the same of every example."""
    gold = np.arange(n) % 2
    ids = tuple(f"e{row}" for row in range(n))
    sure, same = np.eye(2)[gold], np.tile([0.6, 0.4], (n, 1))
    return [Predictions(("a", "b"), gold, rows, ids) for rows in (sure, same)]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [2, 4, 12, 300])
def test_no_difference_claims_certainty_or_leaves_its_range(metric, n):
    reach = {"mcc": 2, "brier": 2, "log_loss": np.inf}.get(metric, 1)
    for pair in (_perfect_and_constant(n), _perfect_and_constant(n)[::-1], _opposed(n)):
        found = paired_difference(*pair, metric)
        assert -reach <= found.low <= found.value <= found.high <= reach
        assert found.high - found.low >= 1 / n * abs(found.value)
        assert 0 < found.p <= 1
        if metric in ("macro_f1", "weighted_f1", "mcc"):
            assert found.p >= 1 / 2001


def _opposed(n):
    right, _ = _perfect_and_constant(n)
    return [right, Predictions(right.labels, right.gold, right.probabilities[:, ::-1], right.ids)]
