"""Groups of people: which examples belong to which value of a sensitive column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluate.arrays import IntArray

UNKNOWN_GROUP = "unknown"
"""What an empty value of a sensitive column is counted under."""

ROWS_PER_GROUP = 30
"""A share of fewer examples than these says too little to be shown."""


@dataclass(frozen=True, slots=True)
class Group:
    """The examples that share one value of one sensitive column."""

    column: str
    value: str
    rows: IntArray

    @property
    def name(self) -> str:
        """As in `Metric.group`: `<column>:<value>`."""
        return f"{self.column}:{self.value}"

    @property
    def shown(self) -> bool:
        """Whether there are enough examples for a number."""
        return len(self.rows) >= ROWS_PER_GROUP


def groups_of(columns: Mapping[str, Sequence[str]]) -> Iterator[Group]:
    """The groups of each column, in the order of the columns and then of the values.

    Args:
        columns: Sensitive column to the value of each of n examples; empty means unknown.
    """
    for column, values in columns.items():
        named = np.array([value.strip() or UNKNOWN_GROUP for value in values])
        for value in sorted(set(named.tolist())):
            yield Group(column, value, np.flatnonzero(named == value).astype(np.int64))
