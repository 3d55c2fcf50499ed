"""Who is told of a run when it ends and when it is decided on.

Whoever asked for it, unless they mute it, and whoever watches it.
"""

from sqlalchemy import text

from storage.ledger import Ledger
from storage.records import Run


def set_watch(ledger: Ledger, run_id: str, person: str, *, told: bool) -> None:
    """Note whether a person wants to be told of a run."""
    query = (
        "insert into watches (run_id, person, told) values (:run_id, :person, :told)"
        " on conflict (run_id, person) do update set told = excluded.told"
    )
    with ledger.write() as db:
        db.execute(text(query), {"run_id": run_id, "person": person, "told": int(told)})


def watchers(ledger: Ledger, run: Run) -> tuple[str, ...]:
    """The people to tell, in the order of their names."""
    with ledger.read() as db:
        rows = db.execute(
            text("select person, told from watches where run_id = :id"), {"id": run.id}
        )
        wishes = {row.person: bool(row.told) for row in rows}
    return tuple(sorted(name for name, told in ({run.requested_by: True} | wishes).items() if told))
