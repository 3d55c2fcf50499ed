"""`/tune …`: the answer is in the acknowledgement, or follows where it takes longer.

`/tune` alone opens the launch form, `/tune task new` the one for a task.
"""

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.access import LAUNCH, Caller
from bot.actions import Actions
from bot.slack import blocks
from bot.slack.listeners.forms import open_launch
from bot.slack.listeners.new_task import open_new_task
from bot.slack.listeners.origin import caller_of, key_of


def register(app: App, actions: Actions) -> None:
    """Listen to `/tune`."""

    @app.command("/tune")
    def tune(ack: Ack, command: dict[str, Any], client: WebClient) -> None:
        caller = caller_of(actions.directory, command)
        if not (command.get("text") or "").strip() and _can_launch(caller):
            open_launch(actions, client, command, caller.channel)
            ack()
            return
        if (command.get("text") or "").split() == ["task", "new"]:
            open_new_task(actions, client, command)
            ack()
            return
        reply_to = command.get("response_url", "")
        line = command.get("text") or ""
        reply = actions.handle(line, caller, key_of(command), reply_to)
        ack(response_type="ephemeral", **blocks.reply_message(reply))


def _can_launch(caller: Caller) -> bool:
    """Whoever cannot is shown what they can do instead of a form."""
    return caller.person is not None and bool(caller.person.roles & LAUNCH)
