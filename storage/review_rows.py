"""Reviews and decisions as the ledger's tables hold them: read, found, written. No rules here."""

from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.engine import Row

from storage.errors import UnknownName
from storage.ledger import Ledger
from storage.records import Decision, Person, Review, ReviewState, Verdict


def get(ledger: Ledger, review_id: str) -> Review:
    """One review.

    Raises:
        UnknownName: There is none of this id.
    """
    with ledger.read() as db:
        return review_in(db, review_id)


def reviews(ledger: Ledger, run_id: str | None = None) -> tuple[Review, ...]:
    """Reviews, newest first: of one run, or all."""
    with ledger.read() as db:
        if run_id:
            return reviews_of(db, run_id)
        rows = db.execute(text("select * from reviews order by created_at desc, id desc"))
        return tuple(_review(row) for row in rows)


def decisions(ledger: Ledger, review_id: str | None = None) -> tuple[Decision, ...]:
    """Decisions in the order they were made: of one review, or all."""
    query = "select * from decisions where :id = '' or review_id = :id order by seq"
    with ledger.read() as db:
        return tuple(_decision(row) for row in db.execute(text(query), {"id": review_id or ""}))


def review_in(db: Connection, review_id: str) -> Review:
    row = db.execute(text("select * from reviews where id = :id"), {"id": review_id}).first()
    if row is None:
        raise UnknownName(f"There is no review {review_id!r}. `submit RUN` opens one.")
    return _review(row)


def reviews_of(db: Connection, run_id: str) -> tuple[Review, ...]:
    rows = db.execute(
        text("select * from reviews where run_id = :id order by created_at desc, id desc"),
        {"id": run_id},
    )
    return tuple(_review(row) for row in rows)


def find_decision(db: Connection, review_id: str, person: Person) -> Decision | None:
    query = text("select * from decisions where review_id = :id and person in :names").bindparams(
        bindparam("names", expanding=True)
    )
    row = db.execute(query, {"id": review_id, "names": sorted(person.names)}).first()
    return _decision(row) if row else None


def insert_review(db: Connection, review: Review) -> None:
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
