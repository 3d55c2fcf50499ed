"""Differences between groups of people, each group beside the largest one of its column."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import norm

from trainer.evaluate.arrays import BoolArray
from trainer.evaluate.groups import Group, groups_of
from trainer.evaluate.intervals import wilson
from trainer.evaluate.predictions import Predictions

ALPHA = 0.05
ALPHA_OTHER_WAY = 0.025
"""Of "the largest group gets less": ratios of small counts err to that side more often."""

EXPECTED_EVENTS = 10
"""Rows of a group that would be given the label if all groups were alike; fewer decide nothing."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A group beside the largest one, and what is counted: given a label, or answered rightly."""

    group: Group
    reference: Group
    label: str
    events: BoolArray

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Events and rows of the group, then of the reference."""
        group, reference = self.events[self.group.rows], self.events[self.reference.rows]
        return int(group.sum()), len(group), int(reference.sum()), len(reference)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A pair, measured: on the scale that is judged, where 0 means equal.

    `cautious_low` is the lower bound that the largest group's disadvantage is judged by.
    """

    pair: Pair
    value: float
    low: float
    high: float
    cautious_low: float
    gating: bool

    def outside(self, margin: float) -> bool:
        """Whether the whole interval is beyond the margin, on either side."""
        return self.high < -margin or self.cautious_low > margin

    def inside(self, margin: float) -> bool:
        return -margin < self.low and self.high < margin

    @property
    def least(self) -> float:
        """The smallest distance from equality that the interval allows."""
        return max(self.cautious_low, -self.high, 0.0)


def pairs_of(
    test: Predictions, columns: Mapping[str, Sequence[str]], wanted: tuple[str, ...]
) -> Iterator[Pair]:
    """Every group with enough rows beside the largest of its column, for each label."""
    found = [group for group in groups_of(columns) if group.shown]
    for column in columns:
        groups = [group for group in found if group.column == column]
        if len(groups) < 2:
            continue
        reference = max(groups, key=lambda group: len(group.rows))
        for group in groups:
            if group is not reference:
                yield from _events(test, group, reference, wanted)


def _events(
    test: Predictions, group: Group, reference: Group, wanted: tuple[str, ...]
) -> Iterator[Pair]:
    if not wanted:
        yield Pair(group, reference, "", test.correct)
    for label in wanted:
        yield Pair(group, reference, label, test.predicted == test.labels.index(label))


def _enough_rows(pair: Pair, minimum_rows: int) -> bool:
    return min(len(pair.group.rows), len(pair.reference.rows)) >= minimum_rows


def _enough_events(pair: Pair) -> bool:
    given, n, reference_given, reference_n = pair.counts
    return n * (given + reference_given) / (n + reference_n) >= EXPECTED_EVENTS


def share_ratio(pair: Pair, comparisons: int, minimum_rows: int) -> Comparison:
    """The logarithm of the ratio of two shares, each with half an event and half a row more.

    Args:
        pair: Whom to compare.
        comparisons: How many are made in the run; the interval allows for all of them.
        minimum_rows: Rows that a group needs before the comparison can fail a run.

    Source: Katz et al. 1978, "Obtaining confidence intervals for the risk ratio in cohort studies",
    with the half of Walter 1975.
    """
    given, n, reference_given, reference_n = pair.counts
    share, reference = (given + 0.5) / (n + 1), (reference_given + 0.5) / (reference_n + 1)
    error = math.sqrt(
        (1 - share) / (share * (n + 1)) + (1 - reference) / (reference * (reference_n + 1))
    )
    value = math.log(share / reference)
    z, cautious = _z(ALPHA / comparisons), _z(ALPHA_OTHER_WAY / comparisons)
    gating = _enough_rows(pair, minimum_rows) and _enough_events(pair)
    low, high = value - z * error, value + z * error
    return Comparison(pair, value, low, high, value - cautious * error, gating)


def accuracy_difference(pair: Pair, comparisons: int, minimum_rows: int) -> Comparison:
    """The difference of two shares; arguments as `share_ratio`.

    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions",
    method 10.
    """
    right, n, reference_right, reference_n = pair.counts
    share, reference = right / n, reference_right / reference_n
    z = _z(ALPHA / comparisons)
    own, other = wilson(right, n, z), wilson(reference_right, reference_n, z)
    value = share - reference
    low = value - math.hypot(share - own.low, other.high - reference)
    high = value + math.hypot(own.high - share, reference - other.low)
    return Comparison(pair, value, low, high, low, _enough_rows(pair, minimum_rows))


def _z(alpha: float) -> float:
    return float(norm.ppf(1 - alpha))
