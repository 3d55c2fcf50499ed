"""Swapping two models' answers at random: a second opinion on a paired difference.

If neither model is better, it does not matter which of the two gave which answer. So each example's
two answers change owners with probability ½, many times over, and the measured difference is held
against what that gives. It rests on no normal distribution and no standard error, which is why it
can speak against `compare.paired_difference`, whose p-value does.
Source: Yeh 2000, "More accurate tests for the statistical significance of result differences".
"""

from collections.abc import Sequence

import numpy as np

from trainer.evaluate.alignment import aligned
from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.clusters import codes
from trainer.evaluate.judged import Judged, as_classes
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.resampling import BLOCK, Cells, cells_of, counts_of_cells
from trainer.evaluate.scoring import COUNTED, example_scores, refuse_unknown

PERMUTATIONS = 2000
ROUNDING = 1e-12
"""Differences closer than this are equal: sums in another order differ by less."""


def permutation_p(
    a: Judged,
    b: Judged,
    metric: str,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    positive: str | None = None,
) -> float:
    """Two-sided p-value of "it does not matter which model answered", never 0.

    Args:
        a: What one model said.
        b: What the other said, on the same example ids in any order.
        metric: One of `scoring.COMPARABLE` that the kind of task has.
        seed: Of the swaps.
        permutations: How many; the smallest p-value is 1/(permutations + 1).
        positive: With two labels, the one whose ROC curve is meant.

    Raises:
        ValueError: The examples differ or the metric is unknown.
    """
    refuse_unknown(metric)
    a, b = aligned([a, b])
    generator = np.random.default_rng(seed)
    if metric in COUNTED:
        one, other = as_classes([a, b])
        found, chance = _of_counts(one, other, metric, permutations, generator)
    else:
        found, chance = _of_means(a, b, metric, positive, permutations, generator)
    at_least = int((np.abs(chance) >= abs(found) - ROUNDING).sum())
    return (at_least + 1) / (permutations + 1)


def _of_means(
    a: Judged,
    b: Judged,
    metric: str,
    positive: str | None,
    permutations: int,
    generator: np.random.Generator,
) -> tuple[float, FloatArray]:
    """The difference, and those after swaps: each example's (or cluster's) part changes its sign.

    With an area under the curve the parts are those of its influence functions, so that its swaps
    hold to first order only.
    """
    mine, theirs = example_scores(a, metric, positive), example_scores(b, metric, positive)
    assert mine is not None  # noqa: S101 - counted metrics are swapped by cells instead
    assert theirs is not None  # noqa: S101
    parts = _sums(mine[1] - theirs[1], a.clusters)
    step = max(1, BLOCK // len(parts))
    chance = [
        generator.choice((-1.0, 1.0), (min(step, permutations - start), len(parts))) @ parts
        for start in range(0, permutations, step)
    ]
    return mine[0] - theirs[0], np.concatenate(chance) / len(a)


def _of_counts(
    a: Predictions,
    b: Predictions,
    metric: str,
    permutations: int,
    generator: np.random.Generator,
) -> tuple[float, FloatArray]:
    """The same for metrics of the confusion matrix, by how many examples of each cell swap."""
    cells, function, classes = cells_of(a.gold, a.predicted, b.predicted), COUNTED[metric], a.labels
    gold, mine, theirs = cells.answers.T
    both = np.concatenate([gold, gold]), np.concatenate([mine, theirs])

    def difference(swapped: FloatArray) -> FloatArray:
        kept = cells.sizes - swapped
        one = counts_of_cells(np.hstack([kept, swapped]), *both, len(classes))
        other = counts_of_cells(np.hstack([swapped, kept]), *both, len(classes))
        return np.asarray(function(one) - function(other), np.float64)

    swapped = _swapped(cells, a.clusters, permutations, generator)
    return float(difference(np.zeros((1, len(cells.sizes))))[0]), difference(swapped)


def _swapped(
    cells: Cells, clusters: Sequence[str], permutations: int, generator: np.random.Generator
) -> FloatArray:
    """Shape (permutations, cells). How many examples of each cell change owners."""
    if not clusters:
        drawn = generator.binomial(cells.sizes, 0.5, (permutations, len(cells.sizes)))
        return drawn.astype(np.float64)
    of_cluster = codes(clusters)
    held = np.zeros((int(of_cluster.max()) + 1, len(cells.sizes)))
    np.add.at(held, (of_cluster, cells.of_example), 1.0)
    return generator.integers(0, 2, (permutations, len(held))).astype(np.float64) @ held


def _sums(values: FloatArray, clusters: Sequence[str]) -> FloatArray:
    """The values, or their sums over clusters."""
    if not clusters:
        return values
    return np.bincount(codes(clusters), weights=values).astype(np.float64)
