"""Votes: which of two answers a person preferred without knowing whose they were."""

from typing import Literal

from sqlalchemy import text

from storage.database import new_id
from storage.ledger import Ledger
from storage.ledger_rows import record_transition
from storage.records import Instant, Person, Record, Run, now

Chosen = Literal["tuned", "base", "tie"]


class Vote(Record):
    """One person's choice; `question` is the digest of the text that was asked."""

    id: str
    run_id: str
    question: str
    chosen: Chosen
    person: str
    said_at: Instant


def vote(ledger: Ledger, run: Run, question: str, chosen: Chosen, person: Person) -> Vote:
    """Note a choice. Who asks the same text again changes their mind: the newest word counts."""
    made = Vote(
        id=new_id("o"),
        run_id=run.id,
        question=question,
        chosen=chosen,
        person=person.name,
        said_at=now(),
    )
    query = (
        "insert into votes (id, run_id, question, chosen, person, said_at) values"
        " (:id, :run_id, :question, :chosen, :person, :said_at)"
    )
    with ledger.write() as db:
        db.execute(text(query), made.model_dump(mode="json"))
        record_transition(db, "run", run.id, run.state, run.state, person.name, "voted blindly")
    return made


def votes(ledger: Ledger, run_id: str) -> tuple[Vote, ...]:
    """The newest vote of each person on each text, oldest first."""
    with ledger.read() as db:
        query = text("select * from votes where run_id = :id order by said_at, id")
        rows = db.execute(query, {"id": run_id}).mappings()
        found = {(row["person"], row["question"]): Vote(**row) for row in rows}
    return tuple(found.values())
