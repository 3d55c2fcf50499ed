"""Average precision, as scikit-learn has it."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from trainer.evaluate.precision_recall import average_precision, pr_auc
from trainer.evaluate.predictions import Predictions


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_scikit_learn_with_ties(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, positive = random.integers(0, 15, 200) / 15, random.random(200) < 0.3
    own = float(average_precision(scores, positive, np.ones(200)))
    assert own == pytest.approx(average_precision_score(positive, scores), abs=1e-12)


def test_weights_count_as_repeated_examples() -> None:
    random = np.random.default_rng(0)
    scores, positive = random.random(100), random.random(100) < 0.4
    weights = random.integers(0, 4, 100)
    rows = np.repeat(np.arange(100), weights)
    own = float(average_precision(scores, positive, weights.astype(float)))
    again = float(average_precision(scores[rows], positive[rows], np.ones(len(rows))))
    assert own == pytest.approx(again)


def test_with_several_labels_it_is_the_mean_of_those_that_occur() -> None:
    random = np.random.default_rng(1)
    gold = random.integers(0, 2, 300)  # the third label never occurs
    rows = random.dirichlet(np.ones(3), 300)
    found = pr_auc(Predictions(("a", "b", "c"), gold, rows), None)
    assert found
    own = [average_precision_score(gold == k, rows[:, k]) for k in (0, 1)]
    assert found.value == pytest.approx(np.mean(own))
    assert found.interval.low < found.value < found.interval.high


def test_a_perfect_ranking_is_not_free_of_doubt() -> None:
    gold = np.arange(100) % 2
    rows = np.eye(2)[gold] * 0.8 + 0.1
    found = pr_auc(Predictions(("a", "b"), gold, rows), "b")
    assert found
    assert found.value == 1
    assert found.interval.low < 0.99
