"""One file becomes train, validation and test: stratified, duplicates together, by seed.

The place of a row depends on its folded text, the seed, and how many others share its label; it
does not depend on the order of the rows in the file, nor on the seed of a run.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from storage.records import Split
from trainer.data.schema import Example, fold

ONE_FILE = {Split.TRAIN: 0.7, Split.VALIDATION: 0.1, Split.TEST: 0.2}
FROM_TRAIN = {Split.TRAIN: 0.9, Split.VALIDATION: 0.1}
RULE = "1"
"""Part of a data set's digest: another rule for splitting is another version of the data."""


def divide(
    rows: Sequence[Example], shares: Mapping[Split, float], seed: int
) -> dict[Split, tuple[Example, ...]]:
    """Divide rows by shares, each label by itself; rows of equal folded text stay together.

    Args:
        rows: In the order of their file; each part keeps that order.
        shares: Split to share, summing to 1. Where a label has one row, it goes to the largest.
        seed: `data.split_seed` of the task.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for row in rows:
        groups[fold(row.text)].append(row)
    by_label: dict[str, list[str]] = defaultdict(list)
    for text, members in groups.items():
        by_label[_commonest_label(members)].append(text)
    place: dict[str, Split] = {}
    for label in sorted(by_label):
        texts = sorted(by_label[label], key=lambda text: _order(text, seed))
        place |= _fill(texts, {text: len(groups[text]) for text in texts}, shares)
    return {split: tuple(row for row in rows if place[fold(row.text)] is split) for split in shares}


def _commonest_label(members: Sequence[Example]) -> str:
    counts = Counter(member.label for member in members)
    return min(counts, key=lambda label: (-counts[label], label))


def _order(text: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{text}".encode()).digest()


def _fill(
    texts: Sequence[str], sizes: Mapping[str, int], shares: Mapping[Split, float]
) -> dict[str, Split]:
    """Give each group to the split that lacks most, so that every share is met within one group."""
    placed = dict.fromkeys(shares, 0)
    total = 0
    found: dict[str, Split] = {}
    for text in texts:
        total += sizes[text]
        chosen = max(shares, key=lambda split: shares[split] * total - placed[split])
        placed[chosen] += sizes[text]
        found[text] = chosen
    return found
