"""The chain of decisions: each carries the hash of the one before, so that any change is found.

Decisions are only ever inserted. One that was edited or deleted breaks the chain; a tail cut off is
found by the counter, and by the head shown in chat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from storage.database import next_number
from storage.ledger import Ledger
from storage.records import Decision, Review, ReviewState, Verdict, digest_of, now
from storage.review_rows import decisions, reviews

GENESIS = "0" * 64
"""What the first decision names as the hash before it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a walk along the decisions found. `problem` is empty where all is as written."""

    length: int
    head: str
    problem: str = ""


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


def append(db: Connection, review: Review, person: str, verdict: Verdict, reason: str) -> Decision:
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
