"""Who may approve a run, and when. Neither Slack nor the terminal goes round these rules.

A review is bound to a digest of its evidence: the manifest of the run, the task's policy, and the
manifests of the runs it was compared with, all hashed again from the files at every decision.
Rows are in `review_rows.py`, the chain of decisions in `chain.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from storage import outbox
from storage.chain import append
from storage.database import new_id
from storage.errors import (
    BadInput,
    Blocked,
    CorruptFolder,
    EvidenceChanged,
    NotAllowed,
    WrongState,
)
from storage.gate import gate
from storage.home import Home
from storage.judgements import Gate
from storage.ledger import Ledger
from storage.ledger_rows import record_transition
from storage.openings import open_scores
from storage.records import (
    Check,
    Decision,
    Person,
    Policy,
    Review,
    ReviewState,
    Role,
    Run,
    RunState,
    Verdict,
    digest_of,
    now,
)
from storage.review_rows import (
    decisions,
    find_decision,
    get,
    insert_review,
    review_in,
    reviews,
    reviews_of,
)
from storage.states import REVIEW_STEPS, require_step
from storage.waivers import waivers

__all__ = ["decisions", "get", "reviews"]
"""Reading is offered here, too: whoever acts on reviews reads them."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, the review it left behind, and whether this call made it."""

    decision: Decision
    review: Review
    new: bool


def evidence_digest(
    home: Home, run_id: str, policy: Policy, compared_with: Sequence[str] = ()
) -> str:
    """The digest a review is bound to, computed anew from the files.

    Raises:
        EvidenceChanged: A file of the run, or of one it was compared with, is not as it was made.
    """
    try:
        own = home.run(run_id).verified_digest()
        others = {other: home.run(other).verified_digest() for other in sorted(compared_with)}
    except CorruptFolder as error:
        raise EvidenceChanged(
            f"The evidence on disk is not what the run wrote: {error}. "
            "Nothing was decided. Run it again and submit the new run."
        ) from error
    return digest_of([own, policy.digest(), others])


def submit(
    ledger: Ledger, home: Home, run: Run, policy: Policy, person: Person, against: Sequence[str]
) -> Review:
    """Open a review of a finished run, or find the open one on the same evidence.

    Args:
        policy: Of the task as it is now.
        against: Ids of the runs it was compared with.

    Raises:
        NotAllowed: The person may not launch, so may not submit.
        WrongState: The run has not succeeded, or is approved already.
        EvidenceChanged: The files are not as the run wrote them.
    """
    if not person.roles & {Role.LAUNCHER, Role.ADMIN}:
        raise NotAllowed(_lacks(person, Role.LAUNCHER, "submit a run"))
    if run.state is not RunState.SUCCEEDED:
        raise WrongState(f"{run.id} is {run.state.value}; only a succeeded run can be reviewed.")
    digest = evidence_digest(home, run.id, policy, against)
    test_digest = home.run(run.id).summary().test_digest if run.spec.task.sealed else ""
    with ledger.write(durable=True) as db:
        if run.spec.task.sealed:
            open_scores(db, run, test_digest, person.name)
        for found in reviews_of(db, run.id):
            if found.state is ReviewState.IN_REVIEW and found.evidence_digest == digest:
                return found
            if found.state is ReviewState.IN_REVIEW:
                why = "submitted anew: the evidence or the policy changed"
                _move(db, found, ReviewState.WITHDRAWN, person.name, why)
            if found.state is ReviewState.APPROVED:
                raise WrongState(f"{run.id} is approved already (review {found.id}).")
            if found.state is ReviewState.REJECTED and found.evidence_digest == digest:
                raise WrongState(
                    f"{run.id} was rejected on this same evidence (review {found.id}); a rejection "
                    "stays. Make a better run and submit that."
                )
        at = now()
        review = Review(
            id=new_id("v"),
            run_id=run.id,
            task=run.spec.task.name,
            state=ReviewState.IN_REVIEW,
            requested_by=person.name,
            evidence_digest=digest,
            compared_with=tuple(sorted(against)),
            approvals_needed=policy.approvals,
            created_at=at,
            updated_at=at,
        )
        insert_review(db, review)
        record_transition(db, "review", review.id, "", review.state, person.name, "submitted")
        _show(db, review)
        return review


def decide(
    ledger: Ledger,
    home: Home,
    review_id: str,
    policy: Policy,
    person: Person,
    verdict: Verdict,
    reason: str,
    against_now: Sequence[str] = (),
    board_checks: Sequence[Check] = (),
) -> Decided:
    """Write one reviewer's decision, once.

    Args:
        against_now: Ids of the runs that the board compares it with at this moment.
        board_checks: What the board found about the run; the run's own checks are read from its
            verified files. The policy is held against both.

    Raises:
        BadInput: There is no reason.
        NotAllowed: The person is no reviewer, or it is their own run.
        WrongState: The review is closed, or the person has decided otherwise before.
        EvidenceChanged: The evidence or the policy is not what was put up for review.
        Blocked: It is an approval, and the policy blocks the run.
    """
    review = get(ledger, review_id)
    run = ledger.run(review.run_id)
    _require_reviewer(person, run, review)
    reason = " ".join(reason.split())
    if not reason:
        raise BadInput(f"A reason is required: `{verdict.value} {review_id} because …`.")
    if before := _decision_of(ledger, review_id, person):
        return _said_before(review, before, verdict)
    _require_open(review)
    if others := sorted(set(against_now) - set(review.compared_with)):
        raise EvidenceChanged(
            f"Since {review_id} was submitted there is a better baseline, {', '.join(others)}. "
            f"Nothing was decided. `submit {run.id}` anew, so that it is compared with that one."
        )
    if evidence_digest(home, run.id, policy, review.compared_with) != review.evidence_digest:
        raise EvidenceChanged(
            f"The evidence or the policy behind {review_id} changed since it was submitted. "
            f"Nothing was decided. Look at it again, then `submit {run.id}` anew."
        )
    if verdict is Verdict.APPROVE:
        _require_unblocked(gate_of(ledger, home, run, policy, board_checks))
    with ledger.write(durable=True) as db:
        review = review_in(db, review_id)
        if before := find_decision(db, review_id, person):
            return _said_before(review, before, verdict)
        _require_open(review)
        decision = append(db, review, person.name, verdict, reason)
        return Decided(decision, _settle(db, review, verdict, person.name, reason), new=True)


