"""Links to our pages: somebody shared one, and a few lines on what is behind it are asked for."""

from typing import Any

from slack_bolt import Ack, App

from bot.actions import Actions
from bot.slack.listeners.origin import caller_of, key_of
from bot.slack.unfurls import shared_links
from storage import outbox


def register(app: App, actions: Actions) -> None:
    """Listen to links that known people share; a stranger's stay as they are."""

    @app.event("link_shared")
    def shared(ack: Ack, body: dict[str, Any], event: dict[str, Any]) -> None:
        urls = list(shared_links(event))
        if urls and caller_of(actions.directory, body).person:
            place = {"unfurl_id": event.get("unfurl_id"), "source": event.get("source")}
            if not all(place.values()):
                place = {"channel": event["channel"], "ts": event["message_ts"]}
            with actions.ledger.write() as db:
                outbox.enqueue(
                    db,
                    "unfurl",
                    channel=str(event.get("channel", "")),
                    subject=str(event.get("user", "")),
                    payload={"place": place, "urls": urls},
                    dedupe_key=f"unfurl:{key_of(body)}",
                )
        ack()
