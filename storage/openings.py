"""Sealed test sets: which runs' test scores were shown, when, and to whom it is owed.

A task with `sealed = true` is selected on validation. Putting a run up for review opens its scores,
once and for good; every opening is noted, because each is a look that wears the test set out.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from storage.ledger import Ledger
from storage.records import Run, now


@dataclass(frozen=True, slots=True)
class Opening:
    """One run's test scores, shown from a moment on."""

    run_id: str
    task: str
    test_digest: str
    person: str
    opened_at: str


def open_scores(db: Connection, run: Run, test_digest: str, person: str) -> None:
    """Note that a run's scores are shown from now on; a second time changes nothing."""
    db.execute(
        text(
            "insert into openings (run_id, task, test_digest, person, opened_at)"
            " values (:run_id, :task, :digest, :person, :at) on conflict (run_id) do nothing"
        ),
        {
            "run_id": run.id,
            "task": run.spec.task.name,
            "digest": test_digest,
            "person": person,
            "at": now().isoformat(),
        },
    )


def openings(ledger: Ledger) -> tuple[Opening, ...]:
    """Every opening, oldest first."""
    with ledger.read() as db:
        rows = db.execute(text("select * from openings order by opened_at, run_id"))
        return tuple(Opening(**row) for row in rows.mappings())


def is_hidden(ledger: Ledger, run: Run) -> bool:
    """Whether a run's scores on test must not be shown yet."""
    if not run.spec.task.sealed:
        return False
    with ledger.read() as db:
        query = text("select 1 from openings where run_id = :id")
        return db.execute(query, {"id": run.id}).first() is None
