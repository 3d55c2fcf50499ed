"""Who may approve a run, and when. Neither Slack nor the terminal goes round these rules.

A review is bound to a digest of its evidence: the manifest of the run, the task's policy, and the
manifests of the runs it was compared with, all hashed again from the files at every decision.
Decisions are only ever inserted. Each carries the hash of the one before it, so that an edited or
deleted one is found; a tail cut off is found by the counter, and by the head shown in chat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.engine import Row
from sqlalchemy.exc import SQLAlchemyError

from storage import outbox
from storage.database import new_id, next_number
from storage.errors import (
    BadInput,
    Blocked,
    CorruptFolder,
    EvidenceChanged,
    NotAllowed,
    UnknownName,
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
from storage.states import REVIEW_STEPS, require_step
from storage.waivers import waivers

GENESIS = "0" * 64
"""What the first decision names as the hash before it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a walk along the decisions found. `problem` is empty where all is as written."""

    length: int
    head: str
    problem: str = ""


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
        for found in _reviews_of(db, run.id):
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
        _insert(db, review)
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
        review = _get(db, review_id)
        if before := _find_decision(db, review_id, person):
            return _said_before(review, before, verdict)
        _require_open(review)
        decision = _append(db, review, person.name, verdict, reason)
        return Decided(decision, _settle(db, review, verdict, person.name, reason), new=True)


def withdraw(ledger: Ledger, review_id: str, person: Person, reason: str) -> Review:
    """Take a request for approval back.

    Raises:
        NotAllowed: It is somebody else's, and the person is no admin.
        WrongState: The review is closed.
    """
    with ledger.write(durable=True) as db:
        review = _get(db, review_id)
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


def get(ledger: Ledger, review_id: str) -> Review:
    """One review.

    Raises:
        UnknownName: There is none of this id.
    """
    with ledger.read() as db:
        return _get(db, review_id)


def reviews(ledger: Ledger, run_id: str | None = None) -> tuple[Review, ...]:
    """Reviews, newest first: of one run, or all."""
    with ledger.read() as db:
        if run_id:
            return _reviews_of(db, run_id)
        rows = db.execute(text("select * from reviews order by created_at desc, id desc"))
        return tuple(_review(row) for row in rows)


def decisions(ledger: Ledger, review_id: str | None = None) -> tuple[Decision, ...]:
    """Decisions in the order they were made: of one review, or all."""
    query = "select * from decisions where :id = '' or review_id = :id order by seq"
    with ledger.read() as db:
        return tuple(_decision(row) for row in db.execute(text(query), {"id": review_id or ""}))


def verify(ledger: Ledger) -> Chain:
    """Walk along the decisions and say what was edited, deleted or cut off."""
    try:
        found = decisions(ledger)
    except (ValueError, SQLAlchemyError) as error:
        first = str(error).splitlines()[0]
        return Chain(0, GENESIS, f"a decision was edited so that it cannot be read ({first})")
    previous = GENESIS
    for expected, decision in enumerate(found, 1):
        if decision.seq != expected:
            return Chain(len(found), previous, f"decision {expected} is missing")
        if decision.previous_hash != previous or decision.hash != _hash(decision):
            return Chain(len(found), previous, f"decision {decision.seq} was edited")
        previous = decision.hash
    return Chain(len(found), previous, _cut_off(ledger, len(found)) or _unearned(ledger, found))


def head(ledger: Ledger) -> str:
    """The hash of the newest decision."""
    with ledger.read() as db:
        return _head(db)


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
    return _get(db, review.id)


def _show(db: Connection, review: Review) -> None:
    """Have the review's card, and its run's, drawn anew in chat."""
    for kind, subject in (("review_card", review.id), ("run_card", review.run_id)):
        outbox.enqueue(
            db, kind, channel="", subject=subject, payload={}, coalesce_key=f"{kind}:{subject}"
        )


def _append(db: Connection, review: Review, person: str, verdict: Verdict, reason: str) -> Decision:
    """Add a link to the chain; its counter's row is locked, so links cannot fork."""
    seq = next_number(db, "decision")
    draft = Decision(
        seq=seq,
        review_id=review.id,
        run_id=review.run_id,
        person=person,
        verdict=verdict,
        reason=reason,
        evidence_digest=review.evidence_digest,
        at=now(),
        previous_hash=_head(db),
        hash="",
    )
    decision = draft.model_copy(update={"hash": _hash(draft)})
    db.execute(
        text(
            "insert into decisions (seq, review_id, run_id, person, verdict, reason,"
            " evidence_digest, decided_at, previous_hash, hash) values (:seq, :review_id, :run_id,"
            " :person, :verdict, :reason, :evidence_digest, :at, :previous_hash, :hash)"
        ),
        decision.model_dump(mode="json"),
    )
    return decision


