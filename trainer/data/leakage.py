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
    known = {fold(row.text) for split in held_out for row in split}
    kept = tuple(row for row in rows if fold(row.text) not in known)
    return KeptOut(kept, len(rows) - len(kept))
