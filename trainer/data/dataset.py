"""A task's rows, read, checked and split: what every method is fitted to and measured on.

Read `load_dataset` first. `load` gives raw rows, `schema` makes examples of them, `split` and
`leakage` say which side each is on, `quality` counts what was found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from storage.errors import BadData
from storage.records import (
    DataFile,
    DataQuality,
    DatasetVersion,
    Split,
    Task,
    TaskKind,
    digest_of,
)
from storage.run_folder import sha256_of
from trainer.data import quality, split
from trainer.data.leakage import ids_also_in, keep_out
from trainer.data.load import read_rows
from trainer.data.schema import (
    Example,
    ReadFile,
    check_labels,
    rows_in_words,
    to_examples,
    wanted_columns,
)
from trainer.data.written import read_written
from trainer.evaluate.arrays import IntArray

Splits = dict[Split, tuple[Example, ...]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """The used rows of each split, and the record that names this version of the data.

    Attributes:
        leaked: Ids of the test rows whose text train or validation held as their files were given.
            They are learnt from only where the task says `overlap = "keep"`.
    """

    version: DatasetVersion
    splits: Splits
    sensitive: tuple[str, ...]
    cluster: str | None = None
    leaked: frozenset[str] = frozenset()

    @property
    def labels(self) -> tuple[str, ...]:
        return self.version.labels

    def texts(self, name: Split) -> list[str]:
        return [row.text for row in self.splits[name]]

    def gold(self, rows: Sequence[Example]) -> IntArray:
        """Class indices, shape (rows,)."""
        import numpy as np

        place = {label: index for index, label in enumerate(self.labels)}
        return np.array([place[row.label] for row in rows], np.int64)

    def groups(self, rows: Sequence[Example]) -> dict[str, tuple[str, ...]]:
        """Sensitive column to its values, shape (rows,) each."""
        return {
            column: tuple(row.groups[place] for row in rows)
            for place, column in enumerate(self.sensitive)
        }

    def clusters(self, rows: Sequence[Example]) -> tuple[str, ...]:
        """The cluster of each row, shape (rows,); a row that has none stands by itself.

        Empty where the task names no cluster column.
        """
        if self.cluster is None:
            return ()
        return tuple(row.cluster or f"row {row.id}" for row in rows)


@dataclass(frozen=True, slots=True)
class _Divided:
    splits: Splits
    train_dropped: int = 0
    validation_dropped: int = 0
    leaked: frozenset[str] = frozenset()


def load_dataset(task: Task) -> Dataset:
    """Read, check and split a task's files.

    Raises:
        BadInput: A file cannot be opened.
        BadData: The rows cannot be used; says file, row, column and what to do.
    """
    paths = {role: Path(path) for role, path in task.data.files().items()}
    read = {role: _read(path, task) for role, path in paths.items()}
    divided = _divide(task, read)
    labelled = task.kind is TaskKind.CLASSIFICATION
    labels = _labels(task, divided.splits) if labelled else ()
    _refuse_empty(task, divided.splits)
    if labelled:
        _refuse_unknown_labels(task, read, divided.splits, labels)
    files = tuple(
        DataFile(
            role=role,
            path=str(path),
            size_bytes=path.stat().st_size,
            sha256=sha256_of(path),
            rows=read[role].rows,
        )
        for role, path in paths.items()
    )
    version = DatasetVersion(
        content_digest=_content_digest(task, files),
        test_digest=digest_of([[row.id, row.label] for row in divided.splits[Split.TEST]]),
        files=files,
        labels=labels,
        splits=tuple(
            quality.summarise(name, divided.splits[name], task.sensitive, labelled=labelled)
            for name in Split
        ),
        quality=quality.report(
            read,
            divided.splits,
            divided.train_dropped,
            divided.validation_dropped,
            labelled=labelled,
        ),
    )
    return Dataset(version, divided.splits, task.sensitive, task.cluster, divided.leaked)


def with_quality(dataset: Dataset, found: DataQuality) -> Dataset:
    """The same data with a fuller quality report; the digests do not depend on it."""
    return replace(dataset, version=dataset.version.model_copy(update={"quality": found}))


def _labels(task: Task, splits: Splits) -> tuple[str, ...]:
    found = tuple(sorted({row.label for row in splits[Split.TRAIN]}))
    if found:
        check_labels(task, found)
    return found


def _read(path: Path, task: Task) -> ReadFile:
    if task.kind is not TaskKind.CLASSIFICATION:
        return read_written(path, task)
    return to_examples(read_rows(path, task.data, wanted_columns(task)), task, path.name)


def _divide(task: Task, read: Mapping[str, ReadFile]) -> _Divided:
    """Three splits; no folded text in two of them, unless the task keeps the overlap."""
    if "file" in read:
        parts = _shared_out(task, read["file"].examples, split.ONE_FILE)
        return _Divided(parts)
    given = {role: part.examples for role, part in read.items()}
    train, validation, test = given["train"], given.get("validation", ()), given["test"]
    leaked = ids_also_in(test, train, validation)
    if task.data.overlap == "keep":
        return _Divided(_parts(task, train, validation, test), leaked=leaked)
    checked = keep_out(validation, test)
    learnt = keep_out(train, test, checked.kept)
    parts = _parts(task, learnt.kept, checked.kept, test)
    return _Divided(parts, learnt.dropped, checked.dropped, leaked)


def _shared_out(task: Task, rows: Sequence[Example], shares: Mapping[Split, float]) -> Splits:
    labelled = task.kind is TaskKind.CLASSIFICATION
    return split.divide(rows, shares, task.data.split_seed, stratified=labelled)


def _parts(
    task: Task, train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example]
) -> Splits:
    """The splits of given files; a tenth of train where no validation file was given."""
    if task.data.validation is None:
        parts = _shared_out(task, train, split.FROM_TRAIN)
    else:
        parts = {Split.TRAIN: tuple(train), Split.VALIDATION: tuple(validation)}
    return parts | {Split.TEST: tuple(test)}


def _refuse_empty(task: Task, parts: Splits) -> None:
    for name in Split:
        if not parts[name]:
            raise BadData(
                f"Task {task.name!r}: no rows are left for {name.value} "
                f"({sum(map(len, parts.values()))} usable rows in all, duplicates across splits "
                "kept out). Add rows."
            )


def _refuse_unknown_labels(
    task: Task, read: Mapping[str, ReadFile], parts: Splits, labels: Sequence[str]
) -> None:
    for name in (Split.TEST, Split.VALIDATION):
        strange = [row for row in parts[name] if row.label not in labels]
        if not strange:
            continue
        role = name.value if name.value in read else ("file" if "file" in read else "train")
        file_name = Path(task.data.files()[role]).name
        shown = rows_in_words([row.row for row in strange])
        raise BadData(
            f"{file_name}, {shown}, column {task.data.label!r}: the label {strange[0].label!r} "
            f"is in {name.value} but not among the training rows ({', '.join(labels[:12])}). "
            "Mend the label, or add training rows that have it."
        )


def _content_digest(task: Task, files: Sequence[DataFile]) -> str:
    """The bytes of the files, and all that decides which rows they become."""
    data = task.data
    later = {"overlap": "keep"} if data.overlap == "keep" else {}
    later |= {"cluster": task.cluster} if task.cluster else {}
    later |= {"kind": task.kind.value} if task.kind is not TaskKind.CLASSIFICATION else {}
    later |= {"format": data.format} if data.format != "auto" else {}
    # Left out at their defaults: data sets of before these keys existed keep their digest.
    return digest_of(
        later
        | {
            "files": {file.role: file.sha256 for file in files},
            "kinds": {file.role: Path(file.path).suffix.lower() for file in files},
            "columns": [data.text, data.label, *task.sensitive],
            "header": data.columns,
            "quoting": data.quoting,
            "encoding": data.encoding,
            "split_seed": data.split_seed,
            "rule": split.RULE,
        }
    )
