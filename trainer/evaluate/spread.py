"""How the metric of several runs varies when the test set is drawn again, all with the same draws.

Standings, the luck of the best, what a test set can tell apart and the pooling of seeds all ask
this one question, so it is answered once. Only sums over examples are needed: what each class was
true, answered and both for F1 and MCC, what each example adds for the others. With W the number of
times that each example was drawn and S the sparse indicators of a run, S·W gives those sums for
many resamples at once, in a time that does not grow with the number of classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from trainer.evaluate.alignment import aligned
from trainer.evaluate.arrays import FloatArray, IntArray
from trainer.evaluate.clusters import codes, drawn_clusters
from trainer.evaluate.compare import least_error
from trainer.evaluate.judged import Judged, as_classes
from trainer.evaluate.metrics import ClassCounts
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.resampling import RESAMPLES
from trainer.evaluate.scoring import COUNTED, example_scores, lower_is_better, refuse_unknown

BLOCK = 2_000_000
"""Drawn examples held in memory at once."""

Weights = npt.NDArray[np.float32]
"""Whole numbers below 2^24, which 32 bits hold exactly and multiply twice as fast as 64."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One metric of M runs on the same n examples, and how it varies together.

    Attributes:
        metric: Its name.
        n: Examples.
        values: Shape (M,). What was measured.
        resampled: Shape (resamples, M). The same on examples drawn again; one draw for all runs.
    """

    metric: str
    n: int
    values: FloatArray
    resampled: FloatArray

    @property
    def gains(self) -> FloatArray:
        """Shape (M,). The values, turned so that more is better."""
        return -self.values if lower_is_better(self.metric) else self.values

    @property
    def resampled_gains(self) -> FloatArray:
        """Shape (resamples, M). The same of the resampled values."""
        return -self.resampled if lower_is_better(self.metric) else self.resampled

    def error(self, one: int, other: int) -> float:
        """The standard error of the paired difference of two runs."""
        spread = float((self.resampled[:, one] - self.resampled[:, other]).std(ddof=1))
        difference = float(self.values[one] - self.values[other])
        return max(spread, float(least_error(self.metric, self.n, difference)))

    def take(self, runs: Sequence[int]) -> "Spread":
        """The runs at these places, in that order."""
        chosen = list(runs)
        return Spread(self.metric, self.n, self.values[chosen], self.resampled[:, chosen])


def spread_of(
    runs: Sequence[Judged],
    metric: str,
    seed: int = 0,
    resamples: int = RESAMPLES,
    positive: str | None = None,
) -> Spread:
    """Resample the test set for several runs at once.

    Args:
        runs: M models, at least one, on the same example ids in any order.
        metric: As in `compare.paired_difference`.
        seed: Of the resampling; equal seeds give equal draws.
        resamples: How many.
        positive: With two labels, the one whose ROC curve is meant.

    Raises:
        ValueError: The runs are not on the same examples, or the metric is unknown.
    """
    refuse_unknown(metric)
    runs = aligned(runs)
    if metric in COUNTED:
        return _counted(as_classes(runs), metric, seed, resamples)
    scores = [example_scores(run, metric, positive) for run in runs]
    values = np.array([score[0] for score in scores if score is not None])
    added = np.stack([score[1] for score in scores if score is not None], axis=1)
    centred = added - added.mean(axis=0)
    blocks = [drawn.T @ centred for drawn in weights(runs[0], resamples, seed)]
    return Spread(metric, len(runs[0]), values, values + np.concatenate(blocks) / len(centred))


def weights(run: Judged, resamples: int, seed: int) -> Iterator[Weights]:
    """How often each of n examples is drawn in n draws with replacement, or its cluster.

    Yields:
        Blocks of shape (n, resamples of this block).
    """
    n, generator = len(run), np.random.default_rng(seed)
    cluster = codes(run.clusters) if run.clusters else None
    step = max(1, BLOCK // n)
    for start in range(0, resamples, step):
        drawn = np.empty((min(step, resamples - start), n), np.float32)
        if cluster is not None:
            count = int(cluster.max()) + 1
            drawn[:] = drawn_clusters(count, len(drawn), generator)[:, cluster]
        else:
            for row in drawn:
                row[:] = np.bincount(generator.integers(0, n, n), minlength=n)
        yield np.ascontiguousarray(drawn.T)


def _counted(runs: Sequence[Predictions], metric: str, seed: int, resamples: int) -> Spread:
    """By the class counts of each resample: hits, true and answered."""
    classes, function, gold = len(runs[0].labels), COUNTED[metric], runs[0].gold
    truth = _indicator(gold, np.ones(len(gold)), classes)
    answers = [_indicator(run.predicted, run.predicted >= 0, classes) for run in runs]
    right = [_indicator(gold, run.correct, classes) for run in runs]

    def values(drawn: Weights) -> FloatArray:
        """Shape (resamples of the block, M)."""
        times = _class_sums(truth, drawn)
        counts = (
            ClassCounts(_class_sums(hits, drawn), times, _class_sums(answered, drawn))
            for hits, answered in zip(right, answers, strict=True)
        )
        return np.stack([function(counted) for counted in counts], axis=1)

    once = values(np.ones((len(gold), 1), np.float32))[0]
    blocks = [values(drawn) for drawn in weights(runs[0], resamples, seed)]
    return Spread(metric, len(gold), once, np.concatenate(blocks))


def _indicator(kinds: IntArray, marked: npt.NDArray[np.generic], classes: int) -> sparse.csr_array:
    """Shape (K, n). 1 where an example is of a class and marked."""
    chosen = np.flatnonzero(marked)
    ones = np.ones(len(chosen), np.float32)
    return sparse.csr_array((ones, (kinds[chosen], chosen)), shape=(classes, len(kinds)))


def _class_sums(indicator: sparse.csr_array, drawn: Weights) -> FloatArray:
    """Shape (resamples of the block, K)."""
    return np.ascontiguousarray((indicator @ drawn).T, np.float64)
