"""One SQL database: opening it, its transactions, and its numbered migrations.

SQLite in WAL mode through SQLAlchemy Core, in SQL that PostgreSQL knows too. Many processes may
write. A write is one short transaction that takes the write lock first (`Database.write`), so a
read followed by a write inside it cannot race.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, text

from storage.records import now

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Database:
    """A database with up-to-date tables. Safe to use from several threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, place: Path | str) -> Self:
        """Open a database and bring its tables up to date.

        Args:
            place: A file for SQLite, or a database URL.
        """
        url = f"sqlite:///{place}" if isinstance(place, Path) else place
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        database = cls(engine)
        database._migrate()
        return database

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """One transaction that holds the write lock from its start.

        A commit survives the death of any process. A durable one, and all before it, survive the
        loss of power, too; it waits for the disk, for which a request in chat has no time.
        """
        with self._engine.connect() as connection:
            writing = connection.execution_options(tuneboard_write=True, tuneboard_durable=durable)
            with writing.begin():
                yield writing

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def _migrate(self) -> None:
        with self.write() as db:
            db.execute(
                text(
                    "create table if not exists schema_version (version integer primary key,"
                    " name varchar not null, sha256 varchar not null, applied_at varchar not null)"
                )
            )
            done = set(db.execute(text("select version from schema_version")).scalars())
            for version, name, script in _migrations():
                if version in done:
                    continue
                for statement in _statements(script):
                    db.execute(text(statement))
                db.execute(
                    text("insert into schema_version values (:version, :name, :sha256, :at)"),
                    {
                        "version": version,
                        "name": name,
                        "sha256": hashlib.sha256(script.encode()).hexdigest(),
                        "at": now().isoformat(),
                    },
                )


def new_id(letter: str) -> str:
    """A letter, nine digits of time in milliseconds and four random ones: sorts by age."""
    return letter + _base32(time.time_ns() // 1_000_000, 9) + _base32(secrets.randbits(20), 4)


def next_number(db: Connection, counter: str) -> int:
    """The next number of a sequence without gaps; its row is locked until the transaction ends."""
    return int(
        db.execute(
            text("update counters set value = value + 1 where name = :name returning value"),
            {"name": counter},
        ).scalar_one()
    )


def _migrations() -> Iterator[tuple[int, str, str]]:
    """Number, name and text of each migration in order."""
    folder = files("storage") / "migrations" / "ledger"
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name.endswith(".sql"):
            yield int(item.name[:4]), item.name, item.read_text(encoding="utf-8")


def _statements(script: str) -> list[str]:
    """The statements of a migration; ours hold no semicolon inside one."""
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]


def _prepare_sqlite(engine: Engine) -> None:
    """WAL, and transactions that begin where we say, with the write lock where one writes."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not open transactions of its own
        for pragma in ("journal_mode = wal", "busy_timeout = 20000"):
            connection.execute(f"pragma {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("tuneboard_write", False):
            connection.exec_driver_sql("begin")
            return
        durable = options.get("tuneboard_durable", False)
        connection.exec_driver_sql(f"pragma synchronous = {'full' if durable else 'normal'}")
        connection.exec_driver_sql("begin immediate")


def _base32(value: int, digits: int) -> str:
    found = ""
    for _ in range(digits):
        value, rest = divmod(value, 32)
        found = _ALPHABET[rest] + found
    return found
