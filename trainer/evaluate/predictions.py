"""What a model said about each example of one split: all later numbers are computed from this."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray

SUM_TOLERANCE = 1e-3
"""How far a row may be from 1: bfloat16 keeps about three digits."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Class probabilities beside the truth, one row per example.

    Attributes:
        labels: The K label names; their places are the class indices.
        gold: Shape (n,). The true class of each example, 0 to K-1.
        probabilities: Shape (n, K). Each row is a distribution over the labels.
        ids: Shape (n,) or empty. Names the examples, so that two models can be paired.
        clusters: Shape (n,) or empty. Whom or what each example belongs to: examples of one
            customer or document are not independent.
        answers: Shape (n,) or None. For models that give labels and no probabilities: the class
            that was answered, −1 for no usable answer, which is wrong. Probabilities are then 0.

    Raises:
        ValueError: The shapes do not fit, or a row is not a distribution; says which row.
    """

    labels: tuple[str, ...]
    gold: IntArray
    probabilities: FloatArray
    ids: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    answers: IntArray | None = None

    @classmethod
    def of_answers(
        cls,
        labels: Sequence[str],
        gold: IntArray,
        answers: IntArray,
        ids: Sequence[str] = (),
        clusters: Sequence[str] = (),
    ) -> "Predictions":
        """What a model answered, without probabilities."""
        nothing = np.zeros((len(gold), len(labels)))
        return cls(tuple(labels), gold, nothing, tuple(ids), tuple(clusters), answers)

    def __post_init__(self) -> None:
        # Callers may hand in lists, float32 or int32; the arithmetic below wants one kind each.
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "gold", _whole_numbers(self.gold))
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, np.float64))
        if self.answers is not None:
            object.__setattr__(self, "answers", _whole_numbers(self.answers))
        object.__setattr__(self, "ids", tuple(self.ids))
        object.__setattr__(self, "clusters", tuple(self.clusters))
        self._refuse_wrong_shapes()
        self._refuse_wrong_values()

    def __len__(self) -> int:
        return len(self.gold)

    @property
    def predicted(self) -> IntArray:
        """Shape (n,). The most probable class, the first of equals; or what was answered."""
        if self.answers is not None:
            return self.answers
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def correct(self) -> BoolArray:
        """Shape (n,). Whether the most probable class is the true one."""
        return np.asarray(self.predicted == self.gold, np.bool_)

    def in_own_order(self) -> "Predictions":
        """The same examples, ordered by what was said and true: no draw depends on their file."""
        return self.take(np.lexsort((self.gold, self.predicted, *self.probabilities.T)))

    def take(self, rows: IntArray | BoolArray | Sequence[int]) -> "Predictions":
        """The examples at these places (indices or a mask), in that order."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        ids = tuple(self.ids[row] for row in chosen) if self.ids else ()
        clusters = tuple(self.clusters[row] for row in chosen) if self.clusters else ()
        return Predictions(
            self.labels,
            self.gold[chosen],
            self.probabilities[chosen],
            ids,
            clusters,
            None if self.answers is None else self.answers[chosen],
        )

    def _refuse_wrong_shapes(self) -> None:
        rows, classes = len(self.gold), len(self.labels)
        if classes < 2 or len(set(self.labels)) != classes:
            raise ValueError(f"labels are {self.labels!r}: at least two different ones are needed")
        if self.gold.ndim != 1 or self.probabilities.shape != (rows, classes):
            raise ValueError(
                f"gold has shape {self.gold.shape} and probabilities {self.probabilities.shape}; "
                f"with {classes} labels (n,) and (n, {classes}) are expected"
            )
        if self.ids and (len(self.ids) != rows or len(set(self.ids)) != rows):
            raise ValueError(f"ids must be {rows} different names, or none")
        if self.clusters and len(self.clusters) != rows:
            raise ValueError(f"clusters must be {rows} names, or none")

    def _refuse_wrong_values(self) -> None:
        if not len(self.gold):
            return
        if self.gold.min() < 0 or self.gold.max() >= len(self.labels):
            raise ValueError(f"gold must lie between 0 and {len(self.labels) - 1}")
        if self.answers is not None:
            if self.answers.shape != self.gold.shape or self.answers.max() >= len(self.labels):
                raise ValueError(f"answers must be {len(self.gold)} classes, or −1 for none")
            return
        finite = np.isfinite(self.probabilities).all(axis=1)
        sound = finite & (self.probabilities >= 0).all(axis=1)
        sound &= np.abs(self.probabilities.sum(axis=1) - 1) <= SUM_TOLERANCE
        if not sound.all():
            row = int(np.flatnonzero(~sound)[0])
            raise ValueError(
                f"row {row} is {self.probabilities[row].tolist()}: probabilities must be finite, "
                "not negative and sum to 1"
            )


def _whole_numbers(values: object) -> IntArray:
    found = np.asarray(values)
    if found.size and not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"gold holds class indices (whole numbers), not {found.dtype}")
    return found.astype(np.int64)
