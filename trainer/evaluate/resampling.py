"""The bootstrap, vectorised: thousands of resamples of a test set as arrays of counts.

Examples that look alike to a metric (the same true and answered classes) are one cell, and a
resample only needs to know how often each cell was drawn. Several models are resampled with the
same draws by making the cell their joint answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluate.arrays import FloatArray, IntArray
from trainer.evaluate.clusters import codes, drawn_clusters
from trainer.evaluate.metrics import ClassCounts

RESAMPLES = 2000
BLOCK = 2_000_000
"""Drawn examples held in memory at once."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Examples that look alike, counted.

    Attributes:
        answers: Shape (cells, columns). The distinct rows.
        of_example: Shape (n,). The cell that each example belongs to.
        sizes: Shape (cells,). How many examples each cell holds.
    """

    answers: IntArray
    of_example: IntArray
    sizes: IntArray


def cells_of(*columns: IntArray) -> Cells:
    """Group examples by the class indices in these columns, each of shape (n,)."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:  # renumbering after each column keeps the code small for any count
        code = code * (int(column.max()) + 2) + column + 1  # −1 is no usable answer
        code = np.unique(code, return_inverse=True)[1].reshape(-1).astype(np.int64)
    first = np.unique(code, return_index=True)[1]
    answers = np.stack([column[first] for column in columns], axis=1)
    return Cells(answers, code, np.bincount(code).astype(np.int64))


def resampled_sizes(
    cells: Cells, resamples: int, seed: int, clusters: Sequence[str] = ()
) -> FloatArray:
    """Shape (resamples, cells). How often each cell was drawn in n draws with replacement.

    With clusters, shape (n,), whole clusters are drawn.
    """
    generator = np.random.default_rng(seed)
    if clusters:
        held = _cells_of_clusters(cells.of_example, np.arange(len(cells.sizes)), clusters)
        return drawn_clusters(len(held), resamples, generator) @ held
    step = max(1, BLOCK // len(cells.of_example))
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    return np.concatenate([_drawn(cells, size, generator) for size in sizes])


def counts_of_cells(
    sizes: FloatArray, gold: IntArray, predicted: IntArray, classes: int
) -> ClassCounts:
    """Class counts of each resample, shape (resamples, K).

    Args:
        sizes: Shape (resamples, cells).
        gold: Shape (cells,). The true class in each cell.
        predicted: Shape (cells,). The class answered in each cell.
        classes: K.
    """
    kinds = np.vstack([np.eye(classes), np.zeros(classes)])  # the last row: no usable answer
    right = kinds[gold] * (gold == predicted)[:, None]
    return ClassCounts(sizes @ right, sizes @ kinds[gold], sizes @ kinds[predicted])


def resampled_means(values: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Shape (resamples, columns). The mean of each column over n draws with replacement.

    Args:
        values: Shape (n, columns). What each example adds, for each model.
        resamples: How many.
        seed: Equal seeds give equal draws, so that models can be compared.
    """
    n = len(values)
    every = Cells(np.empty((n, 0), np.int64), np.arange(n), np.ones(n, np.int64))
    found = np.empty((resamples, values.shape[1]))
    step = max(1, BLOCK // n)
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        found[start : start + rows] = _drawn(every, rows, generator) @ values / n
    return found


def _drawn(cells: Cells, resamples: int, generator: np.random.Generator) -> FloatArray:
    n, width = len(cells.of_example), len(cells.sizes)
    chosen = cells.of_example[generator.integers(0, n, (resamples, n))]
    chosen += np.arange(resamples)[:, None] * width
    counted = np.bincount(chosen.ravel(), minlength=resamples * width)
    return counted.reshape(resamples, width).astype(np.float64)


def smoothed_counts(
    gold: IntArray,
    predicted: IntArray,
    classes: int,
    resamples: int,
    seed: int,
    clusters: Sequence[str] = (),
) -> tuple[ClassCounts, ClassCounts]:
    """The class counts with one pseudo-error added, and resamples of them.

    With clusters, whole clusters are drawn instead of examples; the pseudo-error is one of them.

    The pseudo-error is spread over the wrong cells between classes that occur, in proportion to
    how often both are true: without it a model that made no mistake would seem free of doubt.

    Returns:
        The smoothed counts, shape (K,), and n drawn examples each, shape (resamples, K).
    """
    n = len(gold)
    matrix = np.zeros((classes, classes + 1))  # the last column: no usable answer, given as −1
    np.add.at(matrix, (gold, predicted), 1.0)
    share = matrix.sum(axis=1)
    errors = np.outer(share, np.append(share, 0.0))
    np.fill_diagonal(errors, 0)
    if not errors.any():  # one class only: it may be mistaken for any other
        errors = np.outer(share, np.append(np.ones(classes), 0.0))
        np.fill_diagonal(errors, 0)
    matrix += errors / errors.sum()
    rows, columns = np.nonzero(matrix)
    sizes = matrix[rows, columns]
    generator = np.random.default_rng(seed)
    if clusters:
        pseudo = errors[rows, columns] / errors.sum()
        width = classes + 1
        own = gold * width + np.where(predicted < 0, classes, predicted)
        held = _cells_of_clusters(own, rows * width + columns, clusters)
        held = np.vstack([held, pseudo])
        drawn = drawn_clusters(len(held), resamples, generator) @ held
    else:
        drawn = generator.multinomial(n, sizes / sizes.sum(), size=resamples).astype(np.float64)
    whole = counts_of_cells(sizes[None, :], rows, columns, classes)
    point = ClassCounts(whole.hits[0], whole.gold[0], whole.predicted[0])
    return point, counts_of_cells(drawn, rows, columns, classes)


def _cells_of_clusters(
    cell_of_example: IntArray, cells: IntArray, clusters: Sequence[str]
) -> FloatArray:
    """Shape (clusters, cells). How many examples of each cluster are in each cell."""
    place, cluster = np.searchsorted(cells, cell_of_example), codes(clusters)
    held = np.zeros((int(cluster.max()) + 1, len(cells)))
    np.add.at(held, (cluster, place), 1.0)
    return held
