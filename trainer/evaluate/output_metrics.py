"""Metrics of written answers: each a value and what every example adds to it.

The standard error of a value is the standard deviation of what the examples add, over √n; that of a
difference of two models comes from the differences of what they add. So one rule serves intervals,
paired tests and standings.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from storage.records import Metric, TaskKind
from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.clusters import MINIMUM_CLUSTERS, mean_error
from trainer.evaluate.intervals import (
    Z95,
    Interval,
    clustered_share,
    effective_wilson,
    mean_interval,
    wilson,
)
from trainer.evaluate.outputs import Outputs


@dataclass(frozen=True, slots=True)
class Score:
    """A metric: its value, and what each example adds, shape (n,), with the value as mean."""

    value: float
    added: FloatArray


def mean_of(name: str) -> Callable[[Outputs], Score]:
    """The mean of a column."""

    def score(outputs: Outputs) -> Score:
        values = outputs.columns[name]
        return Score(float(values.mean()), values)

    return score


def _ratio(top: FloatArray, bottom: FloatArray, where_none: float) -> Score:
    """Σ top / Σ bottom, linearised: an example adds value + (top − value·bottom) / mean bottom."""
    whole = float(bottom.mean())
    if whole == 0:
        return Score(where_none, np.full(len(top), where_none))
    value = float(top.mean()) / whole
    return Score(value, value + (top - value * bottom) / whole)


def entity_f1(outputs: Outputs) -> Score:
    """Micro F1 over all entities, strict: 2·hits / (named + gold). 1 where there is nothing."""
    c = outputs.columns
    return _ratio(2 * c["hits"], c["named"] + c["gold"], 1.0)


def entity_precision(outputs: Outputs) -> Score:
    """Share of named entities that are right."""
    return _ratio(outputs.columns["hits"], outputs.columns["named"], 1.0)


def entity_recall(outputs: Outputs) -> Score:
    """Share of entities that were found."""
    return _ratio(outputs.columns["hits"], outputs.columns["gold"], 1.0)


def invented_rate(outputs: Outputs) -> Score:
    """Share of named entities whose words the text does not hold."""
    return _ratio(outputs.columns["invented"], outputs.columns["named"], 0.0)


def mae(outputs: Outputs) -> Score:
    """Mean absolute error."""
    values = np.abs(outputs.columns["error"])
    return Score(float(values.mean()), values)


def rmse(outputs: Outputs) -> Score:
    """Root of the mean squared error, linearised."""
    squares = outputs.columns["error"] ** 2
    value = float(np.sqrt(squares.mean()))
    return Score(value, value + (squares - squares.mean()) / (2 * value) if value else squares)


def r2(outputs: Outputs) -> Score:
    """1 − Σ error² / Σ (truth − mean truth)²; 0 where all truths are the same."""
    truth = outputs.columns["truth"]
    found = _ratio(outputs.columns["error"] ** 2, (truth - truth.mean()) ** 2, 1.0)
    return Score(1 - found.value, 1 - found.added)


def unparsable_rate(outputs: Outputs) -> Score:
    """Share of answers that could not be read."""
    values = 1 - outputs.columns["valid"]
    return Score(float(values.mean()), values)


def bits_per_byte(outputs: Outputs) -> Score:
    """Bits that the model needs for a byte of the texts.

    Source: Gao et al. 2020, "The Pile", section 3.1.
    """
    return _ratio(outputs.columns["bits"], outputs.columns["size_bytes"], 0.0)


METRICS: dict[TaskKind, dict[str, Callable[[Outputs], Score]]] = {
    TaskKind.GENERATION: {
        "exact_match": mean_of("exact_match"),
        "token_f1": mean_of("token_f1"),
        "rouge_l": mean_of("rouge_l"),
        "chrf": mean_of("chrf"),
        "valid_rate": mean_of("valid"),
    },
    TaskKind.EXTRACTION: {
        "entity_f1": entity_f1,
        "entity_precision": entity_precision,
        "entity_recall": entity_recall,
        "invented_rate": invented_rate,
        "unparsable_rate": unparsable_rate,
    },
    TaskKind.REGRESSION: {
        "mae": mae,
        "rmse": rmse,
        "r2": r2,
        "unparsable_rate": unparsable_rate,
    },
    TaskKind.TEXT: {"bits_per_byte": bits_per_byte},
}

SHARES = {"exact_match", "valid_rate", "unparsable_rate"}
"""Means of zeros and ones."""
BOUNDED = {"token_f1", "rouge_l", "chrf", "entity_f1", "entity_precision", "entity_recall"}
BOUNDED |= {"invented_rate"}
"""Numbers from 0 to 1."""
LOWER_IS_BETTER = {"mae", "rmse", "unparsable_rate", "invented_rate", "bits_per_byte"}


def score(outputs: Outputs, metric: str) -> Score:
    """A metric of this kind of task, by name.

    Raises:
        ValueError: It has no such metric.
    """
    known = METRICS[outputs.kind]
    if metric not in known:
        raise ValueError(f"{metric!r} is not one of {', '.join(known)}")
    return known[metric](outputs)


def measure_outputs(outputs: Outputs, split: str) -> tuple[Metric, ...]:
    """Every metric of the kind, with interval and n; and Spearman's correlation of numbers."""
    found = [_metric(outputs, split, name) for name in METRICS[outputs.kind]]
    if outputs.kind is TaskKind.REGRESSION:
        found.append(_spearman(outputs, split))
    return tuple(found)


