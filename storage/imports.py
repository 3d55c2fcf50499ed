"""A run that was made elsewhere: it enters the ledger finished, through the same steps as any."""

from sqlalchemy import text

from storage.ledger import Ledger
from storage.ledger_rows import move_attempt, move_run, record_transition, require_run, run_of
from storage.records import AttemptState, Run, RunSpec, RunState, now

HOST = "outside"


def known_import(ledger: Ledger, key: str) -> Run | None:
    """The run that was made for the same content before, if there is one."""
    return ledger.run_by_key(key)


def record_import(ledger: Ledger, run_id: str, spec: RunSpec, key: str, person: str) -> Run:
    """Note a run whose evidence is in its folder already, in one transaction.

    It is queued, active and succeeded at once, so that no dispatcher ever sees it wait. The same
    key again gives the run that was noted first.
    """
    with ledger.write() as db:
        known = db.execute(
            text("select * from runs where request_key = :key"), {"key": key}
        ).first()
        if known:
            return run_of(known)
        at = now().isoformat()
        values = {
            "id": run_id,
            "key": key,
            "task": spec.task.name,
            "task_version": spec.task.version,
            "method": spec.method.value,
            "spec": spec.model_dump_json(),
            "person": person,
            "host": HOST,
            "at": at,
        }
        db.execute(
            text(
                "insert into runs (id, request_key, task, task_version, method, spec, state,"
                " reason, requested_by, origin, attempt, cancel_requested, created_at, updated_at)"
                " values (:id, :key, :task, :task_version, :method, :spec, 'queued', '', :person,"
                " 'import', 1, 0, :at, :at)"
            ),
            values,
        )
        db.execute(
            text(
                "insert into attempts (run_id, number, state, host, gpus, reason, created_at,"
                " updated_at) values (:id, 1, 'dispatching', :host, '[]', '', :at, :at)"
            ),
            values,
        )
        record_transition(db, "run", run_id, "", RunState.QUEUED, person, "imported")
        move_run(db, require_run(db, run_id), RunState.ACTIVE, person, "imported")
        started = AttemptState.DISPATCHING
        record_transition(db, "attempt", f"{run_id}/1", "", started, person, "imported")
        move_attempt(db, run_id, 1, AttemptState.SUCCEEDED, person, "imported")
        move_run(db, require_run(db, run_id), RunState.SUCCEEDED, person, "")
        return require_run(db, run_id)
