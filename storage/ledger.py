"""The ledger: who asked for what, the queue, and every step of every state.

SQLite in WAL mode through SQLAlchemy Core, in SQL that PostgreSQL knows too. Many processes may
write. A write is one short transaction that takes the write lock first (`Ledger.write`), so a read
followed by a write inside it cannot race. Every change of state is a compare-and-set that inserts a
row into `transitions`; requests carry a key that is unique, so the same request twice is one run.

Tasks, reviews and the outbox are in `tasks.py`, `reviews.py` and `outbox.py`, over the same tables.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import Row

from storage.errors import LostRace, UnknownName, WrongState
from storage.records import (
    Attempt,
    AttemptState,
    Run,
    RunSpec,
    RunState,
    Transition,
    now,
)
from storage.states import ATTEMPT_STEPS, RUN_STEPS, require_step

LOST_LIMIT = 2
"""How often a run is queued again after its attempt was lost."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Ledger:
    """One database of requests and states. Safe to use from several threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, place: Path | str) -> Self:
        """Open a ledger and bring its tables up to date.

        Args:
            place: A file for SQLite, or a database URL.
        """
        url = f"sqlite:///{place}" if isinstance(place, Path) else place
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        ledger = cls(engine)
        ledger._migrate()
        return ledger

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its start."""
        with self._engine.connect() as connection:
            writing = connection.execution_options(tuneboard_write=True)
            with writing.begin():
                yield writing

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def version(self) -> int:
        """Grows with every change of a run, attempt, review, decision or task."""
        query = (
            "select (select sum(value) from counters where name in ('transition', 'decision'))"
            " + (select count(*) from tasks)"
        )
        with self.read() as db:
            return int(db.execute(text(query)).scalar_one())

    # --- requests -------------------------------------------------------------------------------

    def request_run(
        self, spec: RunSpec, key: str, requested_by: str, origin: str = "terminal"
    ) -> tuple[Run, bool]:
        """Queue a run once for a key.

        Returns:
            The run, and whether this call made it; False means that the key was known.
        """
        with self.write() as db:
            known = db.execute(
                text("select * from runs where request_key = :key"), {"key": key}
            ).first()
            if known:
                return _run(known), False
            at = now()
            run = Run(
                id=new_id("r"),
                key=key,
                spec=spec,
                state=RunState.QUEUED,
                requested_by=requested_by,
                origin=origin,
                created_at=at,
                updated_at=at,
            )
            db.execute(
                text(
                    "insert into runs (id, request_key, task, task_version, method, spec, state,"
                    " reason, requested_by, origin, attempt, cancel_requested, created_at,"
                    " updated_at) values (:id, :key, :task, :task_version, :method, :spec, :state,"
                    " '', :requested_by, :origin, 0, 0, :at, :at)"
                ),
                {
                    "id": run.id,
                    "key": key,
                    "task": spec.task.name,
                    "task_version": spec.task.version,
                    "method": spec.method.value,
                    "spec": spec.model_dump_json(),
                    "state": run.state.value,
                    "requested_by": requested_by,
                    "origin": origin,
                    "at": at.isoformat(),
                },
            )
            record_transition(db, "run", run.id, "", RunState.QUEUED, requested_by, "requested")
            return run, True

    def request_cancel(self, run_id: str, actor: str) -> Run:
        """Ask for the end of a run: a queued run ends at once, an active one when it has saved.

        Raises:
            WrongState: The run has already ended.
        """
        with self.write() as db:
            run = _require_run(db, run_id)
            if run.state.ended:
                raise WrongState(f"{run_id} has already {run.state.value}; nothing to cancel.")
            if run.state is RunState.QUEUED:
                self._move_run(db, run, RunState.CANCELLED, actor, f"cancelled by {actor}")
            db.execute(text("update runs set cancel_requested = 1 where id = :id"), {"id": run_id})
            return _require_run(db, run_id)

    # --- the dispatcher's steps -----------------------------------------------------------------

    def claim_next_run(self, host: str) -> tuple[Run, Attempt] | None:
        """Take the oldest queued run: it becomes active with a new attempt in `dispatching`."""
        with self.write() as db:
            row = db.execute(
                text("select * from runs where state = 'queued' order by created_at, id limit 1")
            ).first()
            if row is None:
                return None
            run = _run(row)
            number = run.attempt + 1
            self._move_run(db, run, RunState.ACTIVE, host, f"attempt {number} on {host}")
            at = now().isoformat()
            db.execute(
                text("update runs set attempt = :number where id = :id"),
                {"number": number, "id": run.id},
            )
            db.execute(
                text(
                    "insert into attempts (run_id, number, state, host, gpus, reason, created_at,"
                    " updated_at) values (:run_id, :number, :state, :host, '[]', '', :at, :at)"
                ),
                {
                    "run_id": run.id,
                    "number": number,
                    "state": AttemptState.DISPATCHING.value,
                    "host": host,
                    "at": at,
                },
            )
            record_transition(
                db, "attempt", f"{run.id}/{number}", "", AttemptState.DISPATCHING, host, "claimed"
            )
            return _require_run(db, run.id), _require_attempt(db, run.id, number)

    def move_attempt(
        self, run_id: str, number: int, after: AttemptState, actor: str, reason: str = ""
    ) -> Attempt:
        """Take an attempt one step on, without ending it.

        Raises:
            IllegalTransition: The attempt cannot go there from where it is.
        """
        with self.write() as db:
            return _move_attempt(db, run_id, number, after, actor, reason)

    def set_gpus(self, run_id: str, number: int, gpus: Sequence[int]) -> None:
        """Note which GPUs an attempt was leased."""
        with self.write() as db:
            db.execute(
                text("update attempts set gpus = :gpus where run_id = :id and number = :number"),
                {"gpus": json.dumps(list(gpus)), "id": run_id, "number": number},
            )

    def end_attempt(
        self,
        run_id: str,
        number: int,
        after: AttemptState,
        actor: str,
        reason: str = "",
        *,
        run_state: RunState,
    ) -> Run:
        """End an attempt and move its run with it, in one transaction.

        Args:
            run_state: Where the run goes: an end, or `queued` after a lost attempt.

        Raises:
            IllegalTransition: One of the two cannot go there from where it is.
        """
        with self.write() as db:
            run = _require_run(db, run_id)
            if run.attempt != number:
                raise LostRace(f"{run_id} is at attempt {run.attempt}, not {number}")
            _move_attempt(db, run_id, number, after, actor, reason)
            self._move_run(db, run, run_state, actor, reason)
            return _require_run(db, run_id)

    def end_lost_attempt(self, run_id: str, number: int, actor: str, reason: str) -> Run:
        """End an attempt as lost: its run is queued again, at most LOST_LIMIT times, else fails."""
        run = self.run(run_id)
        lost = sum(a.state is AttemptState.LOST for a in self.attempts(run_id))
        if run.cancel_requested:
            after, why = RunState.CANCELLED, f"cancelled; {reason}"
        elif lost < LOST_LIMIT:
            after, why = RunState.QUEUED, f"{reason}; queued again"
        else:
            after, why = RunState.FAILED, f"{reason}, for the {lost + 1}rd time; not tried again"
        return self.end_attempt(run_id, number, AttemptState.LOST, actor, why, run_state=after)

    def fail_queued(self, run_id: str, actor: str, reason: str) -> Run:
        """End a queued run that can never start."""
        with self.write() as db:
            run = _require_run(db, run_id)
            self._move_run(db, run, RunState.FAILED, actor, reason)
            return _require_run(db, run_id)

    # --- reading --------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            UnknownName: There is none of this id.
        """
        with self.read() as db:
            return _require_run(db, run_id)

    def run_by_key(self, key: str) -> Run | None:
        with self.read() as db:
            row = db.execute(
                text("select * from runs where request_key = :key"), {"key": key}
            ).first()
            return _run(row) if row else None

    def runs(
        self,
        *,
        states: Sequence[RunState] = tuple(RunState),
        task: str | None = None,
        requested_by: str | None = None,
        limit: int = 10_000,
    ) -> tuple[Run, ...]:
        """Runs, newest first."""
        names = {f"s{i}": state.value for i, state in enumerate(states)}
        places = ", ".join(f":{name}" for name in names)
        query = (
            f"select * from runs where state in ({places})"  # noqa: S608  placeholders only
            " and (:task = '' or task = :task) and (:person = '' or requested_by = :person)"
            " order by created_at desc, id desc limit :limit"
        )
        values = names | {"task": task or "", "person": requested_by or "", "limit": limit}
        with self.read() as db:
            return tuple(_run(row) for row in db.execute(text(query), values))

    def queue_place(self, run_id: str) -> int | None:
        """1 for the run that starts next; None where it is not queued."""
        with self.read() as db:
            waiting = db.execute(
                text("select id from runs where state = 'queued' order by created_at, id")
            ).scalars()
            return next((i for i, found in enumerate(waiting, 1) if found == run_id), None)

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        with self.read() as db:
            rows = db.execute(
                text("select * from attempts where run_id = :id order by number"), {"id": run_id}
            )
            return tuple(_attempt(row) for row in rows)

    def active_attempts(self) -> tuple[Attempt, ...]:
        """Attempts that have not ended, oldest first."""
        with self.read() as db:
            rows = db.execute(
                text(
                    "select * from attempts where state in ('dispatching', 'submitted', 'running',"
                    " 'cancelling') order by created_at, run_id"
                )
            )
            return tuple(_attempt(row) for row in rows)

    def transitions(self, subject: str | None = None) -> tuple[Transition, ...]:
        """Steps in the order they happened: of one subject (`r1…`, `r1…/2`, `v1…`), or of all."""
        query = "select * from transitions where :subject = '' or subject = :subject order by id"
        with self.read() as db:
            rows = db.execute(text(query), {"subject": subject or ""})
            return tuple(_transition(row) for row in rows)

    def transitions_after(self, number: int) -> tuple[Transition, ...]:
        """The steps that happened after a numbered one, in order."""
        query = "select * from transitions where id > :number order by id"
        with self.read() as db:
            rows = db.execute(text(query), {"number": number})
            return tuple(_transition(row) for row in rows)

    # --- how far a reader of transitions has come -----------------------------------------------

    def cursor(self, name: str) -> int | None:
        """The number of the last step that a reader has dealt with; None before its first."""
        query = "select value from counters where name = :name"
        with self.read() as db:
            return db.execute(text(query), {"name": name}).scalar()

    def move_cursor(self, name: str, number: int) -> None:
        """Note how far a reader has come."""
        with self.write() as db:
            db.execute(
                text(
                    "insert into counters (name, value) values (:name, :number)"
                    " on conflict (name) do update set value = excluded.value"
                ),
                {"name": name, "number": number},
            )

    # --- inside ---------------------------------------------------------------------------------

    def _move_run(self, db: Connection, run: Run, after: RunState, actor: str, reason: str) -> None:
        require_step(RUN_STEPS, run.state, after)
        changed = db.execute(
            text(
                "update runs set state = :after, reason = :reason, updated_at = :at"
                " where id = :id and state = :before"
            ),
            {
                "after": after.value,
                "reason": reason,
                "at": now().isoformat(),
                "id": run.id,
                "before": run.state.value,
            },
        ).rowcount
        if changed != 1:
            raise LostRace(f"{run.id} is no longer {run.state.value}")
        record_transition(db, "run", run.id, run.state, after, actor, reason)

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


def record_transition(
    db: Connection, kind: str, subject: str, before: str, after: str, actor: str, reason: str
) -> None:
    """Insert one step of a state machine, in the transaction that takes it."""
    db.execute(
        text(
            "insert into transitions (id, kind, subject, before_state, after_state, actor, reason,"
            " happened_at) values (:id, :kind, :subject, :before, :after, :actor, :reason, :at)"
        ),
        {
            "id": next_number(db, "transition"),
            "kind": kind,
            "subject": subject,
            "before": str(before),
            "after": str(after),
            "actor": actor,
            "reason": reason,
            "at": now().isoformat(),
        },
    )


def _move_attempt(
    db: Connection, run_id: str, number: int, after: AttemptState, actor: str, reason: str
) -> Attempt:
    attempt = _require_attempt(db, run_id, number)
    require_step(ATTEMPT_STEPS, attempt.state, after)
    db.execute(
        text(
            "update attempts set state = :after, reason = :reason, updated_at = :at"
            " where run_id = :id and number = :number and state = :before"
        ),
        {
            "after": after.value,
            "reason": reason,
            "at": now().isoformat(),
            "id": run_id,
            "number": number,
            "before": attempt.state.value,
        },
    )
    record_transition(db, "attempt", f"{run_id}/{number}", attempt.state, after, actor, reason)
    return _require_attempt(db, run_id, number)


def _require_run(db: Connection, run_id: str) -> Run:
    row = db.execute(text("select * from runs where id = :id"), {"id": run_id}).first()
    if row is None:
        raise UnknownName(f"There is no run {run_id!r}. `runs` lists them.")
    return _run(row)


def _require_attempt(db: Connection, run_id: str, number: int) -> Attempt:
    row = db.execute(
        text("select * from attempts where run_id = :id and number = :number"),
        {"id": run_id, "number": number},
    ).first()
    if row is None:
        raise LostRace(f"{run_id} has no attempt {number}")
    return _attempt(row)


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        key=row.request_key,
        spec=RunSpec.model_validate_json(row.spec),
        state=RunState(row.state),
        reason=row.reason,
        requested_by=row.requested_by,
        origin=row.origin,
        attempt=row.attempt,
        cancel_requested=bool(row.cancel_requested),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        run_id=row.run_id,
        number=row.number,
        state=AttemptState(row.state),
        host=row.host,
        gpus=tuple(json.loads(row.gpus)),
        reason=row.reason,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _transition(row: Row[Any]) -> Transition:
    return Transition(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        before=row.before_state,
        after=row.after_state,
        actor=row.actor,
        reason=row.reason,
        at=row.happened_at,
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
        for pragma in ("journal_mode = wal", "synchronous = full", "busy_timeout = 20000"):
            connection.execute(f"pragma {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("tuneboard_write", False)
        connection.exec_driver_sql("begin immediate" if writing else "begin")


def _base32(value: int, digits: int) -> str:
    found = ""
    for _ in range(digits):
        value, rest = divmod(value, 32)
        found = _ALPHABET[rest] + found
    return found
