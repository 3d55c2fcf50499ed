"""Metrics of classification, each a small pure function.

Those that need only right and wrong answers take `ClassCounts`, whose arrays may carry leading
axes: the same code gives the value of a model and of its thousand resamples. The others take
probabilities.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Log loss is cut here, as scikit-learn does: one impossible answer must not make it infinite."""


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """How often each class was true, answered, and both. All have shape (..., K)."""

    hits: FloatArray
    gold: FloatArray
    predicted: FloatArray

    @property
    def total(self) -> FloatArray:
        """Shape (...). The number of examples."""
        return np.asarray(self.gold.sum(axis=-1), np.float64)


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Precision, recall and F1 of each class, shape (..., K); 0 where a denominator is 0."""

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray


@dataclass(frozen=True, slots=True)
class MacroAuc:
    """One-vs-rest ROC AUC: per class (NaN-free: only `included`), and their mean.

    Attributes:
        value: The mean over the included classes; None if there is none.
        per_class: Shape (len(included),).
        included: The classes with at least one positive and one negative example.
        excluded: The others, for which no ROC curve exists.
    """

    value: float | None
    per_class: FloatArray
    included: tuple[int, ...]
    excluded: tuple[int, ...]


def confusion_matrix(gold: IntArray, predicted: IntArray, classes: int) -> IntArray:
    """Shape (K, K): row = true class, column = answered class, cell = number of examples."""
    cells = np.bincount(gold * classes + predicted, minlength=classes * classes)
    return np.asarray(cells.reshape(classes, classes), np.int64)


def class_counts(gold: IntArray, predicted: IntArray, classes: int) -> ClassCounts:
    """The margins and the diagonal of the confusion matrix, each of shape (K,).

    A predicted class of −1 is no usable answer: it is wrong, and counts as no class answered.
    """
    known = predicted >= 0
    matrix = confusion_matrix(gold[known], predicted[known], classes).astype(np.float64)
    truth = np.bincount(gold, minlength=classes).astype(np.float64)
    return ClassCounts(np.diag(matrix).copy(), truth, matrix.sum(axis=0))


def accuracy(counts: ClassCounts) -> FloatArray:
    """Share of right answers, shape (...)."""
    return _ratio(counts.hits.sum(axis=-1), counts.total)


def precision_recall_f1(counts: ClassCounts) -> ClassScores:
    """Precision, recall and F1 of each class; a class never answered (never true) gives 0."""
    return ClassScores(
        precision=_ratio(counts.hits, counts.predicted),
        recall=_ratio(counts.hits, counts.gold),
        f1=_ratio(2 * counts.hits, counts.gold + counts.predicted),
    )


def macro_f1(counts: ClassCounts) -> FloatArray:
    """Mean F1 over all declared classes, absent ones counting 0; shape (...)."""
    return np.asarray(precision_recall_f1(counts).f1.mean(axis=-1), np.float64)


def weighted_f1(counts: ClassCounts) -> FloatArray:
    """Mean F1 weighted by how often each class is true; shape (...)."""
    weighted = (precision_recall_f1(counts).f1 * counts.gold).sum(axis=-1)
    return _ratio(weighted, counts.total)


def mcc(counts: ClassCounts) -> FloatArray:
    """Matthews correlation coefficient of K classes, in [-1, 1]; 0 where it is undefined.

    (c·s − Σ t·p) / √((s² − Σp²)(s² − Σt²)) with c right answers, s examples, t true and p answered
    counts. Source: Gorodkin 2004, "Comparing two K-category assignments by a K-category
    correlation coefficient".
    """
    total = counts.total
    covariance = counts.hits.sum(axis=-1) * total - (counts.gold * counts.predicted).sum(axis=-1)
    spread = (total**2 - (counts.predicted**2).sum(axis=-1)) * (
        total**2 - (counts.gold**2).sum(axis=-1)
    )
    return _ratio(covariance, np.sqrt(np.maximum(spread, 0)))


def roc_auc(scores: FloatArray, positive: BoolArray) -> float | None:
    """Area under the ROC curve: the chance that a positive example outranks a negative one.

    Args:
        scores: Shape (n,). Higher means more likely positive; any scale.
        positive: Shape (n,). Which examples are positive.

    Returns:
        A value in [0, 1], ties counting one half; None if one of the two kinds is absent.

    Source: Fawcett 2006, "An introduction to ROC analysis", section 7.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    ranks = rankdata(scores)
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def roc_auc_ovr(probabilities: FloatArray, gold: IntArray) -> MacroAuc:
    """ROC AUC of each class against the rest, and their unweighted mean.

    Classes that all or no examples belong to have no ROC curve: they are left out and listed.
    """
    areas = [roc_auc(probabilities[:, k], gold == k) for k in range(probabilities.shape[1])]
    known = {k: area for k, area in enumerate(areas) if area is not None}
    per_class = np.array(list(known.values()), np.float64)
    excluded = tuple(k for k, area in enumerate(areas) if area is None)
    value = float(per_class.mean()) if known else None
    return MacroAuc(value, per_class, tuple(known), excluded)


def example_log_losses(probabilities: FloatArray, gold: IntArray) -> FloatArray:
    """Shape (n,). −ln of the probability given to the true class, in nats, at most 36."""
    rows = probabilities / probabilities.sum(axis=1, keepdims=True)
    given = np.clip(rows[np.arange(len(gold)), gold], SMALLEST_PROBABILITY, 1)
    return np.asarray(-np.log(given), np.float64)


def example_briers(probabilities: FloatArray, gold: IntArray) -> FloatArray:
    """Shape (n,). Squared distance between the probabilities and the truth.

    Halved for two classes, so that it is the (p − y)² that people know; in [0, 1], else [0, 2].
    scikit-learn's `scale_by_half="auto"` does the same.
    """
    classes = probabilities.shape[1]
    squares = ((probabilities - np.eye(classes)[gold]) ** 2).sum(axis=1)
    return np.asarray(squares / 2 if classes == 2 else squares, np.float64)


def log_loss(probabilities: FloatArray, gold: IntArray) -> float:
    """Mean of `example_log_losses`."""
    return float(example_log_losses(probabilities, gold).mean())


def brier(probabilities: FloatArray, gold: IntArray) -> float:
    """Mean of `example_briers`. Source: Brier 1950, "Verification of forecasts"."""
    return float(example_briers(probabilities, gold).mean())


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """above / below, and 0 where below is 0."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)
