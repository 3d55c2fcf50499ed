"""Who may approve a run, and when; and that nobody can alter it unseen."""

import shutil
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text

from storage import chain, reviews
from storage.errors import (
    BadInput,
    EvidenceChanged,
    NotAllowed,
    UserError,
    WrongState,
)
from storage.home import Home
from storage.ledger import Ledger
from storage.records import (
    Person,
    Policy,
    PolicyRule,
    Review,
    ReviewState,
    Role,
    Run,
    RunSpec,
    Verdict,
)

ANA = Person(name="ana", roles=frozenset({Role.LAUNCHER, Role.REVIEWER}))
REVA = Person(name="reva", roles=frozenset({Role.REVIEWER}))
OLA = Person(name="ola", roles=frozenset({Role.REVIEWER}))
LEO = Person(name="leo", roles=frozenset({Role.LAUNCHER}))
RULES = (PolicyRule(id="underfit", severity="show", on_not_run="allow"),)
POLICY = Policy(check=RULES)
"""It lets every run through: here the rules of a review are tried, in test_gate.py the gate's."""


@pytest.fixture
def review(ledger: Ledger, home: Home, finished: Callable[..., Run]) -> Review:
    return reviews.submit(ledger, home, finished(), POLICY, ANA, [])


def _approve(ledger: Ledger, home: Home, review: Review, person: Person = REVA) -> reviews.Decided:
    return reviews.decide(
        ledger, home, review.id, POLICY, person, Verdict.APPROVE, "better than the baselines"
    )


def test_another_reviewer_approves(ledger: Ledger, home: Home, review: Review) -> None:
    decided = _approve(ledger, home, review)
    assert decided.new
    assert decided.review.state is ReviewState.APPROVED
    assert chain.verify(ledger) == chain.Chain(1, decided.decision.hash)


def test_nobody_approves_their_own_run(ledger: Ledger, home: Home, review: Review) -> None:
    with pytest.raises(NotAllowed, match="own run"):
        _approve(ledger, home, review, ANA)
    assert reviews.decisions(ledger) == ()


def test_who_submitted_a_run_of_another_cannot_approve_it_either(
    ledger: Ledger, home: Home, finished: Callable[..., Run]
) -> None:
    run = finished("theirs", requested_by="leo")
    review = reviews.submit(ledger, home, run, POLICY, ANA, [])
    with pytest.raises(NotAllowed, match="own run"):
        _approve(ledger, home, review, ANA)


def test_a_launcher_is_no_reviewer(ledger: Ledger, home: Home, review: Review) -> None:
    with pytest.raises(NotAllowed, match="'reviewer' is needed"):
        _approve(ledger, home, review, LEO)


def test_a_decision_needs_a_reason(ledger: Ledger, home: Home, review: Review) -> None:
    with pytest.raises(BadInput, match="reason is required"):
        reviews.decide(ledger, home, review.id, POLICY, REVA, Verdict.REJECT, "  \n ")
    assert reviews.get(ledger, review.id).state is ReviewState.IN_REVIEW


def test_a_hundred_clicks_are_one_decision(ledger: Ledger, home: Home, review: Review) -> None:
    seen: list[reviews.Decided | UserError] = []

    def click() -> None:
        for _ in range(10):
            try:
                seen.append(_approve(ledger, home, review))
            except UserError as error:
                seen.append(error)

    threads = [threading.Thread(target=click) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 100
    assert len(reviews.decisions(ledger)) == 1
    assert sum(isinstance(item, reviews.Decided) and item.new for item in seen) == 1


def test_changed_evidence_is_refused_and_says_so(
    ledger: Ledger, home: Home, review: Review
) -> None:
    metrics = home.run(review.run_id).evidence / "metrics.json"
    metrics.write_text(metrics.read_text() + " ")
    with pytest.raises(EvidenceChanged, match=r"evidence/metrics\.json"):
        _approve(ledger, home, review)
    assert reviews.decisions(ledger) == ()


def test_a_changed_adapter_is_refused(ledger: Ledger, home: Home, review: Review) -> None:
    (home.run(review.run_id).adapter / "extra.bin").write_bytes(b"x")
    with pytest.raises(EvidenceChanged, match=r"adapter/extra\.bin"):
        _approve(ledger, home, review)


def test_a_changed_policy_is_refused(ledger: Ledger, home: Home, review: Review) -> None:
    stricter = Policy(overfit_gap_limit=0.01)
    with pytest.raises(EvidenceChanged, match="policy"):
        reviews.decide(ledger, home, review.id, stricter, REVA, Verdict.APPROVE, "fine")


def test_a_changed_run_that_it_was_compared_with_is_refused(
    ledger: Ledger, home: Home, finished: Callable[..., Run]
) -> None:
    baseline, run = finished("baseline"), finished("candidate")
    review = reviews.submit(ledger, home, run, POLICY, ANA, [baseline.id])
    (home.run(baseline.id).evidence / "metrics.json").write_text("[ ]")
    with pytest.raises(EvidenceChanged, match=baseline.id):
        _approve(ledger, home, review)


def test_a_better_baseline_that_came_later_is_refused(
    ledger: Ledger, home: Home, review: Review
) -> None:
    with pytest.raises(EvidenceChanged, match="better baseline, r-new"):
        reviews.decide(
            ledger, home, review.id, POLICY, REVA, Verdict.APPROVE, "good", against_now=["r-new"]
        )


def test_evidence_of_another_run_is_refused(
    ledger: Ledger, home: Home, finished: Callable[..., Run]
) -> None:
    good, mine = finished("good"), finished("mine")
    for part in ("evidence", "adapter"):
        shutil.rmtree(home.run(mine.id).path / part)
        shutil.copytree(home.run(good.id).path / part, home.run(mine.id).path / part)
    with pytest.raises(EvidenceChanged, match="evidence of another run"):
        reviews.submit(ledger, home, mine, POLICY, ANA, [])


def test_a_rejected_run_is_not_submitted_again_on_the_same_evidence(
    ledger: Ledger, home: Home, review: Review
) -> None:
    reviews.decide(ledger, home, review.id, POLICY, REVA, Verdict.REJECT, "recall is too low")
    with pytest.raises(WrongState, match="a rejection stays"):
        reviews.submit(ledger, home, ledger.run(review.run_id), POLICY, ANA, [])


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("update runs set requested_by = 'reva'", "whose own run it is"),
        ("update reviews set requested_by = 'reva'", "whose own run it is"),
        ("update reviews set state = 'in_review'", "was rejected"),
        ("update reviews set evidence_digest = 'x'", "is not the one that decision 1"),
    ],
)
def test_verify_finds_what_the_decisions_do_not_bear_out(
    ledger: Ledger, home: Home, review: Review, tampering: str, found: str
) -> None:
    reviews.decide(ledger, home, review.id, POLICY, REVA, Verdict.REJECT, "recall is too low")
    assert chain.verify(ledger).problem == ""
    with ledger.write() as db:
        db.execute(text(tampering))
    assert found in chain.verify(ledger).problem


