"""Logistic regression on features, its strength chosen on validation. Shared by two methods."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.evaluate.arrays import FloatArray, IntArray

STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse regularisation tried; three, since a baseline should be quick and hard to beat."""
ITERATIONS = 500


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Shape (labels, features) and (labels,): probabilities are softmax(X·weightsᵀ + bias)."""

    weights: FloatArray
    bias: FloatArray

    def probabilities(self, features: Any) -> FloatArray:  # dense array or scipy sparse matrix
        scores = np.asarray(features @ self.weights.T) + self.bias
        scores -= scores.max(axis=1, keepdims=True)
        raised = np.exp(scores)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class ChosenHead:
    """The head with the lowest validation log loss, and what was tried."""

    head: LinearHead
    strength: float
    notes: tuple[str, ...]


def fit_head(
    train: Any,
    gold: IntArray,
    validation: Any,
    validation_gold: IntArray,
    labels: int,
    seed: int,
    strengths: Sequence[float] = STRENGTHS,
) -> ChosenHead:
    """Fit one head per strength and keep the best on validation.

    Args:
        train: Shape (rows, features), dense or sparse; `gold` its class indices.
        validation: Shape (validation rows, features).
        labels: How many classes there are; each occurs in `gold`.
    """
    tried: list[tuple[float, float, LinearHead]] = []
    notes: list[str] = []
    for strength in strengths:
        head, converged = _fit_one(train, gold, labels, strength, seed)
        found = head.probabilities(validation)[np.arange(len(validation_gold)), validation_gold]
        tried.append((float(-np.log(np.maximum(found, 1e-12)).mean()), strength, head))
        if not converged:
            notes.append(f"C={strength:g} did not converge in {ITERATIONS} iterations")
    _, strength, head = min(tried, key=lambda entry: entry[:2])
    return ChosenHead(head, strength, tuple(notes))


def _fit_one(
    train: Any, gold: IntArray, labels: int, strength: float, seed: int
) -> tuple[LinearHead, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = LogisticRegression(C=strength, max_iter=ITERATIONS, random_state=seed)
    # One thread: on small problems waiting for the second one took 60 times as long as the work.
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(train, gold)
    converged = not any(issubclass(found.category, ConvergenceWarning) for found in caught)
    weights, bias = model.coef_, model.intercept_
    if labels == 2:  # scikit-learn keeps one row for two classes: the sigmoid of the second
        weights = np.vstack([np.zeros_like(weights), weights])
        bias = np.concatenate([np.zeros_like(bias), bias])
    head = LinearHead(np.ascontiguousarray(weights, np.float64), np.asarray(bias, np.float64))
    return head, converged
