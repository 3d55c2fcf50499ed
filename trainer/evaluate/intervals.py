"""Intervals: how far a measured number may be from the true one, at 95 %.

Near 1 the usual intervals promise too much. In simulation (`benchmarks/coverage.py`; n = 200,
accuracy 0.98) the basic bootstrap of an F1 covers 0.79-0.91 and the bootstrap error on the logit
scale 0.86-0.94, where 0.95 is promised. So one idea serves every bounded number here: Wilson's
interval, which for a share keeps its promise, with the *effective* number of examples. That is the
number m for which a share of this size would vary as much as the metric θ does: θ(1-θ)/m = var(θ).
The variance comes from resampling (`resampling.py`) or from influence functions (`influence.py`),
smoothed by a pseudo-example so that it is not 0 where nothing was wrong. Measured coverage of
macro F1, weighted F1 and MCC: 0.93-0.98 (n 200-1000, K 2-10, accuracy 0.6-0.98).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.clusters import mean_error

Z95 = float(norm.ppf(0.975))
"""Half the width of a two-sided 95 % interval, in standard errors."""

Z_ONE_SIDED = float(norm.ppf(0.95))
"""How far one-sided 95 % bounds lie from the value: flags ask in one direction only."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The bounds of a 95 % interval and the name of the method, for `Metric.how`."""

    low: float
    high: float
    how: str


def wilson(successes: float, n: float, z: float = Z95) -> Interval:
    """The interval of a share of n examples.

    centre (p + z²/2n)/(1 + z²/n), half width z·√(p(1−p)/n + z²/4n²)/(1 + z²/n).
    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Raises:
        ValueError: n is not above 0, or successes is not between 0 and n.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    share = successes / n
    spread = 1 + z**2 / n
    centre = (share + z**2 / (2 * n)) / spread
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / spread
    # A share of exactly 0 or 1 is its own bound; arithmetic alone misses it by a rounding error.
    low = 0.0 if successes == 0 else max(0.0, float(centre - half))
    high = 1.0 if successes == n else min(1.0, float(centre + half))
    return Interval(low, high, "Wilson interval")


def effective_wilson(
    value: float, smoothed: float, variance: float, how: str, z: float = Z95
) -> Interval:
    """Wilson's interval of a number in [0, 1] that is not a share, by its variance.

    Args:
        value: The measured number.
        smoothed: The number on the smoothed data, strictly between 0 and 1.
        variance: Its variance on the smoothed data; 0 where no other data could change the number,
            such as the area under the curve of a model that scores all examples alike.
        how: What to call this.
        z: Width in standard errors.

    Source: the effective sample size of Korn and Graubard 1998, "Confidence intervals for
    proportions with small expected number of positive counts estimated from survey data", here
    with Wilson's interval.
    """
    if variance <= 0:
        return Interval(value, value, f"{how}: nothing varies")
    effective = smoothed * (1 - smoothed) / variance
    found = wilson(min(max(value, 0.0), 1.0) * effective, effective, z)
    return Interval(found.low, found.high, how)


def clustered_share(events: FloatArray, clusters: Sequence[str]) -> Interval:
    """The interval of a share whose examples come in clusters: Wilson's with an effective n.

    Args:
        events: Shape (n,). 1 where it happened.
        clusters: Shape (n,).
    """
    n = len(events)
    smoothed = (float(events.sum()) + 0.5) / (n + 1)
    own, clustered = mean_error(events, ()), mean_error(events, clusters)
    factor = (clustered / own) ** 2 if own else 1.0
    how = f"Wilson interval with the effective n of {len(set(clusters))} clusters"
    variance = smoothed * (1 - smoothed) / n * max(factor, 1e-12)
    return effective_wilson(float(events.mean()), smoothed, variance, how)


def f1_interval(hits: float, union: float, z: float = Z95) -> Interval:
    """The interval of one class's F1.

    F1 = 2J/(1 + J) rises with J = hits/union, the share of right answers among the examples in
    which the class was true or answered (Jaccard's index). So the bounds of J's Wilson interval,
    carried over, are those of F1.
    """
    share = wilson(hits, union, z)
    low, high = (2 * bound / (1 + bound) for bound in (share.low, share.high))
    return Interval(low, high, "Wilson interval of the Jaccard index, as F1")


def mean_interval(values: FloatArray, z: float = Z95, clusters: Sequence[str] = ()) -> Interval:
    """The interval of the mean of positive values such as losses.

    Built on the logarithm, exp(ln m ± z·s/(m√n)): losses are skewed, and a symmetric interval would
    reach below 0 and miss above.

    Args:
        values: Shape (n,), n at least 2, none negative.
        clusters: Shape (n,) or empty.
    """
    mean = float(values.mean())
    error = mean_error(values, clusters)
    if mean <= 0 or error == 0:
        return Interval(mean, mean, "no spread between examples")
    factor = float(np.exp(z * error / mean))
    return Interval(mean / factor, mean * factor, "standard error on the log scale")
