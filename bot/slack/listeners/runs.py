"""Buttons on a run's card."""

import re
from typing import Any

from slack_bolt import Ack, App

from bot.actions import Actions
from bot.commands import Command
from bot.slack import blocks, speech
from bot.slack.listeners.origin import caller_of, key_of, target_of


def register(app: App, actions: Actions) -> None:
    """Listen to Cancel, and to links, of which Slack reports the clicks too."""

    @app.action(blocks.CANCEL_RUN)
    def cancel(ack: Ack, body: dict[str, Any]) -> None:
        command = Command("cancel", (str(body["actions"][0].get("value", "")),))
        reply = actions.perform(command, caller_of(actions.directory, body), key_of(body))
        speech.say(actions.ledger, blocks.reply_message(reply), target_of(body), key_of(body))
        ack()

    @app.action(re.compile(f"^{blocks.LINK}"))
    def follow(ack: Ack) -> None:
        ack()
