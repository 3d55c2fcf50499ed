"""Marks and votes: the newest word counts, and only those who may speak are heard."""

import pytest
from golden import add_golden_task, finish_run, make_spec, make_task

from storage import votes
from storage.errors import BadInput, NotAllowed
from storage.home import Home
from storage.ledger import Ledger
from storage.marks import blockers, mark_example, marks
from storage.records import Method, Person, Role, Run

REVA = Person(name="reva", roles=frozenset({Role.REVIEWER}))
RUTH = Person(name="ruth", roles=frozenset({Role.REVIEWER}))
LEO = Person(name="leo", roles=frozenset({Role.LAUNCHER}))


@pytest.fixture
def run(home: Home, ledger: Ledger) -> Run:
    task = add_golden_task(ledger, make_task(test_rows=60))
    spec = make_spec(task, Method.TFIDF)
    return finish_run(ledger, home, task, spec, key="k", accuracy=0.8)


def test_the_newest_mark_of_an_example_counts(ledger: Ledger, run: Run) -> None:
    before = ledger.version()
    mark_example(ledger, run, "e1", "blocker", REVA, "it  costs a customer")
    assert ledger.version() > before, "a board that was made before is not current any more"
    mark_example(ledger, run, "e2", "blocker", REVA, "so does this")
    mark_example(ledger, run, "e1", "acceptable", RUTH, "it is ambiguous")
    assert blockers(ledger) == {"tickets": ("e2",)}
    found = {one.example_id: (one.mark, one.person, one.reason) for one in marks(ledger, "tickets")}
    assert found["e1"] == ("acceptable", "ruth", "it is ambiguous")
    assert marks(ledger, "other") == ()
    steps = [step.reason for step in ledger.transitions(run.id)]
    assert "example e1 of tickets is blocker: it costs a customer" in steps


@pytest.mark.parametrize(
    ("person", "word", "reason", "error", "words"),
    [
        (LEO, "blocker", "x", NotAllowed, "the role 'reviewer' is needed"),
        (REVA, "bad", "x", BadInput, "blocker or acceptable"),
        (REVA, "blocker", "  ", BadInput, "A reason is required"),
    ],
)
def test_who_may_not_or_says_too_little_is_refused(
    ledger: Ledger, run: Run, person: Person, word: str, reason: str, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        mark_example(ledger, run, "e1", word, person, reason)
    assert marks(ledger) == ()


def test_who_votes_again_on_a_text_changes_their_mind(ledger: Ledger, run: Run) -> None:
    votes.vote(ledger, run, "q1", "tuned", REVA)
    votes.vote(ledger, run, "q1", "base", REVA)
    votes.vote(ledger, run, "q1", "tuned", RUTH)
    votes.vote(ledger, run, "q2", "tie", REVA)
    found = [(one.person, one.question, one.chosen) for one in votes.votes(ledger, run.id)]
    assert sorted(found) == [("reva", "q1", "base"), ("reva", "q2", "tie"), ("ruth", "q1", "tuned")]
