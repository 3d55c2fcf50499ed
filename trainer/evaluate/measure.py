"""All metrics of one split, each with its interval, its n and how it was computed.

Read `measure` first. What there are too few examples for is said, not shown as if it were sure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from storage.records import Metric
from trainer.evaluate import metrics
from trainer.evaluate.arrays import BoolArray, FloatArray
from trainer.evaluate.groups import ROWS_PER_GROUP, groups_of
from trainer.evaluate.influence import PSEUDO_EXAMPLES, auc_influence, macro_auc_influence
from trainer.evaluate.intervals import (
    Interval,
    effective_wilson,
    f1_interval,
    mean_interval,
    wilson,
)
from trainer.evaluate.metrics import ClassCounts
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.resampling import RESAMPLES, smoothed_counts

SplitName = Literal["train", "validation", "test"]

ROWS_FOR_CLASS_INTERVAL = 30
ROWS_PER_CLASS_FOR_MACRO_INTERVAL = 10
"""Fewer examples than these give an interval that says little: practice, not a theorem."""


def measure(
    predictions: Predictions, split: SplitName, positive: str | None = None, seed: int = 0
) -> tuple[Metric, ...]:
    """Measure a model on one split.

    Args:
        predictions: What it said about each example.
        split: Which split they are of.
        positive: With two labels, the one whose ROC curve is meant; the rarer one if None.
        seed: Of the resampling behind some intervals.

    Returns:
        `accuracy`, `macro_f1`, `weighted_f1`, `mcc`, `roc_auc`, `log_loss` and `brier`, then
        `precision`, `recall`, `f1` and `support` of each label with the group `label:<name>`.

    Raises:
        ValueError: `positive` is not one of the labels.
    """
    if positive is not None and positive not in predictions.labels:
        raise ValueError(f"{positive!r} is not one of the labels {predictions.labels!r}")
    if not len(predictions):
        return _nothing_measured(predictions, split)
    counts = _counts(predictions)
    return (
        _accuracy(predictions, split),
        *_resampled(predictions, counts, split, seed),
        _roc_auc(predictions, split, positive),
        *_losses(predictions, split),
        *_per_label(predictions, counts, split),
    )


def measure_groups(
    predictions: Predictions,
    split: SplitName,
    groups: Mapping[str, Sequence[str]],
    favourable: tuple[str, ...],
) -> tuple[Metric, ...]:
    """Accuracy, and the share given each favourable label, in each group of people.

    Args:
        predictions: What the model said about each of n examples.
        split: Which split they are of.
        groups: Sensitive column to its n values; an empty value counts as "(unknown)".
        favourable: Labels that are good for a person; those that the task lacks are left out.

    Returns:
        `accuracy` and `selection_rate:<label>` with the group `<column>:<value>`. A group of fewer
        than 30 examples has no value, and says so.
    """
    wanted = [label for label in favourable if label in predictions.labels]
    found: list[Metric] = []
    for group in groups_of(groups):
        correct = predictions.correct[group.rows]
        found.append(_share("accuracy", correct, split, group.name))
        for label in wanted:
            selected = predictions.predicted[group.rows] == predictions.labels.index(label)
            found.append(_share(f"selection_rate:{label}", selected, split, group.name))
    return tuple(found)


def _share(name: str, events: BoolArray, split: SplitName, group: str) -> Metric:
    n = len(events)
    if n < ROWS_PER_GROUP:
        reason = f"too few: {n} examples, at least {ROWS_PER_GROUP} are needed"
        return Metric(name=name, split=split, group=group, value=None, n=n, missing_because=reason)
    interval = wilson(int(events.sum()), n)
    return _metric(name, split, float(events.mean()), n, interval, group)


def _metric(
    name: str, split: SplitName, value: float, n: int, interval: Interval, group: str = ""
) -> Metric:
    """A metric with its interval; the value is inside it even after rounding."""
    return Metric(
        name=name,
        split=split,
        group=group,
        value=value,
        low=min(interval.low, value),
        high=max(interval.high, value),
        n=n,
        how=interval.how,
    )


def _bare(name: str, split: SplitName, value: float, n: int, why: str, group: str = "") -> Metric:
    """A value without an interval."""
    return Metric(name=name, split=split, group=group, value=value, n=n, how=f"no interval: {why}")


def _counts(predictions: Predictions) -> ClassCounts:
    return metrics.class_counts(predictions.gold, predictions.predicted, len(predictions.labels))


def _accuracy(predictions: Predictions, split: SplitName) -> Metric:
    n, right = len(predictions), int(predictions.correct.sum())
    return _metric("accuracy", split, right / n, n, wilson(right, n))


def _resampled(
    predictions: Predictions, counts: ClassCounts, split: SplitName, seed: int
) -> Iterator[Metric]:
    """macro F1, weighted F1 and MCC: intervals from one set of resamples."""
    n = len(predictions)
    smoothed, resamples = smoothed_counts(
        predictions.gold, predictions.predicted, len(predictions.labels), RESAMPLES, seed
    )
    rarest = int(counts.gold.min())
    measured: dict[str, Callable[[ClassCounts], FloatArray]] = {
        "macro_f1": metrics.macro_f1,
        "weighted_f1": metrics.weighted_f1,
        "mcc": metrics.mcc,
    }
    for name, function in measured.items():
        value = float(function(counts))
        if name == "macro_f1" and rarest < ROWS_PER_CLASS_FOR_MACRO_INTERVAL:
            label = predictions.labels[int(counts.gold.argmin())]
            yield _bare(name, split, value, n, _too_few(label, rarest, 10))
            continue
        # MCC lives in [-1, 1]; halved and shifted it is a number in [0, 1] like the others.
        low, high = (-1.0, 1.0) if name == "mcc" else (0.0, 1.0)
        spread = (function(resamples) - low) / (high - low)
        centre = (float(function(smoothed)) - low) / (high - low)
        how = f"Wilson interval with the effective n of {RESAMPLES} smoothed resamples"
        found = effective_wilson((value - low) / (high - low), centre, float(spread.var()), how)
        scaled = Interval(
            low + (high - low) * found.low, low + (high - low) * found.high, found.how
        )
        yield _metric(name, split, value, n, scaled)


def _too_few(label: str, found: int, needed: int) -> str:
    return f"label {label!r} has {found} examples, at least {needed} are needed"


def _roc_auc(predictions: Predictions, split: SplitName, positive: str | None) -> Metric:
    n, labels = len(predictions), predictions.labels
    if len(labels) == 2:
        return _binary_auc(predictions, split, positive)
    curve = macro_auc_influence(predictions.probabilities, predictions.gold)
    occurring = np.bincount(predictions.gold, minlength=len(labels))
    absent = [label for label, count in zip(labels, occurring, strict=True) if count in (0, n)]
    if curve is None:
        return _no_auc(split, n)
    found = _metric("roc_auc", split, curve.value, n, curve.interval)
    without = f"; without {', '.join(map(repr, absent))}: no examples" if absent else ""
    return found.model_copy(update={"how": f"macro one-vs-rest; {found.how}{without}"})


def _binary_auc(predictions: Predictions, split: SplitName, positive: str | None) -> Metric:
    counts = np.bincount(predictions.gold, minlength=2)
    chosen = int(counts.argmin()) if positive is None else predictions.labels.index(positive)
    curve = auc_influence(
        predictions.probabilities[:, chosen], predictions.gold == chosen, PSEUDO_EXAMPLES
    )
    if curve is None:
        return _no_auc(split, len(predictions))
    found = _metric("roc_auc", split, curve.value, len(predictions), curve.interval)
    why = "the rarer label" if positive is None else "as the task says"
    named = f"positive is {predictions.labels[chosen]!r} ({why}); {found.how}"
    return found.model_copy(update={"how": named})


def _no_auc(split: SplitName, n: int) -> Metric:
    reason = "all examples have the same label: there is no ROC curve"
    return Metric(name="roc_auc", split=split, value=None, n=n, missing_because=reason)


def _losses(predictions: Predictions, split: SplitName) -> Iterator[Metric]:
    probabilities, gold, n = predictions.probabilities, predictions.gold, len(predictions)
    for name, values in (
        ("log_loss", metrics.example_log_losses(probabilities, gold)),
        ("brier", metrics.example_briers(probabilities, gold)),
    ):
        value = float(values.mean())
        if n < 2:
            yield _bare(name, split, value, n, "one example")
        else:
            yield _metric(name, split, value, n, mean_interval(values))


def _per_label(predictions: Predictions, counts: ClassCounts, split: SplitName) -> Iterator[Metric]:
    scores = metrics.precision_recall_f1(counts)
    for k, label in enumerate(predictions.labels):
        hits, gold, answered = (
            int(values[k]) for values in (counts.hits, counts.gold, counts.predicted)
        )
        enough = gold >= ROWS_FOR_CLASS_INTERVAL
        rows = {
            "precision": (float(scores.precision[k]), answered, (hits, answered)),
            "recall": (float(scores.recall[k]), gold, (hits, gold)),
        }
        group = f"label:{label}"
        why = _too_few(label, gold, ROWS_FOR_CLASS_INTERVAL)
        for name, (value, n, (successes, of)) in rows.items():
            if enough and of:
                yield _metric(name, split, value, n, wilson(successes, of), group)
            else:
                never = "never answered, counted as 0" if enough else why
                yield _bare(name, split, value, n, never, group)
        f1, union = float(scores.f1[k]), gold + answered - hits
        if enough:
            yield _metric("f1", split, f1, union, f1_interval(hits, gold, answered), group)
        else:
            yield _bare("f1", split, f1, union, why, group)
        yield Metric(name="support", split=split, group=group, value=gold, n=gold, how="counted")


def _nothing_measured(predictions: Predictions, split: SplitName) -> tuple[Metric, ...]:
    names = ("accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "log_loss", "brier")
    return tuple(
        Metric(name=name, split=split, value=None, n=0, missing_because="the split has no examples")
        for name in names
    )
