"""What chance does to a board: the best of many looks better than it is, and seeds differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, t

from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.compare import least_error
from trainer.evaluate.intervals import Z95
from trainer.evaluate.spread import Spread

SEEDS_NEEDED = 3
"""From three seeds on, the luck of a seed can be told from the method (evaluation practice)."""

LOWEST = {"mcc": -1.0}
HIGHEST = {"log_loss": float("inf"), "brier": 2.0}
"""The ends of a metric's range where they are not 0 and 1."""


def optimism(spread: Spread, tied: Sequence[int]) -> float:
    """By how much the best of runs that cannot be told apart looks better than it is.

    The mean over resamples of the largest chance gain max_i (θ*_i − θ_i). It takes the tied runs
    for equally good, so it is the most that chance explains; runs surely beaten do not count. With
    20 equal runs on 500 examples (accuracy 0.8, errors correlated 0.8) it is 2 points.

    Args:
        spread: All runs.
        tied: Places of the runs in the first tie group.

    Source: the winner's curse; resampled as in Efron 1983, "Estimating the error rate of a
    prediction rule: improvement on cross-validation".
    """
    chance = spread.resampled_gains[:, list(tied)] - spread.gains[list(tied)]
    return float(chance.max(axis=1).mean()) if len(tied) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Pooled:
    """Several seeds of one spec: their mean with its 95 % interval, and how far they scatter.

    Attributes:
        sd: Standard deviation between the seeds, ddof 1.
        true_sd: The same without what the test rows alone explain; 0 where they explain all.
        true_sd_low: Its one-sided 95 % lower bound.
    """

    mean: float
    sd: float
    low: float
    high: float
    true_sd: float
    true_sd_low: float


def pooled(spread: Spread) -> Pooled:
    """Pool the runs of a spread, which differ in nothing but their seed; at least two.

    Two chances move the mean. What differs between seeds, the seed itself and rows that one gets
    right and another wrong, has variance s²/m, and Student's t on m − 1 degrees of freedom, as m is
    small. What the seeds share, a test set of easy rows, has the mean covariance C of their
    resampled values. The half width is √(t²·s²/m + z²·C), and never less than what one example
    more or less allows. Measured coverage: 0.95-0.98 (3-10 seeds, n 200-1000).

    Two seeds that are equally good still differ on a test set, by the variance v of their paired
    difference; half of it is taken off the variance between seeds. The lower bound is that of a
    variance, (m−1)s²/χ²_{0.95}, less v/2.
    """
    values, count = spread.values, len(spread.values)
    mean, variance = float(values.mean()), float(values.var(ddof=1))
    explained = _paired_variance(spread) / 2
    shared = _mean_variance(spread) - explained
    seeds_error = float(t.ppf(0.975, count - 1)) * float(np.sqrt(variance / count))
    half = float(np.hypot(seeds_error, Z95 * np.sqrt(max(shared, 0.0))))
    half = max(half, Z95 * float(least_error(spread.metric, spread.n, 0.0)))
    low = (count - 1) * variance / float(chi2.ppf(0.95, count - 1)) - explained
    return Pooled(
        mean=mean,
        sd=float(np.sqrt(variance)),
        low=max(mean - half, LOWEST.get(spread.metric, 0.0)),
        high=min(mean + half, HIGHEST.get(spread.metric, 1.0)),
        true_sd=float(np.sqrt(max(variance - explained, 0.0))),
        true_sd_low=float(np.sqrt(max(low, 0.0))),
    )


def pool(spread: Spread, groups: Sequence[Sequence[int]], seed: int = 0) -> Spread:
    """The mean over the seeds of each group, as if each group were one run.

    Other seeds would have given other means, so each resample of a group of m seeds also moves by
    a normal draw of variance v/m, widened by t/z as v is estimated. v is the variance between seeds
    within groups, on Σ(m − 1) degrees of freedom, less half of what the rows explain of it: the
    rows' resampling holds that once, and taking all of it off lets chance through (measured: equal
    specs told apart in 5-8 % of boards; with none taken off in 1-3 %, at a third less power).

    Args:
        spread: All runs.
        groups: Places of the runs of each spec; a spec with one seed is taken as it is.
        seed: Of the draws.
    """
    between = _seed_error(spread, groups)
    random = np.random.default_rng(seed)
    values, resampled = [], []
    for group in groups:
        places = list(group)
        values.append(spread.values[places].mean())
        mean = spread.resampled[:, places].mean(axis=1)
        if len(places) > 1:
            mean = mean + random.normal(0, between / np.sqrt(len(places)), len(mean))
        resampled.append(mean)
    return Spread(spread.metric, spread.n, np.array(values), np.stack(resampled, axis=1))


def _seed_error(spread: Spread, groups: Sequence[Sequence[int]]) -> float:
    """The standard deviation of one seed around its spec, widened as it is an estimate."""
    several = [spread.take(group) for group in groups if len(group) > 1]
    free = sum(len(one.values) - 1 for one in several)
    if not free:
        return 0.0
    squares = sum(float(((one.values - one.values.mean()) ** 2).sum()) for one in several)
    explained = float(np.mean([_paired_variance(one) / 2 for one in several]))
    wider = float(t.ppf(0.975, free)) / Z95
    return wider * float(np.sqrt(max(squares / free - explained / 2, 0.0)))


def _mean_variance(spread: Spread) -> float:
    """The mean over runs of the variance of each over resamples."""
    return float(spread.resampled.var(axis=0, ddof=1).mean())


def _paired_variance(spread: Spread) -> float:
    """The mean variance of the difference of two runs, over all pairs."""
    around: FloatArray = spread.resampled - spread.values
    first, second = np.triu_indices(around.shape[1], 1)
    return float((around[:, first] - around[:, second]).var(axis=0, ddof=1).mean())


def ladder(spread: Spread) -> tuple[bool, ...]:
    """Which runs may be published as a new best, in the order in which they finished.

    A run is a new best only if it gains more than one standard error of its paired difference to
    the best so far; else the best so far stays. So a test set may be asked often without the best
    creeping up by chance: 1000 random answers on 1000 examples reach 0.54 and not 0.72.

    Args:
        spread: The runs, in the order of their finishing.

    Source: Blum and Hardt 2015, "The ladder: a reliable leaderboard for machine learning
    competitions", parameter-free form.
    """
    best, published = -1, []
    for run in range(len(spread.values)):
        gain = float(spread.gains[run] - spread.gains[best])
        new = best < 0 or gain > spread.error(run, best)
        best = run if new else best
        published.append(new)
    return tuple(published)
