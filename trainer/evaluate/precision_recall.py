"""Average precision, the area under the precision-recall curve, and its spread over resamples."""

from dataclasses import dataclass

import numpy as np

from trainer.evaluate.arrays import BoolArray, FloatArray
from trainer.evaluate.intervals import Interval, effective_wilson
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.scoring import positive_class

RESAMPLES = 200
RESAMPLES_OF_MANY = 50
"""With more than ten labels, whose mean varies less and takes longer."""


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """The value, or the mean over the classes that occur, with its interval."""

    value: float
    interval: Interval


def average_precision(scores: FloatArray, positive: BoolArray, weights: FloatArray) -> FloatArray:
    """Σ (R_k − R_{k−1})·P_k over distinct scores, highest first.

    Args:
        scores: Shape (n,). Higher means more likely positive.
        positive: Shape (n,).
        weights: Shape (..., n). How often each example counts.

    Returns:
        Shape (...). In [0, 1]; 0 where no positive counts. As scikit-learn's
        `average_precision_score`.
    """
    order = np.argsort(-scores, kind="stable")
    weighted = weights[..., order]
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(weighted * positive[order], axis=-1)[..., ends]
    answered = np.cumsum(weighted, axis=-1)[..., ends]
    gained = np.diff(hits, axis=-1, prepend=0)
    precision = np.divide(hits, answered, out=np.zeros_like(hits), where=answered > 0)
    total = hits[..., -1]
    area = (gained * precision).sum(axis=-1)
    return np.asarray(np.divide(area, total, out=np.zeros_like(area), where=total > 0), np.float64)


def pr_auc(
    predictions: Predictions, positive: str | None, seed: int = 0
) -> AveragePrecision | None:
    """Average precision of the positive label, or the mean over labels; None if none occurs.

    Its interval is Wilson's with an effective n, by resamples with one undecided positive more: a
    perfect ranking would not vary at all.

    Args:
        predictions: What a model said.
        positive: With two labels, the one that is meant; the rarer one if None.
    """
    two = len(predictions.labels) == 2
    asked = [positive_class(predictions, positive)] if two else range(len(predictions.labels))
    present = [k for k in asked if (predictions.gold == k).any()]
    if not present:
        return None
    n, predictions = len(predictions), predictions.in_own_order()
    generator = np.random.default_rng(seed)
    resamples = RESAMPLES if len(present) <= 10 else RESAMPLES_OF_MANY
    drawn = generator.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    once = np.ones(n)
    values, spreads = [], []
    for k in present:
        scores, positives = predictions.probabilities[:, k], predictions.gold == k
        values.append(float(average_precision(scores, positives, once)))
        spreads.append(average_precision(scores, positives, drawn))
    value = float(np.mean(values))
    fewest = min(int((predictions.gold == k).sum()) for k in present)
    smoothed = (value * fewest + 0.5) / (fewest + 1)
    least = smoothed * (1 - smoothed) / (fewest * len(present))
    variance = max(float(np.mean(spreads, axis=0).var(ddof=1)), least)
    how = f"Wilson interval with the effective n of {resamples} resamples"
    return AveragePrecision(value, effective_wilson(value, smoothed, variance, how))