def _metric(outputs: Outputs, split: str, name: str) -> Metric:
    n = len(outputs)
    given = {"name": name, "split": split, "n": n}
    if not n:
        return Metric.model_validate(
            given | {"value": None, "missing_because": "the split has no examples"}
        )
    found = score(outputs, name)
    few = len(set(outputs.clusters))
    if n < 2 or 0 < few < MINIMUM_CLUSTERS:
        how = f"no interval: {n} example" if n < 2 else f"no interval: {few} clusters"
        return Metric.model_validate(given | {"value": found.value, "how": how})
    interval = _interval(outputs, name, found)
    return Metric.model_validate(
        given
        | {
            "value": found.value,
            "low": min(interval.low, found.value),
            "high": max(interval.high, found.value),
            "how": interval.how,
        }
    )


def _interval(outputs: Outputs, name: str, found: Score) -> Interval:
    if name in SHARES:
        if outputs.clusters:
            return clustered_share(found.added, outputs.clusters)
        return wilson(round(float(found.added.sum())), len(outputs))
    if name in BOUNDED:
        return _bounded(outputs, found)
    if name == "r2":
        error = mean_error(found.added, outputs.clusters)
        how = "normal, standard error of the linearised ratio"
        return Interval(found.value - Z95 * error, min(1.0, found.value + Z95 * error), how)
    return mean_interval(found.added, clusters=outputs.clusters)


def _bounded(outputs: Outputs, found: Score) -> Interval:
    """Wilson's form with the n that the spread of the examples is worth, one pseudo-error added.

    Without the pseudo-error answers that are all right would be free of doubt.
    """
    n = len(outputs)
    far = 0.0 if found.value > 0.5 else 1.0
    smoothed = (found.value * n + far) / (n + 1)
    pseudo = (far - found.value) ** 2 / n
    variance = mean_error(found.added, outputs.clusters) ** 2 + pseudo / n
    how = "Wilson interval with the effective n of linearised examples"
    return effective_wilson(found.value, smoothed, variance, how)


def _spearman(outputs: Outputs, split: str) -> Metric:
    """Spearman's rank correlation, its interval by Fisher's z.

    Source: Bonett and Wright 2000, "Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations": standard error √((1 + ρ²/2)/(n − 3)).
    """
    n, c = len(outputs), outputs.columns
    given = {"name": "spearman", "split": split, "n": n}
    constant = n < 4 or np.ptp(c["truth"]) == 0 or np.ptp(c["answer"]) == 0
    if constant:
        why = "answers or truths are all the same, or too few: there is no order to compare"
        return Metric.model_validate(given | {"value": None, "missing_because": why})
    ranks = rankdata(c["truth"]), rankdata(c["answer"])
    value = float(np.corrcoef(*ranks)[0, 1])
    centre = np.arctanh(np.clip(value, -0.999999, 0.999999))
    half = Z95 * np.sqrt((1 + value**2 / 2) / (n - 3))
    low, high = float(np.tanh(centre - half)), float(np.tanh(centre + half))
    how = "Fisher's z with Bonett and Wright's error"
    return Metric.model_validate(
        given | {"value": value, "low": min(low, value), "high": max(high, value), "how": how}
    )
