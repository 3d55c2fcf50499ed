"""The board's files: built aside as a copy of the last publication, then published whole.

    board/work-<pid>.duckdb        being built, by one process at a time; never read by others
    board/board-NNNNNNNN.duckdb    a published snapshot; never written again
    board/board-NNNNNNNN.json      its BoardSummary, for readers without DuckDB
    board/CURRENT                  the pointer to the newest

Nothing that a reader may open is ever written: DuckDB's checkpoint rewrites blocks in place, and a
kill in the middle of one can leave an unreadable file (duckdb 2.0). So there is no long-lived work
file; the last snapshot is the state, and every publication starts from a fresh copy of it. A kill
or a full disk at any moment leaves the publication before it as it was.

DuckDB locks with POSIX locks, which any open-and-close of the file within the process drops; so no
file is opened here otherwise while DuckDB has it open. Names are never reused, since a process that
holds a connection would get the old content under an old name.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import duckdb

from storage.judgements import BoardSummary
from storage.published import Pointer, read_pointer, write_pointer
from storage.run_folder import write_whole

KEEP = 3
"""How many publications stay, so that a reader in the middle of one can finish."""

_SNAPSHOT = re.compile(r"board-(\d{8})\.(duckdb|json)")


@dataclass(frozen=True, slots=True)
class Board:
    """An open board: rows in, rows out."""

    connection: duckdb.DuckDBPyConnection
    fresh: bool = field(default=False)
    """Whether it was begun from nothing, not from the last publication."""

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows by column name, through Arrow: row by row takes a thousand times longer.

        Columns that the table does not have are an error; columns left out take their default.
        """
        import pyarrow as pa

        if not rows:
            return
        self.connection.register("incoming", pa.Table.from_pylist(list(rows)))
        try:
            self.connection.execute(f"insert into {_known(table)} by name select * from incoming")  # noqa: S608
        finally:
            self.connection.unregister("incoming")

    def delete(self, table: str, column: str, values: Sequence[str]) -> None:
        """Remove the rows that have one of the values in a column."""
        if values:
            query = (
                f"delete from {_known(table)} where {_known(column)} in (select unnest($values))"  # noqa: S608
            )
            self.connection.execute(query, {"values": list(values)})

    def clear(self, *tables: str) -> None:
        for table in tables:
            self.connection.execute(f"delete from {_known(table)}")  # noqa: S608

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """The result of a query as dictionaries."""
        found = self.connection.execute(query, values) if values else self.connection.execute(query)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    @classmethod
    def read(cls, snapshot: Path) -> Self:
        """Open a published snapshot; many readers may at once.

        Raises:
            duckdb.Error: The file is gone, or is no board.
        """
        return cls(duckdb.connect(str(snapshot), read_only=True))

    def close(self) -> None:
        self.connection.close()


def _known(name: str) -> str:
    """Names of tables and columns come from our own code; this keeps it so."""
    if not re.fullmatch(r"[a-z_0-9]+", name):
        raise ValueError(f"{name!r} is not the name of a table or column")
    return name


@contextmanager
def building(folder: Path, *, rebuild: bool = False) -> Iterator[Board]:
    """A board to be changed: a copy of the last publication, or an empty one.

    Only one process may build at a time; the caller holds the lock. When the block ends well the
    file is closed and left as `work_file(folder)` for `publish`; else it is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(folder)
    work = work_file(folder)
    board = None if rebuild else _copy_of_last(folder, work)
    board = board or _empty(work)
    try:
        yield board
        board.connection.execute("checkpoint")
        board.close()
    except BaseException:
        board.close()
        _remove(work)
        raise


@contextmanager
def unpublished() -> Iterator[Board]:
    """An empty board in memory, to compute aside; nothing of it is kept."""
    connection = duckdb.connect(config={"threads": 1})
    try:
        for script in _scripts():
            connection.execute(script)
        yield Board(connection, fresh=True)
    finally:
        connection.close()


def publish(folder: Path, summary: BoardSummary) -> Pointer:
    """Make the finished work file the newest publication, in one step, and drop old ones."""
    work = work_file(folder)
    number = 1 + max((int(m.group(1)) for m in _snapshots(folder)), default=0)
    name = f"board-{number:08d}"
    _sync(work)
    work.rename(folder / f"{name}.duckdb")
    write_whole(folder / f"{name}.json", summary.model_dump_json())
    _sync(folder)
    pointer = Pointer(
        snapshot=f"{name}.duckdb", summary=f"{name}.json", ledger_version=summary.ledger_version
    )
    write_pointer(folder, pointer)
    _prune(folder, number)
    return pointer


def is_sound(folder: Path, pointer: Pointer) -> bool:
    """Whether a publication is there, can be opened, and has the schema of this version."""
    try:
        board = Board.read(folder / pointer.snapshot)
    except duckdb.Error:
        return False
    try:
        return board.rows("select schema_sha256 as sha from publication") == [
            {"sha": schema_sha256()}
        ]
    except duckdb.Error:
        return False
    finally:
        board.close()


def work_file(folder: Path) -> Path:
    """The file that this process builds in."""
    return folder / f"work-{os.getpid()}.duckdb"


def schema_sha256() -> str:
    """The hash of the board's schema; a board made with another one is made anew."""
    return hashlib.sha256("".join(_scripts()).encode()).hexdigest()


def _scripts() -> list[str]:
    folder = files("storage") / "migrations" / "board"
    found = sorted((i for i in folder.iterdir() if i.name.endswith(".sql")), key=lambda i: i.name)
    return [item.read_text(encoding="utf-8") for item in found]


def _empty(work: Path) -> Board:
    connection = _connect(work)
    for script in _scripts():
        connection.execute(script)
    return Board(connection, fresh=True)


def _copy_of_last(folder: Path, work: Path) -> Board | None:
    """None where there is no last publication, or it cannot be read or has another schema."""
    pointer = read_pointer(folder)
    if pointer is None or not (folder / pointer.snapshot).exists():
        return None
    connection = _connect(work)
    try:
        connection.execute(f"attach '{_quoted(folder / pointer.snapshot)}' as last (read_only)")
        known = connection.execute("select schema_sha256 from last.publication").fetchall()
        if known == [(schema_sha256(),)]:
            connection.execute(f'copy from database last to "{work.stem}"')
            connection.execute("detach last")
            return Board(connection)
    except duckdb.Error:  # not a board, or a broken one: what it held can be made again
        pass
    connection.close()
    _remove(work)
    return None


def _connect(work: Path) -> duckdb.DuckDBPyConnection:
    # One thread: sums in a fixed order give the same digits on every machine. Small blocks: a young
    # board of 14 tables takes 0.3 MB instead of 3.
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": "2GB",
        "default_block_size": "16384",
    }
    return duckdb.connect(str(work), config=config)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _snapshots(folder: Path) -> Iterator[re.Match[str]]:
    for path in folder.iterdir():
        if found := _SNAPSHOT.fullmatch(path.name):
            yield found


def _prune(folder: Path, newest: int) -> None:
    for found in list(_snapshots(folder)):
        if int(found.group(1)) <= newest - KEEP:
            _remove(folder / found.group())


def _clear_leftovers(folder: Path) -> None:
    """Files of a projection that was killed; the caller's lock says that none is running."""
    for pattern in ("work-*", ".board-*", ".CURRENT.*"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
