"""Requests that were put off: one that cannot be worked on keeps no other from its turn."""

from bot.actions import Actions
from bot.slack.slow import MOST_TRIES, SlowWorker
from storage import outbox


def _ask(actions: Actions, key: str, **more: object) -> None:
    payload = {"key": key, "channel": "C1", "identity": "U1", "line": "runs", **more}
    with actions.ledger.write() as db:
        outbox.enqueue(db, "slow", channel="C1", subject="", payload=payload, dedupe_key=key)


def test_a_request_that_always_fails_is_given_up_and_holds_nothing_up(actions: Actions) -> None:
    _ask(actions, "broken")  # says nowhere to reply to
    _ask(actions, "good", reply_to="")
    worker = SlowWorker(actions)
    worker.tick()
    said = outbox.pending(actions.ledger, kinds=("say",))
    assert [row.dedupe_key for row in said] == ["say:slow:good"]
    for _ in range(MOST_TRIES):
        with actions.ledger.write() as db:
            db.exec_driver_sql("update outbox set not_before = created_at")
        worker.tick()
    with actions.ledger.read() as db:
        found = db.exec_driver_sql("select state, tries from outbox where dedupe_key = 'broken'")
        assert tuple(found.one()) == ("dead", MOST_TRIES)
