"""One file becomes train, validation and test: stratified, duplicates together, by seed.

The place of a row depends on its folded text, the seed, and how many others share its label; it
does not depend on the order of the rows in the file, nor on the seed of a run. Where the task names
a cluster column, rows of one cluster stay together, too: what was learnt of a customer must not be
asked about the same customer. Shares are then met as nearly as the sizes of the clusters allow.
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
    rows: Sequence[Example], shares: Mapping[Split, float], seed: int, *, stratified: bool = True
) -> dict[Split, tuple[Example, ...]]:
    """Divide rows by shares, each label by itself; rows of equal text or cluster stay together.

    Args:
        rows: In the order of their file; each part keeps that order.
        shares: Split to share, summing to 1. Where a label has one row, it goes to the largest.
        seed: `data.split_seed` of the task.
        stratified: Whether rows have labels of which each split should have its share.
    """
    names = _group_names(rows)
    groups: dict[str, list[Example]] = defaultdict(list)
    for row, name in zip(rows, names, strict=True):
        groups[name].append(row)
    by_label: dict[str, list[str]] = defaultdict(list)
    for name, members in groups.items():
        by_label[_commonest_label(members) if stratified else ""].append(name)
    place: dict[str, Split] = {}
    for label in sorted(by_label):
        ordered = sorted(by_label[label], key=lambda name: _order(name, seed))
        place |= _fill(ordered, {name: len(groups[name]) for name in ordered}, shares)
    placed = [(row, place[name]) for row, name in zip(rows, names, strict=True)]
    return {split: tuple(row for row, where in placed if where is split) for split in shares}


def _group_names(rows: Sequence[Example]) -> list[str]:
    """The group of each row: its folded text, or a cluster that this text leads to.

    Rows are joined through texts and through clusters, and so on: a text that two clusters share
    makes one group of both. A group is named by the smallest of its names, whatever the order.
    """
    leader: dict[str, str] = {}
    for row in rows:
        text = fold(row.text)
        cluster = f"\0{row.cluster}" if row.cluster else text
        first, second = sorted((_lead(leader, text), _lead(leader, cluster)))
        leader[second] = first
    return [_lead(leader, fold(row.text)) for row in rows]


def _lead(leader: dict[str, str], name: str) -> str:
    """Follow to the leader of a name's group, and shorten the way for the next."""
    while (above := leader.setdefault(name, name)) != name:
        leader[name] = leader[above]
        name = above
    return name


def _commonest_label(members: Sequence[Example]) -> str:
    counts = Counter(member.label for member in members)
    return min(counts, key=lambda label: (-counts[label], label))


def _order(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def _fill(
    names: Sequence[str], sizes: Mapping[str, int], shares: Mapping[Split, float]
) -> dict[str, Split]:
    """Give each group to the split that lacks most, so that every share is met within one group."""
    placed = dict.fromkeys(shares, 0)
    total = 0
    found: dict[str, Split] = {}
    for name in names:
        total += sizes[name]
        chosen = max(shares, key=lambda split: shares[split] * total - placed[split])
        placed[chosen] += sizes[name]
        found[name] = chosen
    return found
