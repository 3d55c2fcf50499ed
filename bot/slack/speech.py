"""Things to say to one person or in one place: rows of the outbox, ready to be posted."""

from typing import Any

from bot.slack.blocks import Block
from storage import outbox
from storage.ledger import Ledger
from storage.records import Record


class Target(Record):
    """To whom something is said.

    Attributes:
        private: Only `user` sees it.
        replace: It takes the place of the message that was clicked, where that can be reached.
        response_url: Slack's own way back to an interaction, used first where there is one.
    """

    user: str
    channel: str = ""
    thread_ts: str = ""
    response_url: str = ""
    private: bool = True
    replace: bool = False


def say(ledger: Ledger, message: Block, target: Target, key: str) -> None:
    """Have something said, once for a key."""
    payload: dict[str, Any] = {"message": message, "target": target.model_dump()}
    with ledger.write() as db:
        outbox.enqueue(
            db,
            "say",
            channel=target.channel,
            subject=target.user,
            payload=payload,
            dedupe_key=f"say:{key}",
        )


def draw_home(ledger: Ledger, user: str) -> None:
    """Have somebody's Home tab drawn anew."""
    with ledger.write() as db:
        key = f"home:{user}"
        outbox.enqueue(db, "home", channel="", subject=user, payload={}, coalesce_key=key)