def withdraw(ledger: Ledger, review_id: str, person: Person, reason: str) -> Review:
    """Take a request for approval back.

    Raises:
        NotAllowed: It is somebody else's, and the person is no admin.
        WrongState: The review is closed.
    """
    with ledger.write(durable=True) as db:
        review = review_in(db, review_id)
        if review.requested_by not in person.names and Role.ADMIN not in person.roles:
            raise NotAllowed(
                f"{review_id} was asked for by {review.requested_by}; only they or an admin may "
                "withdraw it."
            )
        _require_open(review)
        why = " ".join(reason.split()) or f"withdrawn by {person.name}"
        return _move(db, review, ReviewState.WITHDRAWN, person.name, why)


def gate_of(
    ledger: Ledger, home: Home, run: Run, policy: Policy, board_checks: Sequence[Check]
) -> Gate:
    """What the policy makes of a run's files and of what the board found, today.

    Raises:
        EvidenceChanged: The files cannot be read.
    """
    folder = home.run(run.id)
    try:
        checks, metrics = folder.checks(), folder.metrics()
    except CorruptFolder as error:
        raise EvidenceChanged(f"The evidence cannot be read: {error}. Run it again.") from error
    own = {check.id for check in checks}
    others = [check for check in board_checks if check.id not in own]
    return gate(
        policy,
        [*checks, *others],
        metrics,
        waivers(ledger, run.id),
        now().date(),
        run.spec.task.licence,
    )


def _require_unblocked(found: Gate) -> None:
    blocking = [finding for finding in found.findings if finding.effect == "block"]
    if found.status == "blocked":
        listed = "; ".join(f"{one.id}: {one.reason.rstrip('.')}" for one in blocking[:5])
        raise Blocked(
            f"The policy blocks this run ({found.counts}), so it cannot be approved. {listed}. "
            "Mend the run, or have another reviewer waive what can be waived; "
            "rejecting is possible."
        )


def _require_reviewer(person: Person, run: Run, review: Review) -> None:
    if Role.REVIEWER not in person.roles:
        raise NotAllowed(_lacks(person, Role.REVIEWER, "decide on a review"))
    if person.names & {run.requested_by, review.requested_by}:
        raise NotAllowed(
            f"{run.id} was requested or submitted by you ({person.name}); nobody decides on their "
            "own run. Ask another reviewer."
        )


def _lacks(person: Person, role: Role, what: str) -> str:
    has = ", ".join(sorted(role.value for role in person.roles)) or "none"
    return (
        f"To {what}, the role {role.value!r} is needed; {person.name} has: {has}. "
        "An admin can add it under [people] in tuneboard.toml."
    )


def _require_open(review: Review) -> None:
    if review.state is not ReviewState.IN_REVIEW:
        raise WrongState(f"{review.id} is {review.state.value} already; nothing was changed.")


def _said_before(review: Review, before: Decision, verdict: Verdict) -> Decided:
    if before.verdict is not verdict:
        raise WrongState(
            f"You decided {before.verdict.value!r} on {review.id} already; a decision stays."
        )
    return Decided(before, review, new=False)


def _settle(db: Connection, review: Review, verdict: Verdict, person: str, reason: str) -> Review:
    """Close the review where this decision was the last one needed."""
    approvals = db.execute(
        text("select count(*) from decisions where review_id = :id and verdict = 'approve'"),
        {"id": review.id},
    ).scalar_one()
    if verdict is Verdict.REJECT:
        return _move(db, review, ReviewState.REJECTED, person, reason)
    if approvals >= review.approvals_needed:
        return _move(db, review, ReviewState.APPROVED, person, reason)
    _show(db, review)
    return review


def _move(db: Connection, review: Review, after: ReviewState, actor: str, reason: str) -> Review:
    require_step(REVIEW_STEPS, review.state, after)
    db.execute(
        text("update reviews set state = :after, updated_at = :at where id = :id"),
        {"after": after.value, "at": now().isoformat(), "id": review.id},
    )
    record_transition(db, "review", review.id, review.state, after, actor, reason)
    _show(db, review)
    return review_in(db, review.id)


def _show(db: Connection, review: Review) -> None:
    """Have the review's card, and its run's, drawn anew in chat."""
    for kind, subject in (("review_card", review.id), ("run_card", review.run_id)):
        outbox.enqueue(
            db, kind, channel="", subject=subject, payload={}, coalesce_key=f"{kind}:{subject}"
        )


def _decision_of(ledger: Ledger, review_id: str, person: Person) -> Decision | None:
    with ledger.read() as db:
        return find_decision(db, review_id, person)
