"""The same text on both sides: found by folding, kept out of what is learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.data.schema import Example, fold


@dataclass(frozen=True, slots=True)
class KeptOut:
    """Rows that stay, and how many were kept out because a later split holds their text."""

    kept: tuple[Example, ...]
    dropped: int


def keep_out(rows: Sequence[Example], *held_out: Sequence[Example]) -> KeptOut:
    """Leave out every row whose folded text is in one of the held-out splits.

    A duplicate is taken from the side that is learnt from, never from the test: so the test stays
    what it was, and two versions of a training file are still measured on the same rows.
    """
    known = _texts(held_out)
    kept = tuple(row for row in rows if fold(row.text) not in known)
    return KeptOut(kept, len(rows) - len(kept))


def ids_also_in(rows: Sequence[Example], *others: Sequence[Example]) -> frozenset[str]:
    """The ids of the rows whose folded text is in one of the others."""
    known = _texts(others)
    return frozenset(row.id for row in rows if fold(row.text) in known)


def ids_of_shared_clusters(rows: Sequence[Example], *others: Sequence[Example]) -> frozenset[str]:
    """The ids of the rows whose cluster is in one of the others."""
    known = {row.cluster for split in others for row in split if row.cluster}
    return frozenset(row.id for row in rows if row.cluster in known)


def _texts(splits: Sequence[Sequence[Example]]) -> set[str]:
    return {fold(row.text) for split in splits for row in split}
