"""Standings: what place each run can claim, given that the test set is a sample.

A bare rank lies: of 12 runs spread over 10 points on 300 examples, the one on top is truly best in
53 % of cases. So each run gets the range of ranks that the data allow, all ranges being right
together with 95 % confidence, and runs of which none surely beats another share a tie group.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from trainer.evaluate.arrays import BoolArray, FloatArray
from trainer.evaluate.compare import least_error
from trainer.evaluate.judged import Judged
from trainer.evaluate.resampling import RESAMPLES
from trainer.evaluate.spread import Spread, spread_of


@dataclass(frozen=True, slots=True)
class RankRange:
    """The best and the worst rank that a run may have, counted from 1."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Standings:
    """All runs of a board against each other.

    Attributes:
        ranges: One per run: the ranks that it may have.
        groups: One per run. Group 1 holds the runs that no run surely beats; without them, the
            runs that no other surely beats are group 2, and so on.
        beats: Shape (M, M). Whether run i is surely better than run j.
        errors: Shape (M, M). The standard error of each paired difference; 0 on the diagonal.
        spread: What it was computed from.
    """

    ranges: tuple[RankRange, ...]
    groups: tuple[int, ...]
    beats: BoolArray
    errors: FloatArray
    spread: Spread

    @property
    def usual_error(self) -> float | None:
        """The median standard error of the differences to the best run; None for one run alone."""
        if len(self.groups) < 2:
            return None
        best = int(self.spread.gains.argmax())
        return float(np.median(np.delete(self.errors[best], best)))


def compare_all(
    runs: Sequence[Judged],
    metric: str,
    seed: int = 0,
    resamples: int = RESAMPLES,
    alpha: float = 0.05,
    positive: str | None = None,
) -> Standings:
    """Hold M runs on the same test set against each other.

    Args:
        runs: M models, at least one, on the same example ids in any order.
        metric: As in `compare.paired_difference`; with losses, less is better.
        seed: Of the resampling.
        resamples: How many.
        alpha: The chance that any of the ranges is wrong.
        positive: With two labels, the one whose ROC curve is meant.

    Raises:
        ValueError: The runs are not on the same examples, or the metric is unknown.
    """
    return stand(spread_of(runs, metric, seed, resamples, positive), alpha)


def stand(spread: Spread, alpha: float = 0.05) -> Standings:
    """Rank ranges and tie groups from resampled values.

    All pairs are compared at once (max-T): with D_ij the difference of runs i and j, SE_ij its
    spread over resamples shared by all runs, and c the (1 − alpha) quantile of the largest
    |D*_ij − D_ij|/SE_ij, run i beats j if D_ij > c·SE_ij. Then its rank lies between 1 + the number
    of runs that beat it and M − the number it beats.

    Source: Romano and Wolf 2005, "Exact and approximate stepdown methods for multiple hypothesis
    testing"; Mogstad et al. 2024, "Inference for ranks".
    """
    errors = _errors(spread)
    gains = spread.gains
    beats = gains[:, None] - gains > _quantile(spread, errors, alpha) * errors
    np.fill_diagonal(beats, val=False)
    better, worse = beats.sum(axis=0), beats.sum(axis=1)
    count = len(gains)
    ranges = tuple(RankRange(int(1 + better[i]), int(count - worse[i])) for i in range(count))
    return Standings(ranges, tie_groups(beats), beats, errors, spread)


def tie_groups(beats: BoolArray) -> tuple[int, ...]:
    """Peel a board: who is beaten by nobody left is the next group.

    Args:
        beats: Shape (M, M). Whether run i is surely better than run j; no run beats itself, and no
            chain of runs leads back to its first.
    """
    groups = np.zeros(len(beats), np.int64)
    while (left := groups == 0).any():
        groups[left & ~beats[left].any(axis=0)] = groups.max() + 1
    return tuple(int(group) for group in groups)


def _errors(spread: Spread) -> FloatArray:
    """Shape (M, M). Runs that never differ get an error so small that their difference is none."""
    differences = spread.values[:, None] - spread.values
    errors = np.zeros_like(differences)
    for run in range(len(errors)):
        apart = spread.resampled - spread.resampled[:, run : run + 1]
        errors[run] = apart.std(axis=0, ddof=1)
    errors = np.maximum(errors, least_error(spread.metric, spread.n, differences))
    np.fill_diagonal(errors, 0)
    return errors


def _quantile(spread: Spread, errors: FloatArray, alpha: float) -> float:
    """The largest standardised difference that chance alone gives in 1 − alpha of all cases.

    Never below that of a single normal difference: resamples that hardly vary would otherwise make
    it as small as the least error is large.
    """
    around = spread.resampled - spread.values
    largest = np.zeros(len(around))
    for run in range(len(errors) - 1):
        apart = np.abs(around[:, run : run + 1] - around[:, run + 1 :])
        scale = np.maximum(errors[run, run + 1 :], 1e-12)
        largest = np.maximum(largest, (apart / scale).max(axis=1))
    return max(float(np.quantile(largest, 1 - alpha)), float(norm.ppf(1 - alpha / 2)))
