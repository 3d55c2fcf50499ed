"""Rows out of CSV, TSV, JSONL and Parquet files, strictly: no row is repaired, merged or dropped.

Python's csv module in strict mode is used, and not a faster reader, because it alone says on which
line a record began and refuses quotes that are never closed (pandas 3.1 and pyarrow 26 give a row
count at best). It reads 100,000 short rows in about a quarter of a second.
"""

import csv
import difflib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storage.errors import BadData, BadInput
from storage.records import DataSource
from trainer.data.lines import LINE_LIMIT, text_lines, unreadable

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row: its number as an editor shows it, and the wanted columns (None where missing)."""

    number: int
    values: tuple[str | None, ...]
    lines: int = 1


def read_rows(path: Path, source: DataSource, wanted: Sequence[str]) -> Iterator[RawRow]:
    """The rows of one file, blank lines included (all values None).

    Args:
        path: A `.csv`, `.tsv`, `.jsonl` or `.parquet` file.
        source: How to read it.
        wanted: The columns to give, in this order.

    Raises:
        BadInput: The file cannot be opened, or its kind is not known.
        BadData: A row or column is not what was expected; says where, and what to do.
    """
    return _reader(path)(path, source, wanted)


Reader = Callable[[Path, DataSource, Sequence[str]], Iterator[RawRow]]


def _reader(path: Path) -> Reader:
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return _delimited
    if suffix in JSON_LINES:
        return _json_lines
    if suffix == ".parquet":
        return _parquet
    raise BadInput(
        f"File {path.name!r} is of a kind that is not read here. "
        "Use .csv, .tsv, .jsonl or .parquet."
    )


# --- CSV and TSV ---------------------------------------------------------------------------------


def _delimited(path: Path, source: DataSource, wanted: Sequence[str]) -> Iterator[RawRow]:
    records = _records(path, source)
    if source.columns:
        header = source.columns
    else:
        first = next(records, None)
        if first is None:
            return
        header = tuple(name.strip() for name in first[1])
    places = _places(path, header, wanted, named_by_us=bool(source.columns))
    for number, fields, lines in records:
        if not any(field.strip() for field in fields):
            yield RawRow(number, (None,) * len(wanted), lines)
            continue
        if len(fields) != len(header):
            raise BadData(_wrong_width(path, number, len(fields), header, source))
        yield RawRow(number, tuple(fields[place] for place in places), lines)


def _records(path: Path, source: DataSource) -> Iterator[tuple[int, list[str], int]]:
    """First line, fields and number of lines of each record."""
    csv.field_size_limit(LINE_LIMIT)  # for the whole process: the trainer's own
    quoting: Literal[0, 3] = csv.QUOTE_NONE if source.quoting == "none" else csv.QUOTE_MINIMAL
    delimiter = DELIMITERS[path.suffix.lower()]
    lines = text_lines(path, source.encoding)
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadData(_bad_quotes(path, number, str(error))) from error
        yield number, fields, reader.line_num - number + 1


def _bad_quotes(path: Path, number: int, error: str) -> str:
    if "unexpected end of data" in error or "field larger" in error:
        what = "quotes are opened and never closed"
    elif "expected after" in error:
        what = "a quoted field goes on after its closing quote"
    else:
        what = f"the row cannot be read ({error})"
    return (
        f"{path.name}, row {number}: {what}. Close them, double quotes inside quotes, or set "
        '`quoting = "none"` in the task\'s [data] where quotes are part of the text.'
    )


def _wrong_width(
    path: Path, number: int, found: int, header: Sequence[str], source: DataSource
) -> str:
    more = source.quoting == "minimal" and found > len(header)
    advice = " Quote fields that hold the separator." if more else ""
    return (
        f"{path.name}, row {number}: {found} columns, but {len(header)} are expected "
        f"({', '.join(header)}). Mend that row.{advice}"
    )


def _places(
    path: Path, header: Sequence[str], wanted: Sequence[str], named_by_us: bool
) -> list[int]:
    for name in wanted:
        if name not in header:
            raise BadData(_missing_column(path, header, name, named_by_us))
        if header.count(name) > 1:
            raise BadData(
                f"{path.name}, row 1: the column {name!r} is there {header.count(name)} times. "
                "Rename all but one."
            )
    return [header.index(name) for name in wanted]


def _missing_column(path: Path, header: Sequence[str], name: str, named_by_us: bool) -> str:
    shown = ", ".join(repr(column[:40]) for column in header[:12])
    close = difflib.get_close_matches(name, header, 1)
    if named_by_us:
        advice = "Name it in `columns` of the task's [data]."
    elif close:
        advice = f"Did you mean {close[0]!r}? Change the task's [data]."
    elif len(header) == 1 and any(mark in header[0] for mark in ";|\t,"):
        advice = "Is another separator used? Save with commas (.csv) or tabs (.tsv)."
    else:
        advice = "Change the task's [data], or give `columns` for a file without a header."
    where = path.name if named_by_us else f"{path.name}, row 1"
    return f"{where}: there is no column {name!r}; the columns are {shown}. {advice}"


# --- JSON lines ----------------------------------------------------------------------------------


def _json_lines(path: Path, source: DataSource, wanted: Sequence[str]) -> Iterator[RawRow]:
    for number, line in enumerate(text_lines(path, source.encoding), start=1):
        if not line.strip():
            yield RawRow(number, (None,) * len(wanted))
            continue
        found = json_object(path, number, line)
        for name in wanted:
            if name not in found:
                keys = ", ".join(map(repr, list(found)[:12])) or "none"
                raise BadData(
                    f"{path.name}, row {number}: there is no key {name!r}; the keys are {keys}. "
                    "Mend that row, or change the task's [data]."
                )
        values = tuple(_as_text(found[name], path, number, name) for name in wanted)
        yield RawRow(number, values)


def json_object(path: Path, number: int, line: str) -> dict[str, object]:
    """One line as an object.

    Raises:
        BadData: It is none; says where.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        column = error.colno if isinstance(error, json.JSONDecodeError) else 1
        raise BadData(
            f"{path.name}, row {number}, column {column}: this is not JSON. "
            "Each line must be one JSON object."
        ) from error
    if not isinstance(found, dict):
        raise BadData(
            f"{path.name}, row {number}: each line must be a JSON object such as "
            '{"text": "…", "label": "…"}, ' + f"but this one is {line.strip()[:40]!r}."
        )
    return found


