"""All metrics of one split, each with its interval, its n and how it was computed.

Read `measure` first. What there are too few examples for is said, not shown as if it were sure.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from storage.records import Metric
from trainer.evaluate import metrics
from trainer.evaluate.arrays import BoolArray, FloatArray
from trainer.evaluate.calibration import MINIMUM_ROWS, calibration, fit_temperature, scaled
from trainer.evaluate.clusters import MINIMUM_CLUSTERS
from trainer.evaluate.groups import ROWS_PER_GROUP, groups_of
from trainer.evaluate.intervals import (
    Interval,
    clustered_share,
    effective_wilson,
    f1_interval,
    mean_interval,
    wilson,
)
from trainer.evaluate.metrics import ClassCounts, example_log_losses
from trainer.evaluate.precision_recall import pr_auc
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.resampling import RESAMPLES, smoothed_counts
from trainer.evaluate.scoring import COUNTED, LOSSES, area, positive_class

SplitName = Literal["train", "validation", "test"]

ROWS_FOR_CLASS_INTERVAL = 30
ROWS_FOR_TEMPERATURE = 30
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
        `accuracy`, `macro_f1`, `weighted_f1`, `mcc`, `roc_auc`, `pr_auc`, `log_loss`, `brier` and
        `ece`, then
        `precision`, `recall`, `f1` and `support` of each label with the group `label:<name>`.

    Raises:
        ValueError: `positive` is not one of the labels.
    """
    if positive is not None and positive not in predictions.labels:
        raise ValueError(f"{positive!r} is not one of the labels {predictions.labels!r}")
    if not len(predictions):
        return _nothing_measured(predictions, split)
    counts = _counts(predictions)
    probable = (
        _without_probabilities(predictions, split)
        if predictions.answers is not None
        else (
            _roc_auc(predictions, split, positive),
            _pr_auc(predictions, split, positive, seed),
            *_losses(predictions, split),
            _ece(predictions, split),
        )
    )
    found = (
        _accuracy(predictions, split),
        *_resampled(predictions, counts, split, seed),
        *probable,
        *_per_label(predictions, counts, split),
    )
    few = len(set(predictions.clusters))
    return tuple(_without_interval(m, few) for m in found) if 0 < few < MINIMUM_CLUSTERS else found


def _without_probabilities(predictions: Predictions, split: SplitName) -> tuple[Metric, ...]:
    """What cannot be measured from answers alone, and how many were of no use."""
    n, reason = len(predictions), "only answers were given, no probabilities"
    missing = (
        Metric(name=name, split=split, value=None, n=n, missing_because=reason)
        for name in ("roc_auc", "pr_auc", "log_loss", "brier", "ece")
    )
    useless = int((predictions.predicted < 0).sum())
    rate = _metric("unparsable_rate", split, useless / n, n, wilson(useless, n))
    return (*missing, rate)


def _without_interval(metric: Metric, clusters: int) -> Metric:
    """The number alone: so few clusters say too little of how they vary."""
    if metric.low is None:
        return metric
    how = f"no interval: {clusters} clusters, at least {MINIMUM_CLUSTERS} are needed"
    return metric.model_copy(update={"low": None, "high": None, "how": how})


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
        groups: Sensitive column to its n values; an empty value counts as "unknown".
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
    if predictions.clusters:
        found = clustered_share(predictions.correct.astype(np.float64), predictions.clusters)
        return _metric("accuracy", split, right / n, n, found)
    return _metric("accuracy", split, right / n, n, wilson(right, n))


def _resampled(
    predictions: Predictions, counts: ClassCounts, split: SplitName, seed: int
) -> Iterator[Metric]:
    """macro F1, weighted F1 and MCC: intervals from one set of resamples."""
    n = len(predictions)
    smoothed, resamples = smoothed_counts(
        predictions.gold,
        predictions.predicted,
        len(predictions.labels),
        RESAMPLES,
        seed,
        predictions.clusters,
    )
    rarest, needed = int(counts.gold.min()), ROWS_PER_CLASS_FOR_MACRO_INTERVAL
    for name, function in COUNTED.items():
        value = float(function(counts))
        if name == "macro_f1" and rarest < needed:
            label = predictions.labels[int(counts.gold.argmin())]
            yield _bare(name, split, value, n, _too_few(label, rarest, needed))
            continue
        interval = _resampled_interval(name, value, float(function(smoothed)), function(resamples))
        if interval is None:
            yield _bare(name, split, value, n, "the same in every resample")
        else:
            yield _metric(name, split, value, n, interval)


def _resampled_interval(
    name: str, value: float, smoothed: float, resampled: FloatArray
) -> Interval | None:
    """None where no resample differs, as the MCC of a split with one label."""
    # MCC lives in [-1, 1]; halved and shifted it is a number in [0, 1] like the others.
    low, width = (-1.0, 2.0) if name == "mcc" else (0.0, 1.0)
    variance = float(resampled.var()) / width**2
    if variance == 0:
        return None
    how = f"Wilson interval with the effective n of {len(resampled)} smoothed resamples"
    unit = effective_wilson((value - low) / width, (smoothed - low) / width, variance, how)
    return Interval(low + width * unit.low, low + width * unit.high, how)


