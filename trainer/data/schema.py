"""Raw rows become examples: a text, a label, an id that stays the same."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.errors import BadData
from storage.records import Task
from trainer.data.load import RawRow

LABEL_LIMIT = 1000
UNKNOWN_GROUP = "unknown"


@dataclass(frozen=True, slots=True)
class Example:
    """One row that can be learnt from or tested on.

    Attributes:
        id: Hash of folded text, label and occurrence: the same row has it in every version.
        row: Its number in its file, as an editor shows it.
        groups: Values of the task's sensitive columns, in their order.
        cluster: Whom or what the row belongs to (a customer, a thread); empty where not known.
        turns: Role and content of what was said before the answer, where the row is a chat.
        others: Further right answers beside `label`.
        as_is: Whether the answer follows the text as it stands, without a prompt of the task.
    """

    id: str
    text: str
    label: str
    row: int
    groups: tuple[str, ...] = ()
    cluster: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()
    as_is: bool = False


@dataclass(frozen=True, slots=True)
class ReadFile:
    """The examples of one file, and what was passed over."""

    examples: tuple[Example, ...]
    rows: int
    empty: tuple[int, ...]
    many_lines: tuple[int, ...]


def fold(text: str) -> str:
    """A text as duplicates are looked for: without case, every run of white space one space."""
    return " ".join(text.casefold().split())


def wanted_columns(task: Task) -> tuple[str, ...]:
    """Text, label, the sensitive columns and, where the task names one, the cluster column."""
    cluster = (task.cluster,) if task.cluster else ()
    return (task.data.text, task.data.label, *task.sensitive, *cluster)


def to_examples(rows: Iterable[RawRow], task: Task, file_name: str) -> ReadFile:
    """Examples of the rows that have a text; rows without one are counted with their numbers.

    Raises:
        BadData: There are no rows, or a text has no label.
    """
    examples: list[Example] = []
    empty: list[int] = []
    unlabelled: list[int] = []
    many_lines: list[int] = []
    seen: Counter[tuple[str, str]] = Counter()
    count = 0
    for raw in rows:
        count += 1
        text, label, *others = raw.values
        if raw.lines > 1:
            many_lines.append(raw.number)
        if text is None or not text.strip():
            empty.append(raw.number)
        elif not (name := _named(label)):
            unlabelled.append(raw.number)
        else:
            examples.append(_example(raw.number, (text, name), others, task, seen))
    if unlabelled:
        raise BadData(
            f"{file_name}, {rows_in_words(unlabelled)}: no label in column {task.data.label!r} "
            "(empty or NaN). Label these rows, or take them out."
        )
    if not examples:
        what = "has no rows" if not count else f"has {count} rows, and none has a text"
        raise BadData(f"{file_name} {what}. Give a file with a text and a label in each row.")
    return ReadFile(tuple(examples), count, tuple(empty), tuple(many_lines))


def rows_in_words(numbers: Sequence[int]) -> str:
    """`row 3`, `rows 3, 9 and 12`, or the first five and how many more."""
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    if len(numbers) <= 5:
        return f"rows {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return f"rows {', '.join(map(str, numbers[:5]))} and {len(numbers) - 5} more"


def check_labels(task: Task, labels: Sequence[str]) -> None:
    """Refuse a label column that cannot be one, and named labels that do not exist.

    Raises:
        BadData: One class only, far too many, or `positive`/`favourable` is not among them.
    """
    if len(labels) < 2:
        raise BadData(
            f"Task {task.name!r}: all training rows have the label {labels[0]!r}; at least two "
            f"different labels are needed. Is {task.data.label!r} the right column?"
        )
    if len(labels) > LABEL_LIMIT:
        raise BadData(
            f"Task {task.name!r}: column {task.data.label!r} has {len(labels):,} different "
            f"values; at most {LABEL_LIMIT:,} labels are possible. Is it the right column?"
        )
    named = {"positive": (task.positive,) if task.positive else (), "favourable": task.favourable}
    for key, names in named.items():
        for name in names:
            if name not in labels:
                shown = ", ".join(map(repr, labels[:12]))
                raise BadData(
                    f"Task {task.name!r}, key {key!r}: {name!r} is not a label of the training "
                    f"rows; the labels are {shown}. Change the task."
                )


def identity_of(text: str, label: str, seen: Counter[tuple[str, str]]) -> str:
    """The id of a row: a hash of its folded text, its label and how often both came before."""
    key = (fold(text), label)
    seen[key] += 1
    occurrence = "\0".join((*key, str(seen[key])))
    return hashlib.sha256(occurrence.encode()).hexdigest()[:16]


def _named(value: str | None) -> str:
    """A label's or group's name; empty where there is none."""
    # 'NaN' is what spreadsheets and data frames write for nothing. 'NA' is left alone: it is also
    # Namibia, North America and a label.
    name = (value or "").strip()
    return "" if name.casefold() == "nan" else name


def _example(
    number: int,
    content: tuple[str, str],
    others: Sequence[str | None],
    task: Task,
    seen: Counter[tuple[str, str]],
) -> Example:
    text, label = content
    identity = identity_of(text, label, seen)
    names = [_named(value) for value in others]
    groups = tuple(name or UNKNOWN_GROUP for name in names[: len(task.sensitive)])
    return Example(identity, text, label, number, groups, names[-1] if task.cluster else "")
