"""A metric by its name: which way is better, and how to compute it on many resamples at once."""

from collections.abc import Callable

import numpy as np

from trainer.evaluate import metrics
from trainer.evaluate.arrays import FloatArray, IntArray
from trainer.evaluate.influence import (
    PSEUDO_EXAMPLES,
    AucInfluence,
    auc_influence,
    macro_auc_influence,
)
from trainer.evaluate.judged import Judged
from trainer.evaluate.metrics import ClassCounts
from trainer.evaluate.output_metrics import LOWER_IS_BETTER, METRICS, score
from trainer.evaluate.outputs import Outputs
from trainer.evaluate.predictions import Predictions

COUNTED: dict[str, Callable[[ClassCounts], FloatArray]] = {
    "macro_f1": metrics.macro_f1,
    "weighted_f1": metrics.weighted_f1,
    "mcc": metrics.mcc,
}
"""Metrics of the confusion matrix that are not a mean over examples."""

LOSSES: dict[str, Callable[[FloatArray, IntArray], FloatArray]] = {
    "log_loss": metrics.example_log_losses,
    "brier": metrics.example_briers,
}
"""Means over examples of which less is better."""

WRITTEN = tuple(dict.fromkeys(name for known in METRICS.values() for name in known))
COMPARABLE = ("accuracy", *COUNTED, "roc_auc", *LOSSES, *WRITTEN)


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value is the better one."""
    return metric in LOSSES or metric in LOWER_IS_BETTER


def refuse_unknown(metric: str) -> None:
    """Raise ValueError for a metric that models cannot be compared by."""
    if metric not in COMPARABLE:
        raise ValueError(f"{metric!r} is not one of the metrics {', '.join(COMPARABLE)}")


def positive_class(predictions: Predictions, positive: str | None) -> int:
    """The index of the positive label of two: as named, else the rarer one."""
    if positive is None:
        return int(np.bincount(predictions.gold, minlength=2).argmin())
    if positive not in predictions.labels:
        raise ValueError(f"{positive!r} is not one of the labels {predictions.labels!r}")
    return predictions.labels.index(positive)


def area(predictions: Predictions, positive: str | None) -> AucInfluence | None:
    """ROC AUC: of the positive label with two labels, else the one-vs-rest mean; None if absent."""
    if len(predictions.labels) > 2:
        return macro_auc_influence(predictions.probabilities, predictions.gold)
    chosen = positive_class(predictions, positive)
    return auc_influence(
        predictions.probabilities[:, chosen], predictions.gold == chosen, PSEUDO_EXAMPLES
    )


def example_scores(
    predictions: Judged, metric: str, positive: str | None
) -> tuple[float, FloatArray] | None:
    """A metric that is a mean over examples, or behaves like one.

    Returns:
        The value and what each example adds to it, shape (n,), so that the value's standard error
        is their standard deviation/√n; None if the metric must be resampled (F1, MCC).

    Raises:
        ValueError: There is no ROC curve because all examples have the same label, or the kind of
            task has no such metric.
    """
    if isinstance(predictions, Outputs):
        found = score(predictions, metric)
        return found.value, found.added
    if metric in COUNTED:
        return None
    if predictions.answers is not None and metric != "accuracy":
        raise ValueError(f"{metric} needs probabilities, and only answers were given")
    if metric == "accuracy":
        values = predictions.correct.astype(np.float64)
    elif metric in LOSSES:
        values = LOSSES[metric](predictions.probabilities, predictions.gold)
    else:
        curve = area(predictions, positive)
        if curve is None:
            raise ValueError("all examples have the same label: there is no ROC curve to compare")
        return curve.value, curve.influence
    return float(values.mean()), values
