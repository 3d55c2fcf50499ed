"""Bias amplification: does a model tie labels to groups more than the truth does?

`directional` is the published mean over groups and labels. It has two limits: a lean of a few
groups is thinned out by all the others, and where the truth ties nothing to a group (a balanced
test set) it has no direction. So each group is also held against the rest of its column, in the
direction in which the model itself leans: `leaning_groups`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from trainer.evaluate.arrays import FloatArray, IntArray
from trainer.evaluate.groups import Group, groups_of
from trainer.evaluate.intervals import Z_ONE_SIDED
from trainer.evaluate.predictions import Predictions

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Bound:
    """A measured value and its bounds: one-sided 95 % each, for all comparisons of the run."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Leaning:
    """A group that is given a label more (`sign` 1) or less (-1) often than the rest is.

    Attributes:
        group: Whose examples.
        label: Place of the label.
        sign: The direction in which the model leans.
        lean: sign·M, where M is the share given the label in the group − that in the rest.
        excess: sign·(M − L), where L is the same difference among the reference answers.
    """

    group: Group
    label: int
    sign: int
    lean: Bound
    excess: Bound

    @property
    def least(self) -> float:
        """The least amplification that both bounds allow."""
        return min(self.lean.low, self.excess.low)

    @property
    def most(self) -> float:
        """The largest amplification, in either direction, that the bounds allow."""
        other_way = min(-self.lean.low, -self.excess.low)
        return max(min(self.lean.high, self.excess.high), other_way)


def columns_of(columns: Mapping[str, Sequence[str]]) -> dict[str, list[Group]]:
    """The groups with enough rows of each sensitive column that has at least two of them."""
    found: dict[str, list[Group]] = {}
    for group in groups_of(columns):
        if group.shown:
            found.setdefault(group.column, []).append(group)
    return {column: groups for column, groups in found.items() if len(groups) > 1}


def directional(
    predicted: IntArray, reference: IntArray, gold: IntArray, groups: Sequence[Group], labels: int
) -> Bound:
    """BiasAmp from groups to labels: how much more than `reference` a model follows the truth.

    1/(|A||T|) Σ_at sgn(P(a,t) − P(a)P(t))·Δ_at with Δ_at = P(T̂=t | a) − P(T=t | a). The direction
    comes from the truth and is held fixed; where there is none the term is 0. Standard error:
    groups are independent and each Δ_at is a mean over a group's examples (a bootstrap within
    groups gives the same).

    Args:
        predicted: Shape (n,). Places of the labels that the model gives.
        reference: Shape (n,). What it is compared with: the truth, or another model's labels.
        gold: Shape (n,). The truth.
        groups: The groups of one column.
        labels: How many labels there are.

    Source: Wang and Russakovsky 2021, "Directional bias amplification", section 4, with the sign of
    the authors' published code, in which cells without a direction count as 0.
    """
    used = np.concatenate([group.rows for group in groups])
    overall = np.bincount(gold[used], minlength=labels) / len(used)
    total, variance = 0.0, 0.0
    for group in groups:
        truth = np.bincount(gold[group.rows], minlength=labels) / len(group.rows)
        direction = np.sign(np.round(truth - overall, 12))
        scores = direction[predicted[group.rows]] - direction[reference[group.rows]]
        total += float(scores.mean())
        variance += _variance_of_mean(scores)
    cells = len(groups) * labels
    error = math.sqrt(variance) / cells
    value = total / cells
    return Bound(value, value - Z_ONE_SIDED * error, value + Z_ONE_SIDED * error)


def worst_column(
    predicted: IntArray,
    reference: IntArray,
    test: Predictions,
    columns: Mapping[str, Sequence[Group]],
) -> tuple[str, Bound]:
    """The sensitive column with the largest lower bound of `directional`, of at least one."""
    found = {
        column: directional(predicted, reference, test.gold, groups, len(test.labels))
        for column, groups in columns.items()
    }
    worst = max(found, key=lambda column: found[column].low)
    return worst, found[worst]


