"""Standings: what place each run can claim, given that the test set is a sample.

A bare rank lies: of 12 runs spread over 10 points on 300 examples, the one on top is truly best in
53 % of cases. So each run gets the range of ranks that the data allow, all ranges being right
together with 95 % confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from trainer.evaluate.alignment import aligned
from trainer.evaluate.arrays import BoolArray, FloatArray
from trainer.evaluate.compare import least_error
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.resampling import (
    RESAMPLES,
    cells_of,
    counts_of_cells,
    resampled_means,
    resampled_sizes,
)
from trainer.evaluate.scoring import COUNTED, example_scores, lower_is_better, refuse_unknown


@dataclass(frozen=True, slots=True)
class RankRange:
    """The best and the worst rank that a run may have, counted from 1."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class _Spread:
    """What was measured, shape (M,), and how it varies over resamples, shape (resamples, M)."""

    values: FloatArray
    resampled: FloatArray


def rank_ranges(
    runs: Sequence[Predictions],
    metric: str,
    seed: int = 0,
    resamples: int = RESAMPLES,
    alpha: float = 0.05,
    positive: str | None = None,
) -> tuple[RankRange, ...]:
    """The range of ranks of each run, best first being rank 1.

    All pairs are compared at once (max-T): with D_ij the difference of runs i and j, SE_ij its
    spread over resamples shared by all runs, and c the (1 − alpha) quantile of the largest
    |D*_ij − D_ij|/SE_ij, run i beats j if D_ij > c·SE_ij. Then its rank lies between 1 + the number
    of runs that beat it and M − the number it beats.

    Args:
        runs: M models on the same example ids, in any order.
        metric: As in `compare.paired_difference`; with losses, less is better.
        seed: Of the resampling.
        resamples: How many.
        alpha: The chance that any of the ranges is wrong.
        positive: With two labels, the one whose ROC curve is meant.

    Returns:
        One range per run, in the order of `runs`.

    Raises:
        ValueError: The runs are not on the same examples, or the metric is unknown.

    Source: Romano and Wolf 2005, "Exact and approximate stepdown methods for multiple hypothesis
    testing"; Mogstad et al. 2024, "Inference for ranks".
    """
    refuse_unknown(metric)
    if len(runs) < 2:
        return tuple(RankRange(1, 1) for _ in runs)
    spread = _spread(aligned(runs), metric, seed, resamples, positive)
    if lower_is_better(metric):
        spread = _Spread(-spread.values, -spread.resampled)
    beats = _beats(spread, alpha, metric, len(runs[0]))
    better, worse = beats.sum(axis=0), beats.sum(axis=1)
    return tuple(RankRange(int(1 + better[i]), int(len(runs) - worse[i])) for i in range(len(runs)))


def minimum_detectable_difference(
    n: int, discordance: float, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest true difference of accuracy that n paired examples find with this power.

    From n = (z_{α/2} + z_β)²·(d − Δ²)/Δ², solved for Δ.

    Args:
        n: Examples.
        discordance: The share d of examples that exactly one of two models gets right.
        alpha: Two-sided error of the test.
        power: The chance of finding the difference.

    Source: Connor 1987, "Sample size for testing differences in proportions for the paired-sample
    design".
    """
    if n <= 0 or not 0 <= discordance <= 1:
        raise ValueError(f"{n} examples and a discordance of {discordance} make no sense")
    needed = float(norm.ppf(1 - alpha / 2) + norm.ppf(power)) ** 2
    return float(np.sqrt(discordance * needed / (n + needed)))


def _spread(
    runs: Sequence[Predictions], metric: str, seed: int, resamples: int, positive: str | None
) -> _Spread:
    if metric in COUNTED:
        return _counted_spread(runs, metric, seed, resamples)
    scores = [example_scores(run, metric, positive) for run in runs]
    values = np.array([score[0] for score in scores if score is not None])
    added = np.stack([score[1] for score in scores if score is not None], axis=1)
    around = resampled_means(added - added.mean(axis=0), resamples, seed)
    return _Spread(values, values + around)


def _counted_spread(runs: Sequence[Predictions], metric: str, seed: int, resamples: int) -> _Spread:
    classes, function = len(runs[0].labels), COUNTED[metric]
    cells = cells_of(runs[0].gold, *(run.predicted for run in runs))
    drawn = resampled_sizes(cells, resamples, seed)
    whole = cells.sizes.astype(np.float64)
    gold = cells.answers[:, 0]
    values = np.empty(len(runs))
    resampled = np.empty((resamples, len(runs)))
    for place in range(len(runs)):
        answered = cells.answers[:, place + 1]
        values[place] = function(counts_of_cells(whole, gold, answered, classes))
        resampled[:, place] = function(counts_of_cells(drawn, gold, answered, classes))
    return _Spread(values, resampled)


def _beats(spread: _Spread, alpha: float, metric: str, n: int) -> BoolArray:
    """Shape (M, M). Whether run i is surely better than run j of n examples.

    The quantile is never below that of a single normal difference: resamples that hardly vary
    would otherwise make it as small as the least error is large.
    """
    first, second = np.triu_indices(len(spread.values), 1)
    difference = spread.values[first] - spread.values[second]
    resampled = spread.resampled[:, first] - spread.resampled[:, second]
    error = np.maximum(resampled.std(axis=0, ddof=1), least_error(metric, n, difference))
    error = np.maximum(error, 1e-12)  # models that never differ are never told apart
    largest = (np.abs(resampled - difference) / error).max(axis=1)
    quantile = max(float(np.quantile(largest, 1 - alpha)), float(norm.ppf(1 - alpha / 2)))
    beats = np.zeros((len(spread.values),) * 2, np.bool_)
    beats[first, second] = difference > quantile * error
    beats[second, first] = -difference > quantile * error
    return beats
