"""Several models on the same examples: nothing is compared that is not paired."""

from collections.abc import Sequence

import numpy as np

from trainer.evaluate.judged import Judged


def aligned(runs: Sequence[Judged]) -> tuple[Judged, ...]:
    """The runs with their examples in the order of the first.

    Raises:
        ValueError: They are not on the same examples with the same labels and truth; says what
            differs.
    """
    first = runs[0]
    return (first, *(_like(first, other) for other in runs[1:]))


def _like(first: Judged, other: Judged) -> Judged:
    if first.labels != other.labels:
        raise ValueError(f"labels differ: {first.labels!r} and {other.labels!r}")
    if first.ids != other.ids:
        other = other.take(_places(first, other))
    if len(first) != len(other):
        raise ValueError(f"{len(first)} and {len(other)} examples without ids cannot be paired")
    if not np.array_equal(first.gold, other.gold):
        raise ValueError("the true labels of the same examples differ")
    return other


def _places(first: Judged, other: Judged) -> list[int]:
    place = {name: row for row, name in enumerate(other.ids)}
    if place.keys() != set(first.ids):
        odd = sorted(place.keys() ^ set(first.ids))
        raise ValueError(
            f"the examples differ: {len(odd)} of {len(first)} and {len(other)} are in only one, "
            f"such as {odd[0]!r}"
        )
    return [place[name] for name in first.ids]
