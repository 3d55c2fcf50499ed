"""Data files below the roots: which there are, and what columns one has. Quick and bounded."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.commands import did_you_mean
from bot.paths import path_of
from storage.errors import BadInput

SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt", ".conll"})
MOST_FILES, MOST_LOOKED_AT, MOST_DEEP = 100, 5000, 4
HEAD_BYTES = 65_536


def data_files(roots: Sequence[str]) -> list[str]:
    """Files that may hold a task's data, as their paths below a root; the first hundred by name."""
    found: dict[str, Path] = {}
    for root in (Path(root).resolve() for root in roots):
        for path in _walk(root, MOST_DEEP, iter(range(MOST_LOOKED_AT))):
            found.setdefault(str(path.relative_to(root)), path)
    return sorted(found)[:MOST_FILES]


def below_roots(name: str, roots: Sequence[str]) -> str:
    """Where a file lies that is named by its path below a root; a whole path is that path.

    Raises:
        BadInput: There is no such file below any root.
    """
    if Path(name).is_absolute():
        return name
    for root in (Path(root).resolve() for root in roots):
        if path_of(str(root / name)).is_file():
            return str(root / name)
    hint = did_you_mean(name, data_files(roots))
    raise BadInput(f"There is no file {name[:80]!r} below the data roots.{hint}")


def columns_of(path: Path) -> list[str]:
    """The columns that a file's first line names; none where it has no such line."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES).decode("utf-8-sig", errors="ignore")
    except OSError:
        return []
    match path.suffix.lower():
        case ".csv" | ".tsv" as suffix:
            rows = csv.reader(head.splitlines(), delimiter="\t" if suffix == ".tsv" else ",")
            return [name for name in next(rows, []) if name.strip()]
        case ".jsonl" | ".json":
            return _keys(head.splitlines()[0] if head else "")
        case _:
            return []


def _keys(line: str) -> list[str]:
    try:
        found = json.loads(line)
    except ValueError:
        return []
    return [str(key) for key in found] if isinstance(found, dict) else []


def _walk(folder: Path, deep: int, budget: Iterator[int]) -> Iterator[Path]:
    """Files of a folder and of those in it, but no links and nothing that begins with a dot."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        if next(budget, None) is None:
            return
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir() and deep:
            yield from _walk(path, deep - 1, budget)
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
