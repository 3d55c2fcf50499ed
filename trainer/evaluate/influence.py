"""ROC AUC with its influence functions: what each example adds to the area.

From them come the interval of one model's area and, by subtracting those of two models, the
interval of a difference (DeLong's method), all without resampling.
Sources: DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated
receiver operating characteristic curves".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.evaluate.clusters import mean_error
from trainer.evaluate.intervals import Interval, effective_wilson

PSEUDO_EXAMPLES = 0.5
"""Weight of the undecided pseudo-positive and pseudo-negative (placement ½) that smooth a curve."""


@dataclass(frozen=True, slots=True)
class AucInfluence:
    """An area under the curve, or the mean of several, and where it comes from.

    Attributes:
        value: The area.
        influence: Shape (n,). Mean 0; standard error of the area = sd(influence)/√n.
        smoothed: The area with the pseudo-examples.
        smoothed_variance: Its squared standard error, above 0 even where the ranking is perfect.
        freedom: Degrees of freedom of that variance: few positives say little of how they vary.
    """

    value: float
    influence: FloatArray
    smoothed: float
    smoothed_variance: float
    freedom: float

    def clustered(self, clusters: Sequence[str]) -> "AucInfluence":
        """The same with the error of whole clusters instead of single examples."""
        if not clusters:
            return self
        own = mean_error(self.influence, ())
        factor = (mean_error(self.influence, clusters) / own) ** 2 if own else 1.0
        variance = self.smoothed_variance * max(factor, 1e-12)
        freedom = min(self.freedom, max(1.0, len(set(clusters)) - 1.0))
        return AucInfluence(self.value, self.influence, self.smoothed, variance, freedom)

    @property
    def interval(self) -> Interval:
        return effective_wilson(
            self.value,
            self.smoothed,
            self.smoothed_variance,
            "Wilson interval with the effective n of smoothed influence functions, Student's t",
            float(student.ppf(0.975, self.freedom)),
        )


def auc_influence(scores: FloatArray, positive: BoolArray, pseudo: float) -> AucInfluence | None:
    """The area under one ROC curve; None if positives or negatives are absent.

    Args:
        scores: Shape (n,). Higher means more likely positive.
        positive: Shape (n,).
        pseudo: Weight of the pseudo-examples.
    """
    positives, n = int(positive.sum()), len(positive)
    negatives = n - positives
    if not positives or not negatives:
        return None
    placements = _placements(scores, positive)
    area = float(placements[positive].mean())
    scale = np.where(positive, n / positives, n / negatives)
    smoothed = [_smoothed_mean(placements[kind], pseudo) for kind in (positive, ~positive)]
    variances = np.array([variance for _, variance in smoothed])
    return AucInfluence(
        area,
        (placements - area) * scale,
        float(np.mean([mean for mean, _ in smoothed])),
        float(variances.sum()),
        _freedom(variances, np.maximum(np.array([positives, negatives]) - 1.0, 1.0)),
    )


def macro_auc_influence(probabilities: FloatArray, gold: IntArray) -> AucInfluence | None:
    """The mean one-vs-rest area over the classes that have a curve; None if none has.

    Args:
        probabilities: Shape (n, K).
        gold: Shape (n,).
    """
    present = [k for k in range(probabilities.shape[1]) if 0 < (gold == k).sum() < len(gold)]
    if not present:
        return None
    pseudo = PSEUDO_EXAMPLES / len(present)
    curves = [auc_influence(probabilities[:, k], gold == k, pseudo) for k in present]
    found = [curve for curve in curves if curve is not None]
    influence = np.mean([curve.influence for curve in found], axis=0)
    # Classes share their examples, so their curves move together: the covariance is in `influence`;
    # smoothing adds to it what it adds to each curve.
    added = sum(c.smoothed_variance - _variance(c.influence) for c in found) / len(found) ** 2
    return AucInfluence(
        float(np.mean([curve.value for curve in found])),
        influence,
        float(np.mean([curve.smoothed for curve in found])),
        _variance(influence) + max(added, 0.0),
        _freedom(*np.array([(c.smoothed_variance, c.freedom) for c in found]).T),
    )


def _placements(scores: FloatArray, positive: BoolArray) -> FloatArray:
    """Shape (n,). The share of the other kind that each example stands on the right side of.

    Ties count one half. Only the positives are sorted and the negatives are looked up among them:
    with many classes, each has few positives, and this is several times faster than ranking all.
    """
    order = np.argsort(scores[positive])
    high, low = scores[positive][order], scores[~positive]
    below, up_to = np.searchsorted(high, low, "left"), np.searchsorted(high, low, "right")
    # How many negatives lie below (or level with) the j-th positive, by where they were found.
    first = np.searchsorted(high, high, "left")
    beaten = np.cumsum(np.bincount(up_to, minlength=len(high)))[first]
    reached = np.cumsum(np.bincount(below, minlength=len(high)))[first]
    placements = np.empty(len(scores))
    placements[np.flatnonzero(positive)[order]] = (beaten + reached) / (2 * len(low))
    placements[~positive] = 1 - (below + up_to) / (2 * len(high))
    return placements


def _freedom(variances: FloatArray, freedoms: FloatArray) -> float:
    """Degrees of freedom of a sum of variances, by Satterthwaite's formula.

    Source: Satterthwaite 1946, "An approximate distribution of estimates of variance components".
    """
    parts = float((variances**2 / freedoms).sum())
    return float(variances.sum()) ** 2 / parts if parts else float("inf")


def _variance(influence: FloatArray) -> float:
    return float(influence.var() / len(influence))


def _smoothed_mean(placements: FloatArray, pseudo: float) -> tuple[float, float]:
    """Mean of the placements and of one at ½ with weight `pseudo`; and the variance of the mean."""
    values = np.append(placements, 0.5)
    weights = np.append(np.ones(len(placements)), pseudo)
    mean = float(np.average(values, weights=weights))
    return mean, float(np.average((values - mean) ** 2, weights=weights)) / len(placements)
