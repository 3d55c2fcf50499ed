"""What was found while reading, as numbers a person can act on."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from storage.records import DataQuality, Split, SplitSummary
from trainer.data.leakage import ids_of_shared_clusters
from trainer.data.schema import Example, ReadFile, fold, rows_in_words

SHOWN_NUMBERS = 20
FEW_ROWS_OF_A_LABEL = 10


def summarise(
    split: Split, rows: Sequence[Example], sensitive: Sequence[str], *, labelled: bool = True
) -> SplitSummary:
    """Rows by label (where rows have one), and by value of each sensitive column."""
    return SplitSummary(
        split=split,
        rows=len(rows),
        class_counts=_counts([row.label for row in rows]) if labelled else {},
        group_counts={
            column: _counts([row.groups[place] for row in rows])
            for place, column in enumerate(sensitive)
        },
    )


def report(
    read: Mapping[str, ReadFile],
    splits: Mapping[Split, Sequence[Example]],
    train_dropped: int,
    validation_dropped: int,
    *,
    labelled: bool = True,
) -> DataQuality:
    """The quality report of a data set.

    Args:
        read: What was read, by role (`file`, or `train`, `validation`, `test`).
        splits: The rows that are used.
        train_dropped: Training rows kept out because validation or test hold their text.
        validation_dropped: Validation rows kept out because test holds their text.
        labelled: Whether rows have labels; other answers may differ for the same text.
    """
    every = [row for part in read.values() for row in part.examples]
    empty = [number for part in read.values() for number in part.empty]
    return DataQuality(
        rows_read=sum(part.rows for part in read.values()),
        rows_used=sum(len(rows) for rows in splits.values()),
        empty_rows=len(empty),
        empty_row_numbers=tuple(empty[:SHOWN_NUMBERS]),
        duplicates_exact=len(every) - len({row.text for row in every}),
        duplicates_folded=len(every) - len({fold(row.text) for row in every}),
        duplicates_across_splits=train_dropped + validation_dropped,
        kept_out_of_train=train_dropped,
        conflicting_labels=_conflicts(every) if labelled else 0,
        notes=tuple(_notes(read, splits, validation_dropped, labelled)),
    )


def _notes(
    read: Mapping[str, ReadFile],
    splits: Mapping[Split, Sequence[Example]],
    dropped: int,
    labelled: bool,
) -> list[str]:
    found = []
    for role, part in read.items():
        if part.many_lines:
            found.append(
                f"{role}: {len(part.many_lines)} quoted records span several lines "
                f"({rows_in_words(part.many_lines)}); where quotes are part of the text, set "
                'quoting = "none"'
            )
    if dropped:
        found.append(f"{dropped} validation rows kept out: test holds their text")
    found += _shared_clusters(splits)
    if not labelled:
        return found
    counts = Counter(row.label for row in splits[Split.TRAIN])
    few = sorted(label for label, count in counts.items() if count < FEW_ROWS_OF_A_LABEL)
    if few:
        shown = ", ".join(f"{label!r} ({counts[label]})" for label in few[:5])
        found.append(f"labels with fewer than {FEW_ROWS_OF_A_LABEL} training rows: {shown}")
    return found


def _shared_clusters(splits: Mapping[Split, Sequence[Example]]) -> list[str]:
    test = splits[Split.TEST]
    shared = ids_of_shared_clusters(test, splits[Split.TRAIN], splits[Split.VALIDATION])
    if not shared:
        return []
    return [f"{len(shared)} of {len(test)} test rows belong to a cluster that train has, too"]


def _counts(values: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _conflicts(rows: Sequence[Example]) -> int:
    """Folded texts that occur with more than one label."""
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        labels[fold(row.text)].add(row.label)
    return sum(len(found) > 1 for found in labels.values())