def _as_text(value: object, path: Path, number: int, name: str) -> str | None:
    """A cell as text; None where there is nothing (null, NaN)."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise BadData(
            f"{path.name}, row {number}, column {name!r}: text or a number is expected, "
            f"but this is a {type(value).__name__}. Mend that row."
        )
    if not value.isascii() and any("\ud800" <= mark <= "\udfff" for mark in value):
        raise BadData(
            f"{path.name}, row {number}, column {name!r}: half a character (a lone surrogate) is "
            "not text. Mend that row."
        )
    if len(value) > LINE_LIMIT:
        raise BadData(
            f"{path.name}, row {number}, column {name!r}: longer than {LINE_LIMIT:,} characters. "
            "Shorten that row."
        )
    return value


# --- Parquet -------------------------------------------------------------------------------------


def _parquet(path: Path, source: DataSource, wanted: Sequence[str]) -> Iterator[RawRow]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as stream:
            _places(path, stream.schema_arrow.names, wanted, named_by_us=False)
            number = 0
            for batch in stream.iter_batches(batch_size=1000, columns=list(dict.fromkeys(wanted))):
                columns = [batch.column(name).to_pylist() for name in wanted]
                for cells in zip(*columns, strict=True):
                    number += 1
                    pairs = zip(cells, wanted, strict=True)
                    yield RawRow(
                        number, tuple(_as_text(cell, path, number, name) for cell, name in pairs)
                    )
    except pa.ArrowInvalid as error:
        raise BadData(f"{path.name}: this is not a whole Parquet file. Write it again.") from error
    except OSError as error:
        raise BadInput(unreadable(path, error)) from error
