"""Who may waive a check, for how long, and that it stays visible; and when sealed scores open."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from storage import reviews
from storage.errors import BadInput, Blocked, NotAllowed, UnknownName, WrongState
from storage.home import Home
from storage.ledger import Ledger
from storage.openings import is_hidden, openings
from storage.records import (
    Check,
    Outcome,
    Person,
    Policy,
    PolicyRule,
    ReviewState,
    Role,
    Run,
    Verdict,
    now,
)
from storage.waivers import waive, waivers

ANA = Person(name="ana", roles=frozenset({Role.LAUNCHER, Role.REVIEWER}))
REVA = Person(name="reva", roles=frozenset({Role.REVIEWER}))
LEO = Person(name="leo", roles=frozenset({Role.LAUNCHER}))
POLICY = Policy(
    check=(
        PolicyRule(id="bias_groups", waivable=True),
        PolicyRule(id="leakage_exact", on_not_run="allow"),
    )
)
SOON = now().date() + timedelta(days=30)
FAILED = Check(id="bias_groups", outcome=Outcome.FAIL, value=0.5, limit=0.8, reason="Half.")


def test_an_approval_of_a_blocked_run_is_refused_with_what_blocks_it(
    ledger: Ledger, home: Home, finished: Callable[..., Run]
) -> None:
    review = reviews.submit(ledger, home, finished(), POLICY, ANA, [])
    with pytest.raises(Blocked, match="bias_groups: Half"):
        reviews.decide(
            ledger, home, review.id, POLICY, REVA, Verdict.APPROVE, "ok", board_checks=[FAILED]
        )
    assert reviews.decisions(ledger) == ()


def test_a_blocked_run_can_be_rejected(
    ledger: Ledger, home: Home, finished: Callable[..., Run]
) -> None:
    review = reviews.submit(ledger, home, finished(), POLICY, ANA, [])
    decided = reviews.decide(ledger, home, review.id, POLICY, REVA, Verdict.REJECT, "biased")
    assert decided.review.state is ReviewState.REJECTED


def test_a_waiver_lets_another_reviewer_approve(
    ledger: Ledger, home: Home, finished: Callable[..., Run]
) -> None:
    run = finished()
    review = reviews.submit(ledger, home, run, POLICY, ANA, [])
    given = waive(ledger, run, POLICY, "bias_groups", REVA, SOON, " too few\nrows ")
    assert given.reason == "too few rows"
    assert waivers(ledger, run.id) == (given,)
    decided = reviews.decide(
        ledger, home, review.id, POLICY, REVA, Verdict.APPROVE, "ok", board_checks=[FAILED]
    )
    assert decided.review.state is ReviewState.APPROVED
    assert "waived until" in ledger.transitions(run.id)[-1].reason


@pytest.mark.parametrize(
    ("person", "identity", "days", "reason", "error"),
    [
        (LEO, "bias_groups", 30, "fine", NotAllowed),
        (ANA, "bias_groups", 30, "fine", NotAllowed),
        (REVA, "bias_group", 30, "fine", UnknownName),
        (REVA, "leakage_exact", 30, "fine", WrongState),
        (REVA, "bias_groups", -1, "fine", BadInput),
        (REVA, "bias_groups", 1000, "fine", BadInput),
        (REVA, "bias_groups", 30, "  ", BadInput),
    ],
    ids=["no reviewer", "own run", "unknown", "not waivable", "past", "too far", "no reason"],
)
def test_a_waiver_is_refused(
    ledger: Ledger,
    finished: Callable[..., Run],
    person: Person,
    identity: str,
    days: int,
    reason: str,
    error: type[Exception],
) -> None:
    until = now().date() + timedelta(days=days)
    with pytest.raises(error):
        waive(ledger, finished(), POLICY, identity, person, until, reason)
    assert waivers(ledger) == ()


def test_scores_of_a_task_that_is_not_sealed_are_never_hidden(
    ledger: Ledger, finished: Callable[..., Run]
) -> None:
    assert not is_hidden(ledger, finished())
    assert openings(ledger) == ()
