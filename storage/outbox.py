"""What is to be said in chat: kept until it was said, so that no click and no message is lost.

Rows are written in the same database as the fact they tell of. A row with a `coalesce_key` stands
for "show the latest state": while one is pending, another of that key adds nothing. One publisher
takes rows in order and marks them sent; `messages` remembers what was posted and may be edited.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.engine import Row

from storage.database import Database, next_number
from storage.records import Instant, Record, now


class Outgoing(Record):
    """One thing to be said. `subject` is what it is about (a run or review id)."""

    id: int
    dedupe_key: str
    coalesce_key: str
    kind: str
    channel: str
    subject: str
    payload: dict[str, Any]
    tries: int
    not_before: Instant
    created_at: Instant


class MessageRef(Record):
    """A message of ours in chat."""

    subject: str
    channel: str
    ts: str


def enqueue(
    db: Connection,
    kind: str,
    *,
    channel: str,
    subject: str,
    payload: Mapping[str, Any],
    dedupe_key: str = "",
    coalesce_key: str = "",
) -> None:
    """Add a thing to be said, inside the transaction of the fact it tells of.

    Args:
        dedupe_key: What makes it the same thing: a second row of this key is not added, ever.
        coalesce_key: While a row of this key is pending, another one is not added.
    """
    if coalesce_key:
        waiting = db.execute(
            text("select id from outbox where coalesce_key = :key and state = 'pending'"),
            {"key": coalesce_key},
        ).first()
        if waiting:
            return
    number = next_number(db, "outbox")
    db.execute(
        text(
            "insert into outbox (id, dedupe_key, coalesce_key, kind, channel, subject, payload,"
            " state, tries, not_before, error, created_at) values (:id, :dedupe, :coalesce, :kind,"
            " :channel, :subject, :payload, 'pending', 0, :at, '', :at)"
            " on conflict (dedupe_key) do nothing"
        ),
        {
            "id": number,
            "dedupe": dedupe_key or f"#{number}",
            "coalesce": coalesce_key,
            "kind": kind,
            "channel": channel,
            "subject": subject,
            "payload": json.dumps(payload),
            "at": now().isoformat(),
        },
    )


def pending(ledger: Database, limit: int = 100, kinds: Sequence[str] = ()) -> tuple[Outgoing, ...]:
    """What may be said now, in the order it was added: of some kinds, or of all."""
    names = {f"k{i}": kind for i, kind in enumerate(kinds)}
    places = ", ".join(f":{name}" for name in names)
    of_kinds = f" and kind in ({places})" if names else ""
    query = (
        "select * from outbox where state = 'pending' and not_before <= :at"  # noqa: S608  placeholders
        f"{of_kinds} order by id limit :limit"
    )
    with ledger.read() as db:
        rows = db.execute(text(query), {"at": now().isoformat(), "limit": limit} | names)
        return tuple(_outgoing(row) for row in rows)


def count_pending(ledger: Database) -> int:
    """How much waits to be said or worked on."""
    query = text("select count(*) from outbox where state = 'pending'")
    with ledger.read() as db:
        return int(db.execute(query).scalar_one())


def due_in_channel(
    ledger: Database,
    channel: str,
    cards: Sequence[str],
    replies: Sequence[str] = (),
    *,
    posted: bool,
    limit: int = 20,
) -> tuple[Outgoing, ...]:
    """What may be said in a channel now, in the order it was added.

    Args:
        cards: Kinds of rows that are one message a subject.
        replies: Kinds that are a new message each.
        posted: Only cards that have a message already, else only those without one, and replies.
    """
    query = text(
        "select outbox.* from outbox left join messages on messages.subject = outbox.subject"
        " and messages.channel = :channel where state = 'pending' and not_before <= :at"
        " and ((kind in :cards and (messages.ts is not null) = :posted) or kind in :replies)"
        " order by outbox.id limit :limit"
    ).bindparams(bindparam("cards", expanding=True), bindparam("replies", expanding=True))
    values = {"channel": channel, "at": now().isoformat(), "posted": posted, "limit": limit}
    with ledger.read() as db:
        rows = db.execute(query, values | {"cards": list(cards), "replies": list(replies)})
        return tuple(_outgoing(row) for row in rows)


def take(ledger: Database, row_id: int) -> None:
    """Note that a row is about to be said, before what it shows is read.

    From here on a change adds a row of its own, so that it cannot be missed; and whoever finds the
    row pending later knows by `tries` that it may have been said.
    """
    with ledger.write() as db:
        db.execute(
            text("update outbox set tries = tries + 1, coalesce_key = '' where id = :id"),
            {"id": row_id},
        )


def put_back(ledger: Database, row: Outgoing, until: datetime, error: str) -> None:
    """Say a taken row later; where a newer one shows the same state, leave it to that one."""
    newer = "select id from outbox where coalesce_key = :key and state = 'pending' and id <> :id"
    with ledger.write() as db:
        values = {"id": row.id, "key": row.coalesce_key}
        replaced = bool(row.coalesce_key) and db.execute(text(newer), values).first() is not None
        db.execute(
            text(
                "update outbox set state = :state, coalesce_key = :key, not_before = :until,"
                " error = :error where id = :id"
            ),
            values
            | {
                "state": "sent" if replaced else "pending",
                "until": until.isoformat(),
                "error": error,
            },
        )


def forget_message(ledger: Database, ref: MessageRef) -> None:
    """Note that a message of ours is gone, so that it is posted anew."""
    with ledger.write() as db:
        db.execute(
            text("delete from messages where subject = :subject and channel = :channel"),
            {"subject": ref.subject, "channel": ref.channel},
        )


def mark_sent(ledger: Database, row_id: int, ref: MessageRef | None = None) -> None:
    """Note that a row was said and, where it made a message, which one."""
    with ledger.write() as db:
        db.execute(text("update outbox set state = 'sent' where id = :id"), {"id": row_id})
        if ref:
            db.execute(
                text(
                    "insert into messages (subject, channel, ts) values (:subject, :channel, :ts)"
                    " on conflict (subject, channel) do update set ts = excluded.ts"
                ),
                ref.model_dump(),
            )


def defer(ledger: Database, row_id: int, until: datetime, error: str) -> None:
    """Try a row again later."""
    with ledger.write() as db:
        db.execute(
            text(
                "update outbox set tries = tries + 1, not_before = :until, error = :error"
                " where id = :id"
            ),
            {"until": until.isoformat(), "error": error, "id": row_id},
        )


def give_up(ledger: Database, row_id: int, error: str) -> None:
    """Never try a row again; it stays in the ledger with its error."""
    with ledger.write() as db:
        db.execute(
            text("update outbox set state = 'dead', error = :error where id = :id"),
            {"error": error, "id": row_id},
        )


def message_of(ledger: Database, subject: str, channel: str) -> MessageRef | None:
    """The message of ours about a subject in a channel, if it was posted."""
    with ledger.read() as db:
        row = db.execute(
            text("select * from messages where subject = :subject and channel = :channel"),
            {"subject": subject, "channel": channel},
        ).first()
    return MessageRef(subject=row.subject, channel=row.channel, ts=row.ts) if row else None


def _outgoing(row: Row[Any]) -> Outgoing:
    return Outgoing(
        id=row.id,
        dedupe_key=row.dedupe_key,
        coalesce_key=row.coalesce_key,
        kind=row.kind,
        channel=row.channel,
        subject=row.subject,
        payload=json.loads(row.payload),
        tries=row.tries,
        not_before=row.not_before,
        created_at=row.created_at,
    )
