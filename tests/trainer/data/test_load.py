"""Rows out of files: strict, with the row an editor shows in every message."""

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from storage.errors import BadData, BadInput
from storage.records import DataSource
from trainer.data.lines import LINE_LIMIT
from trainer.data.load import RawRow, read_rows

WANTED = ("text", "label")


def read(path: Path, content: str | bytes | None = None, **how: object) -> list[RawRow]:
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    source = DataSource.model_validate({"file": str(path), **how})
    return list(read_rows(path, source, WANTED))


def values(rows: list[RawRow]) -> list[tuple[str | None, ...]]:
    return [row.values for row in rows]


def test_csv_gives_the_wanted_columns_in_the_wanted_order(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", 'id,label,text\n1,x,"one, two"\n2,y,three\n')
    assert rows == [RawRow(2, ("one, two", "x")), RawRow(3, ("three", "y"))]


def test_a_quoted_text_over_two_lines_counts_as_one_row_and_keeps_the_numbers(
    tmp_path: Path,
) -> None:
    rows = read(tmp_path / "a.csv", 'text,label\n"one\ntwo",x\nthree,y\n')
    assert rows == [RawRow(2, ("one\ntwo", "x"), lines=2), RawRow(4, ("three", "y"))]


def test_quotes_are_text_where_the_task_says_so(tmp_path: Path) -> None:
    content = 'x\t"he said\ny\tdone" he said\n'
    rows = read(tmp_path / "a.tsv", content, columns=("label", "text"), quoting="none")
    assert values(rows) == [('"he said', "x"), ('done" he said', "y")]


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    assert values(read(tmp_path / "a.csv", b"\xef\xbb\xbftext,label\none,x\n")) == [("one", "x")]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_other_encodings_are_read_when_named(tmp_path: Path, encoding: str) -> None:
    content = "text,label\nüber größe,x\n".encode(encoding)
    assert values(read(tmp_path / "a.csv", content, encoding=encoding)) == [("über größe", "x")]


def test_blank_lines_are_rows_without_values(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", "text,label\n\none,x\n")
    assert rows == [RawRow(2, (None, None)), RawRow(3, ("one", "x"))]


def test_json_lines_give_numbers_and_truth_values_as_text(tmp_path: Path) -> None:
    content = '{"text": 7, "label": true}\n\n{"text": "a", "label": NaN}\n'
    rows = read(tmp_path / "a.jsonl", content)
    assert values(rows) == [("7", "true"), (None, None), ("a", None)]


def test_parquet_rows_are_numbered_from_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"label": ["x", None], "text": ["one", "two"]}), path)
    assert read(path) == [RawRow(1, ("one", "x")), RawRow(2, ("two", None))]


BAD = {
    "a column is missing": ("a.csv", "txt,label\none,x\n", ["'text'", "row 1", "'txt'"]),
    "another separator": ("a.csv", "text;label\none;x\n", ["'text;label'", "separator"]),
    "a column twice": ("a.csv", "text,text,label\na,b,c\n", ["'text'", "2 times"]),
    "too few columns": ("a.csv", "text,label\none,x\ntwo\n", ["row 3", "1 columns", "2"]),
    "too many columns": ("a.csv", "text,label\none, two,x\n", ["row 2", "3 columns"]),
    "quotes never closed": ("a.csv", 'text,label\none,x\n"two,y\nthree,z\n', ["row 3", "never"]),
    "text after a closing quote": ("a.csv", 'text,label\n"a"b,x\n', ["row 2", "quoting"]),
    "wrong encoding": ("a.csv", b"text,label\none,x\n\xfcber,y\n", ["row 3", "0xfc", "encoding"]),
    "UTF-16 unannounced": ("a.csv", "text,label\n".encode("utf-16"), ["row 1", "utf-16"]),
    "a NUL character": ("a.csv", b"text,label\none\0,x\n", ["row 2", "NUL"]),
    "not JSON": ("a.jsonl", '{"text": "a", "label": "x"}\n{oops\n', ["row 2", "column 2"]),
    "JSON but no object": ("a.jsonl", "[1, 2]\n", ["row 1", "object"]),
    "a key is missing": ("a.jsonl", '{"text": "a"}\n', ["row 1", "'label'", "'text'"]),
    "a list for a text": ("a.jsonl", '{"text": [], "label": "x"}\n', ["row 1", "'text'", "list"]),
    "half a character": ("a.jsonl", '{"text": "\\ud800", "label": "x"}\n', ["row 1", "surrogate"]),
    "deep nesting": ("a.jsonl", "[" * 100_000 + "\n", ["row 1", "not JSON"]),
    "not Parquet": ("a.parquet", b"PAR1 nothing", ["a.parquet", "Parquet"]),
}


@pytest.mark.parametrize(("name", "content", "said"), BAD.values(), ids=BAD)
def test_bad_rows_are_named_with_file_and_place(
    tmp_path: Path, name: str, content: str | bytes, said: list[str]
) -> None:
    with pytest.raises(BadData) as raised:
        read(tmp_path / name, content)
    message = str(raised.value)
    assert all(word in message for word in [name, *said]), message


def test_a_missing_parquet_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"label": ["x"], "Text": ["one"]}), path)
    with pytest.raises(BadData, match=r"'text'.*'Text'"):
        read(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [("none.csv", "no file"), ("rows.xlsx", "kind"), ("folder.csv", "cannot be read")],
)
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadInput, match=said) as raised:
        read(tmp_path / name)
    assert name in str(raised.value)


def test_an_unknown_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'klingon'"):
        read(tmp_path / "a.csv", "text,label\n", encoding="klingon")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_an_endless_line_gives_a_message_and_takes_little_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as stream:
        stream.write(b"text,label\n" if name.endswith("csv") else b'{"text": "a", "label": "b"}\n')
        for _ in range(100):
            stream.write(b"x" * 1_000_000)  # 100 MB, read no further than its first megabyte
    tracemalloc.start()
    with pytest.raises(BadData, match=r"row 2.*longer than"):
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30 * LINE_LIMIT
