"""How the labels of a task's data moved from one version to the next."""

from collections import Counter
from dataclasses import dataclass
from math import sqrt

from scipy.stats import norm

from storage.records import DatasetVersion
from trainer.evaluate.intervals import wilson


@dataclass(frozen=True, slots=True)
class Shift:
    """A label's share of all rows before and after, with the interval of the difference.

    The interval holds for all labels of the two versions at once (Bonferroni).
    """

    label: str
    before: float
    after: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        return self.low > 0 or self.high < 0


def label_shifts(before: DatasetVersion, after: DatasetVersion) -> list[Shift]:
    """Every label of either version, the largest change first; empty where labels are none.

    Source: Newcombe 1998, "Interval estimation for the difference between independent
    proportions", method 10 (from two Wilson intervals).
    """
    old, new = _counts(before), _counts(after)
    labels = sorted(old.keys() | new.keys())
    if not labels or not old.total() or not new.total():
        return []
    z = float(norm.ppf(1 - 0.025 / len(labels)))
    found = [_shift(label, old, new, z) for label in labels]
    return sorted(found, key=lambda shift: -abs(shift.after - shift.before))


def _counts(version: DatasetVersion) -> Counter[str]:
    return sum((Counter(part.class_counts) for part in version.splits), Counter[str]())


def _shift(label: str, old: Counter[str], new: Counter[str], z: float) -> Shift:
    sides = [(counts[label], counts.total()) for counts in (old, new)]
    before, after = (hits / rows for hits, rows in sides)
    first, second = (wilson(hits, rows, z) for hits, rows in sides)
    return Shift(
        label,
        before,
        after,
        after - before - sqrt((after - second.low) ** 2 + (first.high - before) ** 2),
        after - before + sqrt((second.high - after) ** 2 + (before - first.low) ** 2),
    )