class Link(Protocol):
    """What a link of the chain holds, wherever it was read from."""

    @property
    def seq(self) -> int: ...
    @property
    def review_id(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def evidence_digest(self) -> str: ...
    @property
    def decided_at(self) -> datetime: ...
    @property
    def previous_hash(self) -> str: ...


def hash_of_link(link: Link) -> str:
    """The hash that a decision must have; times without a zone are UTC."""
    at = link.decided_at if link.decided_at.tzinfo else link.decided_at.replace(tzinfo=UTC)
    return _hash(
        Decision(
            seq=link.seq,
            review_id=link.review_id,
            run_id=link.run_id,
            person=link.person,
            verdict=Verdict(link.verdict),
            reason=link.reason,
            evidence_digest=link.evidence_digest,
            at=at,
            previous_hash=link.previous_hash,
            hash="",
        )
    )


def _hash(decision: Decision) -> str:
    return digest_of(decision.model_dump(mode="json", exclude={"hash"}))


def _head(db: Connection) -> str:
    row = db.execute(text("select hash from decisions order by seq desc limit 1")).first()
    return str(row.hash) if row else GENESIS


def _cut_off(ledger: Ledger, length: int) -> str:
    with ledger.read() as db:
        written = db.execute(
            text("select value from counters where name = 'decision'")
        ).scalar_one()
    return f"decisions {length + 1} to {written} are missing" if written > length else ""


def _unearned(ledger: Ledger, found: Sequence[Decision]) -> str:
    """What the rows around the chain say that the decisions in it do not bear out."""
    for review in reviews(ledger):
        made = [decision for decision in found if decision.review_id == review.id]
        if problem := _contradiction(review, made, ledger.run(review.run_id).requested_by):
            return problem
    return ""


def _contradiction(review: Review, made: Sequence[Decision], requested_by: str) -> str:
    approvals = sum(decision.verdict is Verdict.APPROVE for decision in made)
    rejected = any(decision.verdict is Verdict.REJECT for decision in made)
    for decision in made:
        if decision.person in {requested_by, review.requested_by}:
            return f"decision {decision.seq} is by {decision.person}, whose own run it is"
        if (decision.run_id, decision.evidence_digest) != (review.run_id, review.evidence_digest):
            return f"review {review.id} is not the one that decision {decision.seq} was made on"
    if review.state is ReviewState.APPROVED and approvals < review.approvals_needed:
        return f"review {review.id} says approved with {approvals} approvals"
    if rejected and review.state is not ReviewState.REJECTED:
        return f"review {review.id} says {review.state.value} and was rejected"
    return ""


def _get(db: Connection, review_id: str) -> Review:
    row = db.execute(text("select * from reviews where id = :id"), {"id": review_id}).first()
    if row is None:
        raise UnknownName(f"There is no review {review_id!r}. `submit RUN` opens one.")
    return _review(row)


def _reviews_of(db: Connection, run_id: str) -> tuple[Review, ...]:
    rows = db.execute(
        text("select * from reviews where run_id = :id order by created_at desc, id desc"),
        {"id": run_id},
    )
    return tuple(_review(row) for row in rows)


def _decision_of(ledger: Ledger, review_id: str, person: Person) -> Decision | None:
    with ledger.read() as db:
        return _find_decision(db, review_id, person)


def _find_decision(db: Connection, review_id: str, person: Person) -> Decision | None:
    query = text("select * from decisions where review_id = :id and person in :names").bindparams(
        bindparam("names", expanding=True)
    )
    row = db.execute(query, {"id": review_id, "names": sorted(person.names)}).first()
    return _decision(row) if row else None


def _insert(db: Connection, review: Review) -> None:
    db.execute(
        text(
            "insert into reviews (id, run_id, task, state, requested_by, evidence_digest,"
            " compared_with, approvals_needed, created_at, updated_at) values (:id, :run_id,"
            " :task, :state, :requested_by, :evidence_digest, :against, :approvals_needed,"
            " :created_at, :updated_at)"
        ),
        review.model_dump(mode="json") | {"against": ",".join(review.compared_with)},
    )


def _review(row: Row[Any]) -> Review:
    return Review(
        id=row.id,
        run_id=row.run_id,
        task=row.task,
        state=ReviewState(row.state),
        requested_by=row.requested_by,
        evidence_digest=row.evidence_digest,
        compared_with=tuple(filter(None, row.compared_with.split(","))),
        approvals_needed=row.approvals_needed,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        seq=row.seq,
        review_id=row.review_id,
        run_id=row.run_id,
        person=row.person,
        verdict=Verdict(row.verdict),
        reason=row.reason,
        evidence_digest=row.evidence_digest,
        at=row.decided_at,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )
