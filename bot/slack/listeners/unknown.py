"""What nobody else answers gets an answer here: a silent bot looks like a broken one."""

import re
from typing import Any

from slack_bolt import Ack, App

from bot.actions import Actions
from bot.slack import blocks, speech
from bot.slack.listeners.origin import key_of, target_of

_ANYTHING = re.compile(".*", re.DOTALL)


def register(app: App, actions: Actions) -> None:
    """Listen to everything; registered last."""

    @app.command(_ANYTHING)
    def command(ack: Ack, command: dict[str, Any]) -> None:
        name = command["command"]
        ack(**blocks.note_message(f"I do not know {name}. Write `/tune help`."))

    @app.action(_ANYTHING)
    def action(ack: Ack, body: dict[str, Any]) -> None:
        text = "This button is of an older message and does nothing any more. Write `/tune help`."
        speech.say(actions.ledger, blocks.note_message(text), target_of(body), key_of(body))
        ack()

    @app.shortcut(_ANYTHING)
    def shortcut(ack: Ack, body: dict[str, Any]) -> None:
        text = "I do not know this shortcut. Write `/tune help`."
        speech.say(actions.ledger, blocks.note_message(text), target_of(body), key_of(body))
        ack()

    @app.view(_ANYTHING)
    def view(ack: Ack) -> None:
        ack()

    @app.event(_ANYTHING)
    def event(ack: Ack) -> None:
        ack()  # edits and the like: not acknowledged, Slack would send them again and again