def leanings(
    predicted: IntArray,
    reference: IntArray,
    groups: Sequence[Group],
    labels: int,
    comparisons: int,
) -> Iterator[Leaning]:
    """Every group beside the rest of its column, for each label (one of two says all).

    Args:
        predicted: Shape (n,). Places of the labels that the model gives.
        reference: Shape (n,). Places of the labels it is compared with.
        groups: The groups of one column.
        labels: How many labels there are.
        comparisons: How many are made in the run; Bonferroni, in both directions.
    """
    z = float(norm.ppf(1 - ALPHA / (2 * comparisons)))
    for group in groups:
        rest = np.concatenate([other.rows for other in groups if other is not group])
        for label in range(1 if labels == 2 else labels):
            given = (predicted == label).astype(np.float64)
            more = given - (reference == label)
            lean = _difference(given, group.rows, rest, z)
            sign = 1 if lean.value >= 0 else -1
            excess = _difference(more, group.rows, rest, z)
            yield Leaning(group, label, sign, _turned(lean, sign), _turned(excess, sign))


def leaning_groups(
    predicted: IntArray,
    reference: IntArray,
    columns: Mapping[str, Sequence[Group]],
    labels: int,
    limit: float,
) -> list[Leaning]:
    """The groups to name: those of whom the model leans surely more than the reference does.

    The strongest is taken out of the rest and the others are tested again, until none is left: else
    three groups that are called toxic too often would make all the others look favoured.

    Args:
        predicted: Shape (n,). Places of the labels that the model gives.
        reference: Shape (n,). Places of the labels it is compared with.
        columns: Sensitive column to its groups.
        labels: How many labels there are.
        limit: The amplification that is still fine.
    """
    comparisons = count_comparisons(columns, labels)
    found: list[Leaning] = []
    for groups in columns.values():
        left = list(groups)
        while len(left) > 1:
            beyond = [
                leaning
                for leaning in leanings(predicted, reference, left, labels, comparisons)
                if leaning.least > limit
            ]
            if not beyond:
                break
            worst = max(beyond, key=lambda leaning: (leaning.least, -len(leaning.group.rows)))
            found.append(worst)
            left.remove(worst.group)
    return found


def largest_possible(
    predicted: IntArray,
    reference: IntArray,
    columns: Mapping[str, Sequence[Group]],
    labels: int,
    minimum_rows: int,
) -> float | None:
    """The amplification that cannot be ruled out for groups of at least `minimum_rows`.

    None where no column has two such groups.
    """
    comparisons = count_comparisons(columns, labels)
    most = [
        leaning.most
        for groups in columns.values()
        if sum(len(group.rows) >= minimum_rows for group in groups) > 1
        for leaning in leanings(predicted, reference, groups, labels, comparisons)
        if len(leaning.group.rows) >= minimum_rows
    ]
    return max(most, default=None)


def count_comparisons(columns: Mapping[str, Sequence[Group]], labels: int) -> int:
    """Groups times labels; of two labels, and of two groups, one says all."""
    of_groups = sum(1 if len(groups) == 2 else len(groups) for groups in columns.values())
    return max(1, of_groups * (1 if labels == 2 else labels))


def _difference(values: FloatArray, group: IntArray, rest: IntArray, z: float) -> Bound:
    value = float(values[group].mean() - values[rest].mean())
    error = math.sqrt(_variance_of_mean(values[group]) + _variance_of_mean(values[rest]))
    return Bound(value, value - z * error, value + z * error)


def _variance_of_mean(values: FloatArray) -> float:
    """Of scores between −1 and 1, with one more example on either side, as Agresti and Caffo do."""
    more = np.append(values, [values.mean() + 0.5, values.mean() - 0.5])
    return float(more.var() / len(more))


def _turned(bound: Bound, sign: int) -> Bound:
    if sign > 0:
        return bound
    return Bound(-bound.value, -bound.high, -bound.low)


def in_words(found: Leaning, labels: tuple[str, ...], reference: str = "its labels") -> str:
    """A group, the label and how far beyond the reference, for a sentence."""
    label, sign = found.label, found.sign
    if len(labels) == 2 and sign < 0:  # of two labels one is given more where the other is less
        label, sign = 1 - label, 1
    return (
        f"{found.group.name} (given {labels[label]!r} {'more' if sign > 0 else 'less'} often than "
        f"the rest by {found.lean.value * 100:.0f} points, {found.excess.value * 100:.0f} more "
        f"than {reference}; surely {found.excess.low * 100:.0f})"
    )
