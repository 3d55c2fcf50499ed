"""`@tuneboard …` and direct messages: the same words, answered in the thread or in the message.

Slack delivers an event again when an acknowledgement was late or lost; its `event_id` is the key.
"""

import re
from typing import Any

from slack_bolt import Ack, App

from bot.actions import Actions
from bot.slack import blocks, speech
from bot.slack.listeners.origin import caller_of, key_of, target_of

_MENTION = re.compile(r"<@[A-Z0-9]+(\|[^>]*)?>")
_ESCAPES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def register(app: App, actions: Actions) -> None:
    """Listen to mentions in channels and to words in direct messages."""

    def answer(ack: Ack, body: dict[str, Any]) -> None:
        caller = caller_of(actions.directory, body)
        reply = actions.handle(line_of(body["event"]["text"]), caller, key_of(body))
        target = target_of(body).model_copy(update={"private": False})
        speech.say(actions.ledger, blocks.reply_message(reply), target, key_of(body))
        ack()

    app.event("app_mention")(answer)
    # No subtype: edits, joins and the like are no requests.
    app.event({"type": "message", "subtype": None}, matchers=[_is_direct])(answer)


def line_of(text: str) -> str:
    """What was said, without the mention and as it was typed: Slack escapes three characters."""
    line = _MENTION.sub(" ", text, count=1).strip()
    for escaped, char in _ESCAPES.items():
        line = line.replace(escaped, char)
    return line.removeprefix("/tune ")


def _is_direct(event: dict[str, Any]) -> bool:
    return event.get("channel_type") == "im" and bool(event.get("text"))
