"""`/tune …`: the answer is in the acknowledgement, or follows where it takes longer."""

from typing import Any

from slack_bolt import Ack, App

from bot.actions import Actions
from bot.slack import blocks
from bot.slack.listeners.origin import caller_of, key_of


def register(app: App, actions: Actions) -> None:
    """Listen to `/tune`."""

    @app.command("/tune")
    def tune(ack: Ack, command: dict[str, Any]) -> None:
        caller = caller_of(actions.settings, command)
        reply_to = command.get("response_url", "")
        line = command.get("text") or ""
        reply = actions.handle(line, caller, key_of(command), reply_to)
        ack(response_type="ephemeral", **blocks.reply_message(reply))
