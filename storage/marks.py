"""Marks: what reviewers say of single test examples. Blockers are a regression set.

An example that is marked as a blocker has to be answered rightly by every later run of the task;
one that is marked as acceptable need not. Marks are only ever inserted: the newest word counts.
"""

from typing import Literal

from sqlalchemy import text

from storage.database import new_id
from storage.errors import BadInput, NotAllowed
from storage.ledger import Ledger
from storage.ledger_rows import record_transition
from storage.records import Instant, Person, Record, Role, Run, now

Word = Literal["acceptable", "blocker"]
WORDS: tuple[Word, ...] = ("blocker", "acceptable")


class Mark(Record):
    """One reviewer's word on a test example, seen with the answer of a run."""

    id: str
    task: str
    example_id: str
    run_id: str
    mark: Word
    person: str
    reason: str
    said_at: Instant


def mark_example(
    ledger: Ledger, run: Run, example_id: str, word: str, person: Person, reason: str
) -> Mark:
    """Note a reviewer's word on an example.

    Args:
        run: Whose answer was looked at.
        word: `blocker` or `acceptable`.

    Raises:
        NotAllowed: The person is no reviewer.
        BadInput: It is another word, or there is no reason.
    """
    if Role.REVIEWER not in person.roles:
        raise NotAllowed(
            f"To mark an example, the role 'reviewer' is needed; {person.name} does not have it. "
            "An admin can add it under [people] in tuneboard.toml."
        )
    if word not in WORDS:
        raise BadInput(f"A mark is one of {' or '.join(WORDS)}, not {word!r}.")
    reason = " ".join(reason.split())
    if not reason:
        raise BadInput("A reason is required: what would go wrong with this answer, or why not.")
    made = Mark(
        id=new_id("m"),
        task=run.spec.task.name,
        example_id=example_id,
        run_id=run.id,
        mark=word,
        person=person.name,
        reason=reason,
        said_at=now(),
    )
    query = (
        "insert into marks (id, task, example_id, run_id, mark, person, reason, said_at) values"
        " (:id, :task, :example_id, :run_id, :mark, :person, :reason, :said_at)"
    )
    with ledger.write(durable=True) as db:
        db.execute(text(query), made.model_dump(mode="json"))
        why = f"example {example_id} of {made.task} is {word}: {reason}"
        record_transition(db, "run", run.id, run.state, run.state, person.name, why)
    return made


def marks(ledger: Ledger, task: str | None = None) -> tuple[Mark, ...]:
    """The newest mark of each example, oldest first: of one task, or all."""
    query = "select * from marks where :task = '' or task = :task order by said_at, id"
    with ledger.read() as db:
        rows = db.execute(text(query), {"task": task or ""}).mappings()
        found = {(row["task"], row["example_id"]): Mark(**row) for row in rows}
    return tuple(found.values())


def blockers(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    """Task to the ids of its examples that every run must answer rightly."""
    found: dict[str, tuple[str, ...]] = {}
    for one in marks(ledger):
        if one.mark == "blocker":
            found[one.task] = (*found.get(one.task, ()), one.example_id)
    return found
