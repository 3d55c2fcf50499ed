"""Rows of the ledger's tables as records, and the steps of its state machines."""

import json
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import Row

from storage.database import next_number
from storage.errors import LostRace, UnknownName
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


def move_run(db: Connection, run: Run, after: RunState, actor: str, reason: str) -> None:
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


def move_attempt(
    db: Connection, run_id: str, number: int, after: AttemptState, actor: str, reason: str
) -> Attempt:
    attempt = require_attempt(db, run_id, number)
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
    return require_attempt(db, run_id, number)


def require_run(db: Connection, run_id: str) -> Run:
    row = db.execute(text("select * from runs where id = :id"), {"id": run_id}).first()
    if row is None:
        raise UnknownName(f"There is no run {run_id!r}. `runs` lists them.")
    return run_of(row)


def require_attempt(db: Connection, run_id: str, number: int) -> Attempt:
    row = db.execute(
        text("select * from attempts where run_id = :id and number = :number"),
        {"id": run_id, "number": number},
    ).first()
    if row is None:
        raise LostRace(f"{run_id} has no attempt {number}")
    return attempt_of(row)


def run_of(row: Row[Any]) -> Run:
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


def attempt_of(row: Row[Any]) -> Attempt:
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


def transition_of(row: Row[Any]) -> Transition:
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
