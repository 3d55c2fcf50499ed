"""Rows as objects, for data whose columns are not all text: chats, lists of answers, entities."""

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from storage.errors import BadData, BadInput
from storage.records import DataSource
from trainer.data.lines import text_lines
from trainer.data.load import DELIMITERS, JSON_LINES, json_object

Row = Mapping[str, Any]
CONLL = (".conll", ".bio", ".iob", ".iob2", ".annotated")


def read_objects(path: Path, source: DataSource) -> Iterator[tuple[int, Row]]:
    """The rows of a file with their numbers as an editor shows them; blank lines are left out.

    Raises:
        BadInput: The file cannot be opened, or its kind is not known.
        BadData: A row is not what was expected; says where, and what to do.
    """
    suffix = path.suffix.lower()
    if suffix in JSON_LINES:
        for number, line in enumerate(text_lines(path, source.encoding), start=1):
            if line.strip():
                yield number, json_object(path, number, line)
    elif suffix in DELIMITERS:
        yield from _delimited(path, source)
    elif suffix == ".parquet":
        from pyarrow import parquet

        with parquet.ParquetFile(path) as stream:
            number = 0
            for batch in stream.iter_batches(batch_size=1000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    elif suffix in CONLL or source.format == "conll":
        yield from _sentences(path, source)
    elif suffix == ".txt":
        for number, line in enumerate(text_lines(path, source.encoding), start=1):
            if line.strip():
                yield number, {source.text: line.strip()}
    else:
        raise BadInput(
            f"File {path.name!r} is of a kind that is not read here. Use .jsonl, .csv, .tsv, "
            ".parquet, .txt (a text a line) or .conll."
        )


def _delimited(path: Path, source: DataSource) -> Iterator[tuple[int, Row]]:
    lines = text_lines(path, source.encoding)
    delimiter = DELIMITERS[path.suffix.lower()]
    quoting: Literal[0, 3] = csv.QUOTE_NONE if source.quoting == "none" else csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    try:
        header = list(source.columns or next(reader, ()))
        for fields in reader:
            if len(fields) != len(header):
                raise BadData(
                    f"{path.name}, row {reader.line_num}: {len(fields)} columns, but "
                    f"{len(header)} are expected ({', '.join(header)}). Mend that row."
                )
            yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise BadData(
            f"{path.name}, row {reader.line_num}: the row cannot be read ({error}). Mend it, or "
            'set `quoting = "none"` where quotes are part of the text.'
        ) from error


def _sentences(path: Path, source: DataSource) -> Iterator[tuple[int, Row]]:
    """Sentences of a CoNLL file: a token and its tag a line, apart by a tab or spaces, a blank
    line between sentences."""
    words: list[str] = []
    tags: list[str] = []
    began = 1
    for number, line in enumerate(text_lines(path, source.encoding), start=1):
        parts = line.split()
        if len(parts) >= 2 and not line.startswith("-DOCSTART-"):
            if not words:
                began = number
            words.append(parts[0])
            tags.append(_tag(path, number, parts[-1]))
        elif not parts and words:
            yield began, {source.text: " ".join(words), "entities": _spans(words, tags)}
            words, tags = [], []
        elif len(parts) == 1:
            raise BadData(
                f"{path.name}, row {number}: {line.strip()!r} has no tag. Write a token and its "
                "tag (B-type, I-type or O) on each line."
            )
    if words:
        yield began, {source.text: " ".join(words), "entities": _spans(words, tags)}


def _tag(path: Path, number: int, tag: str) -> str:
    if tag == "O" or tag[:2] in {"B-", "I-"}:
        return tag
    raise BadData(
        f"{path.name}, row {number}: the tag {tag!r} is not B-type, I-type or O. Mend that row."
    )


def _spans(words: list[str], tags: list[str]) -> list[dict[str, str]]:
    """Entities of a tagged sentence; an I- without its B- begins one."""
    found: list[tuple[str, list[str]]] = []
    before = "O"
    for word, tag in zip(words, tags, strict=True):
        if tag == "O":
            before = tag
            continue
        kind = tag[2:]
        if tag[0] == "B" or before == "O" or before[2:] != kind:
            found.append((kind, [word]))
        else:
            found[-1][1].append(word)
        before = tag
    return [{"type": kind, "text": " ".join(part)} for kind, part in found]


def is_nothing(value: object) -> bool:
    """Null, NaN, or nothing but white space."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())