def _too_few(label: str, found: int, needed: int) -> str:
    return f"label {label!r} has {found} examples, at least {needed} are needed"


def _roc_auc(predictions: Predictions, split: SplitName, positive: str | None) -> Metric:
    n = len(predictions)
    curve = area(predictions, positive)
    if curve is None:
        reason = "all examples have the same label: there is no ROC curve"
        return Metric(name="roc_auc", split=split, value=None, n=n, missing_because=reason)
    curve = curve.clustered(predictions.clusters)
    found = _metric("roc_auc", split, curve.value, n, curve.interval)
    return found.model_copy(update={"how": f"{_whose(predictions, positive)}; {found.how}"})


def _whose(predictions: Predictions, positive: str | None) -> str:
    """Whose ROC curve was measured."""
    labels = predictions.labels
    if len(labels) == 2:
        why = "the rarer label" if positive is None else "as the task says"
        return f"positive is {labels[positive_class(predictions, positive)]!r} ({why})"
    absent = set(range(len(labels))) - set(predictions.gold.tolist())
    without = ", ".join(repr(labels[k]) for k in sorted(absent))
    return "macro one-vs-rest" + (f" without {without} (no examples)" if absent else "")


def _losses(predictions: Predictions, split: SplitName) -> Iterator[Metric]:
    n = len(predictions)
    for name, function in LOSSES.items():
        values = function(predictions.probabilities, predictions.gold)
        value = float(values.mean())
        if n < 2:
            yield _bare(name, split, value, n, "one example")
        else:
            interval = mean_interval(values, clusters=predictions.clusters)
            yield _metric(name, split, value, n, interval)


def _pr_auc(predictions: Predictions, split: SplitName, positive: str | None, seed: int) -> Metric:
    n, found = len(predictions), pr_auc(predictions, positive, seed)
    if found is None:
        reason = "the positive label does not occur: there is no precision-recall curve"
        return Metric(name="pr_auc", split=split, value=None, n=n, missing_because=reason)
    metric = _metric("pr_auc", split, found.value, n, found.interval)
    return metric.model_copy(update={"how": f"{_whose(predictions, positive)}; {metric.how}"})


def _ece(predictions: Predictions, split: SplitName) -> Metric:
    n, found = len(predictions), calibration(predictions)
    if found is None:
        reason = f"below {MINIMUM_ROWS} examples a calibration error is mostly chance"
        return Metric(name="ece", split=split, value=None, n=n, missing_because=reason)
    return _metric("ece", split, found.value, n, found.interval)


def measure_scaled(validation: Predictions, test: Predictions) -> tuple[Metric, ...]:
    """What temperature scaling would do: T from validation, log loss and ECE of test with it."""
    if len(validation) < ROWS_FOR_TEMPERATURE or len(test) < ROWS_FOR_TEMPERATURE:
        return ()
    temperature = fit_temperature(validation)
    again = scaled(test, temperature)
    losses = example_log_losses(again.probabilities, again.gold)
    how = f"at the temperature {temperature:.3f} that fits validation"
    ece = _ece(again, "test").model_copy(update={"name": "ece_scaled"})
    loss = _metric(
        "log_loss_scaled", "test", float(losses.mean()), len(test), mean_interval(losses)
    )
    return (
        Metric(
            name="temperature",
            split="validation",
            value=temperature,
            n=len(validation),
            how="lowest log loss on validation; no interval: it is a setting, not a result",
        ),
        loss.model_copy(update={"how": f"{how}; {loss.how}"}),
        ece.model_copy(update={"how": f"{how}; {ece.how}" if ece.value is not None else ""}),
    )


def _per_label(predictions: Predictions, counts: ClassCounts, split: SplitName) -> Iterator[Metric]:
    scores = metrics.precision_recall_f1(counts)
    for k, label in enumerate(predictions.labels):
        hits, gold, answered = (
            int(values[k]) for values in (counts.hits, counts.gold, counts.predicted)
        )
        group, union = f"label:{label}", gold + answered - hits
        for name, value, n in (
            ("precision", scores.precision[k], answered),
            ("recall", scores.recall[k], gold),
            ("f1", scores.f1[k], union),
        ):
            if gold < ROWS_FOR_CLASS_INTERVAL:
                why = _too_few(label, gold, ROWS_FOR_CLASS_INTERVAL)
                yield _bare(name, split, float(value), n, why, group)
            elif not n:
                yield _bare(name, split, float(value), n, "never answered, counted as 0", group)
            else:
                interval = f1_interval(hits, union) if name == "f1" else wilson(hits, n)
                yield _metric(name, split, float(value), n, interval, group)
        yield Metric(name="support", split=split, group=group, value=gold, n=gold, how="counted")


def _nothing_measured(predictions: Predictions, split: SplitName) -> tuple[Metric, ...]:
    names = ["accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "pr_auc"]
    names += ["log_loss", "brier", "ece"]
    return tuple(
        Metric(name=name, split=split, value=None, n=0, missing_because="the split has no examples")
        for name in names
    )
