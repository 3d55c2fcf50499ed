"""Swaps of two models' answers: against SciPy's exact test, and how often it cries wolf."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score, matthews_corrcoef

from trainer.evaluate.compare import paired_difference
from trainer.evaluate.permutation import permutation_p
from trainer.evaluate.predictions import Predictions

SCIKIT = {
    "accuracy": lambda gold, found: float(np.mean(gold == found)),
    "macro_f1": lambda gold, found: f1_score(gold, found, average="macro", zero_division=0),
    "mcc": matthews_corrcoef,
}


def _answers(gold, answered, clusters=()):
    ids = tuple(f"e{row}" for row in range(len(gold)))
    return Predictions(("a", "b"), gold, np.eye(2)[answered], ids, clusters=clusters)


@pytest.mark.parametrize("metric", SCIKIT)
def test_it_is_the_exact_test_of_scipy_on_eight_examples(metric):
    gold = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    first = np.array([0, 0, 0, 0, 1, 1, 1, 0])
    second = np.array([0, 1, 1, 1, 1, 0, 0, 1])

    def difference(one, other):
        return SCIKIT[metric](gold, one) - SCIKIT[metric](gold, other)

    exact = stats.permutation_test(
        (first, second), difference, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    found = permutation_p(_answers(gold, first), _answers(gold, second), metric, permutations=50000)
    assert found == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "roc_auc", "log_loss"])
def test_equal_models_are_told_apart_as_seldom_as_promised(metric):
    random, alarms, times = np.random.default_rng(0), 0, 300
    for _ in range(times):
        gold = random.integers(0, 2, 120)
        shared = random.normal(size=120)
        models = []
        for _ in range(2):
            score = 1 / (1 + np.exp(-(2 * gold - 1 + shared + random.normal(size=120))))
            rows = np.stack([1 - score, score], axis=1)
            models.append(Predictions(("a", "b"), gold, rows))
        alarms += permutation_p(*models, metric, permutations=199) < 0.05
    assert alarms <= stats.binom.ppf(0.999, times, 0.05)


def test_a_clear_difference_is_found_and_equal_answers_are_not_told_apart():
    gold = np.arange(200) % 2
    worse = np.where(np.arange(200) < 40, 1 - gold, gold)
    right, wrong = _answers(gold, gold), _answers(gold, worse)
    assert permutation_p(right, wrong, "macro_f1") == 1 / 2001
    assert permutation_p(right, right, "macro_f1") == 1
    assert paired_difference(right, wrong, "macro_f1").p < 0.001


def test_clusters_change_owners_whole():
    """Forty rows that say the same four things ten times speak for four facts, not forty."""
    gold = np.zeros(40, int)
    second = np.repeat([0, 1, 1, 1], 10)
    clusters = tuple(f"c{row // 10}" for row in range(40))
    for metric in ("accuracy", "weighted_f1"):
        alone = permutation_p(_answers(gold, gold), _answers(gold, second), metric)
        together = permutation_p(
            _answers(gold, gold, clusters), _answers(gold, second, clusters), metric
        )
        assert alone < 0.001
        assert together > 0.1
