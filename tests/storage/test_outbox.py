"""The outbox: nothing lost, nothing said twice, the latest state once."""

from datetime import timedelta

from storage import outbox
from storage.ledger import Ledger
from storage.records import now


def _say(ledger: Ledger, text: str, **keys: str) -> None:
    with ledger.write() as db:
        outbox.enqueue(db, "say", channel="C1", subject="r1", payload={"text": text}, **keys)


def test_rows_come_in_order_until_they_are_sent(ledger: Ledger) -> None:
    _say(ledger, "one")
    _say(ledger, "two")
    first, second = outbox.pending(ledger)
    outbox.mark_sent(ledger, first.id, outbox.MessageRef(subject="r1", channel="C1", ts="1.0"))
    assert [row.id for row in outbox.pending(ledger)] == [second.id]
    assert outbox.message_of(ledger, "r1", "C1") == outbox.MessageRef(
        subject="r1", channel="C1", ts="1.0"
    )


def test_the_same_thing_is_added_once_ever(ledger: Ledger) -> None:
    _say(ledger, "done", dedupe_key="done:r1")
    outbox.mark_sent(ledger, outbox.pending(ledger)[0].id)
    _say(ledger, "done", dedupe_key="done:r1")
    assert outbox.pending(ledger) == ()


def test_the_latest_state_waits_once(ledger: Ledger) -> None:
    for _ in range(5):
        _say(ledger, "card", coalesce_key="card:r1")
    waiting = outbox.pending(ledger)
    assert len(waiting) == 1
    outbox.mark_sent(ledger, waiting[0].id)
    _say(ledger, "card", coalesce_key="card:r1")
    assert len(outbox.pending(ledger)) == 1


def test_a_deferred_row_comes_later_and_a_dead_one_never(ledger: Ledger) -> None:
    _say(ledger, "later")
    _say(ledger, "never")
    later, never = outbox.pending(ledger)
    outbox.defer(ledger, later.id, now() + timedelta(hours=1), "429")
    outbox.give_up(ledger, never.id, "channel_not_found")
    assert outbox.pending(ledger) == ()
    outbox.defer(ledger, later.id, now() - timedelta(seconds=1), "429")
    assert [(row.id, row.tries) for row in outbox.pending(ledger)] == [(later.id, 2)]
