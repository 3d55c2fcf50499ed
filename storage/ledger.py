"""The ledger: who asked for what, the queue, and every step of every state.

Every change of state is a compare-and-set that inserts a row into `transitions`; requests carry a
key that is unique, so the same request twice is one run. Transactions are in `database.py`, rows in
`ledger_rows.py`; tasks, reviews and the outbox have files of their own, over the same tables.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, text

from storage import outbox
from storage.database import Database, new_id
from storage.errors import LostRace, WrongState
from storage.ledger_rows import (
    attempt_of,
    move_attempt,
    move_run,
    record_transition,
    require_attempt,
    require_run,
    run_of,
    transition_of,
)
from storage.records import (
    Attempt,
    AttemptState,
    Run,
    RunSpec,
    RunState,
    Transition,
    now,
)

LOST_LIMIT = 2
"""How often a run is queued again after its attempt was lost."""


class Ledger(Database):
    """Requests and states."""

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
                return run_of(known), False
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
                    " updated_at, waits_for) values (:id, :key, :task, :task_version, :method,"
                    " :spec, :state, '', :requested_by, :origin, 0, 0, :at, :at, :waits_for)"
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
                    "waits_for": spec.shared.run_id if spec.shared else "",
                },
            )
            record_transition(db, "run", run.id, "", RunState.QUEUED, requested_by, "requested")
            outbox.enqueue(
                db,
                "run_card",
                channel="",
                subject=run.id,
                payload={},
                coalesce_key=f"run_card:{run.id}",
            )
            return run, True

    def request_cancel(self, run_id: str, actor: str) -> Run:
        """Ask for the end of a run: a queued run ends at once, an active one when it has saved.

        Raises:
            WrongState: The run has already ended.
        """
        with self.write() as db:
            run = require_run(db, run_id)
            if run.state.ended:
                raise WrongState(f"{run_id} has already {run.state.value}; nothing to cancel.")
            if run.state is RunState.QUEUED:
                move_run(db, run, RunState.CANCELLED, actor, f"cancelled by {actor}")
            db.execute(text("update runs set cancel_requested = 1 where id = :id"), {"id": run_id})
            return require_run(db, run_id)

    # --- the dispatcher's steps -----------------------------------------------------------------

    def claim_next_run(self, host: str) -> tuple[Run, Attempt] | None:
        """Take the oldest queued run that waits for no other: it becomes active, with a new attempt
        in `dispatching`."""
        query = (
            "select * from runs as own where state = 'queued' and not exists (select 1 from runs as"
            " first where first.id = own.waits_for and first.state in ('queued', 'active'))"
            " order by created_at, id limit 1"
        )
        with self.write() as db:
            row = db.execute(text(query)).first()
            if row is None:
                return None
            run = run_of(row)
            number = run.attempt + 1
            move_run(db, run, RunState.ACTIVE, host, f"attempt {number} on {host}")
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
            return require_run(db, run.id), require_attempt(db, run.id, number)

    def move_attempt(
        self, run_id: str, number: int, after: AttemptState, actor: str, reason: str = ""
    ) -> Attempt:
        """Take an attempt one step on, without ending it.

        Raises:
            IllegalTransition: The attempt cannot go there from where it is.
        """
        with self.write() as db:
            return move_attempt(db, run_id, number, after, actor, reason)

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
            run = require_run(db, run_id)
            if run.attempt != number:
                raise LostRace(f"{run_id} is at attempt {run.attempt}, not {number}")
            move_attempt(db, run_id, number, after, actor, reason)
            move_run(db, run, run_state, actor, reason)
            return require_run(db, run_id)

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

    # --- reading --------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            UnknownName: There is none of this id.
        """
        with self.read() as db:
            return require_run(db, run_id)

    def run_by_key(self, key: str) -> Run | None:
        with self.read() as db:
            row = db.execute(
                text("select * from runs where request_key = :key"), {"key": key}
            ).first()
            return run_of(row) if row else None

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
            return tuple(run_of(row) for row in db.execute(text(query), values))

    def waiting(self, limit: int) -> tuple[Run, ...]:
        """Runs that wait, in the order they start."""
        query = "select * from runs where state = 'queued' order by created_at, id limit :limit"
        with self.read() as db:
            return tuple(run_of(row) for row in db.execute(text(query), {"limit": limit}))

    def count_runs(
        self,
        *,
        states: Sequence[RunState] = tuple(RunState),
        requested_by: Collection[str] = (),
        since: datetime | None = None,
    ) -> int:
        """How many runs there are: by names of whoever asked, asked for since a moment."""
        query = text(
            "select count(*) from runs where state in :states"
            " and (:anybody = 1 or requested_by in :people) and created_at > :since"
        ).bindparams(bindparam("states", expanding=True), bindparam("people", expanding=True))
        values = {
            "states": [state.value for state in states],
            "anybody": int(not requested_by),
            "people": sorted(requested_by),
            "since": since.isoformat() if since else "",
        }
        with self.read() as db:
            return int(db.execute(query, values).scalar_one())

    def queue_place(self, run_id: str) -> int | None:
        """1 for the run that starts next; None where it is not queued."""
        query = (
            "select count(*) from runs as other, runs as own where own.id = :id"
            " and own.state = 'queued' and other.state = 'queued'"
            " and (other.created_at < own.created_at"
            " or (other.created_at = own.created_at and other.id <= own.id))"
        )
        with self.read() as db:
            return int(db.execute(text(query), {"id": run_id}).scalar_one()) or None

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        with self.read() as db:
            rows = db.execute(
                text("select * from attempts where run_id = :id order by number"), {"id": run_id}
            )
            return tuple(attempt_of(row) for row in rows)

    def active_attempts(self) -> tuple[Attempt, ...]:
        """Attempts that have not ended, oldest first."""
        with self.read() as db:
            rows = db.execute(
                text(
                    "select * from attempts where state in ('dispatching', 'submitted', 'running',"
                    " 'cancelling') order by created_at, run_id"
                )
            )
            return tuple(attempt_of(row) for row in rows)

    def transitions(self, subject: str | None = None) -> tuple[Transition, ...]:
        """Steps in the order they happened: of one subject (`r1…`, `r1…/2`, `v1…`), or of all."""
        query = "select * from transitions where :subject = '' or subject = :subject order by id"
        with self.read() as db:
            rows = db.execute(text(query), {"subject": subject or ""})
            return tuple(transition_of(row) for row in rows)

    def transitions_after(self, number: int) -> tuple[Transition, ...]:
        """The steps that happened after a numbered one, in order."""
        query = "select * from transitions where id > :number order by id"
        with self.read() as db:
            rows = db.execute(text(query), {"number": number})
            return tuple(transition_of(row) for row in rows)

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