def test_submitting_twice_is_one_review(
    ledger: Ledger, home: Home, finished: Callable[..., Run]
) -> None:
    run = finished()
    first = reviews.submit(ledger, home, run, POLICY, ANA, [])
    assert reviews.submit(ledger, home, run, POLICY, ANA, []) == first


def test_submitting_after_a_policy_change_opens_a_new_review(
    ledger: Ledger, home: Home, review: Review
) -> None:
    run = ledger.run(review.run_id)
    again = reviews.submit(ledger, home, run, Policy(approvals=2, check=RULES), ANA, [])
    assert again.id != review.id
    assert reviews.get(ledger, review.id).state is ReviewState.WITHDRAWN


def test_a_run_that_has_not_succeeded_cannot_be_submitted(
    ledger: Ledger, home: Home, spec: RunSpec
) -> None:
    run, _ = ledger.request_run(spec, "k", "ana")
    with pytest.raises(WrongState, match="is queued"):
        reviews.submit(ledger, home, run, POLICY, ANA, [])


def test_a_policy_may_ask_for_two_approvals(
    ledger: Ledger, home: Home, finished: Callable[..., Run]
) -> None:
    policy = Policy(approvals=2, check=RULES)
    review = reviews.submit(ledger, home, finished(), policy, ANA, [])
    states = [
        reviews.decide(
            ledger, home, review.id, policy, person, Verdict.APPROVE, "good"
        ).review.state
        for person in (REVA, OLA)
    ]
    assert states == [ReviewState.IN_REVIEW, ReviewState.APPROVED]


def test_a_decision_cannot_be_turned_round(ledger: Ledger, home: Home, review: Review) -> None:
    _approve(ledger, home, review)
    with pytest.raises(WrongState, match="a decision stays"):
        reviews.decide(ledger, home, review.id, POLICY, REVA, Verdict.REJECT, "changed my mind")
    with pytest.raises(WrongState, match="approved already"):
        reviews.decide(ledger, home, review.id, POLICY, OLA, Verdict.REJECT, "too late")


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("update decisions set reason = 'bribed' where seq = 1", "decision 1 was edited"),
        ("update decisions set person = 'ana' where seq = 2", "decision 2 was edited"),
        ("update decisions set decided_at = 'yesterday'", "a decision was edited"),
        ("delete from decisions where seq = 1", "decision 1 is missing"),
        ("delete from decisions where seq = 2", "decisions 2 to 2 are missing"),
    ],
    ids=["reason", "person", "unreadable", "deleted", "tail"],
)
def test_verify_finds_tampering(
    ledger: Ledger, home: Home, finished: Callable[..., Run], tampering: str, found: str
) -> None:
    for key in ("a", "b"):
        _approve(ledger, home, reviews.submit(ledger, home, finished(key), POLICY, ANA, []))
    assert chain.verify(ledger).problem == ""
    with ledger.write() as db:
        db.execute(text(tampering))
    assert chain.verify(ledger).problem.startswith(found)


def test_verify_finds_a_review_that_was_set_to_approved(
    ledger: Ledger, home: Home, review: Review
) -> None:
    with ledger.write() as db:
        db.execute(text("update reviews set state = 'approved'"))
    assert review.id in chain.verify(ledger).problem
