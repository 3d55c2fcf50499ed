"""Approve and Reject on a review's card. The click carries the reason typed beside it."""

from typing import Any

from slack_bolt import Ack, App

from bot.actions import Actions
from bot.slack import blocks, speech
from bot.slack.listeners.origin import caller_of, key_of, target_of
from storage.errors import BadInput
from storage.records import Verdict


def register(app: App, actions: Actions) -> None:
    """Listen to the two buttons."""

    @app.action(blocks.APPROVE)
    def approve(ack: Ack, body: dict[str, Any]) -> None:
        _decide(actions, body, Verdict.APPROVE)
        ack()

    @app.action(blocks.REJECT)
    def reject(ack: Ack, body: dict[str, Any]) -> None:
        _decide(actions, body, Verdict.REJECT)
        ack()


def _decide(actions: Actions, body: dict[str, Any], verdict: Verdict) -> None:
    """Write the decision, then have the person told of it."""
    review_id = str(body["actions"][0].get("value", ""))
    reason, caller = _reason(body), caller_of(actions.settings, body)
    try:
        reply = actions.decide(review_id, verdict, reason, caller)
    except BadInput as error:
        if reason:
            raise
        hint = "Or type it into the field above the buttons, then click again."
        raise BadInput(f"{error} {hint}") from error
    speech.say(actions.ledger, blocks.reply_message(reply), target_of(body), key_of(body))


def _reason(body: dict[str, Any]) -> str:
    values = (body.get("state") or {}).get("values") or {}
    typed = values.get(blocks.REASON_BLOCK, {}).get(blocks.REASON_INPUT, {})
    return str(typed.get("value") or "").strip()
