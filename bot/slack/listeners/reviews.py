"""The buttons of a review's card: a decision with the reason beside it or asked for in a form,
a question, a waiver."""

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.actions import Actions
from bot.slack import blocks, speech
from bot.slack.listeners.forms import open_question, open_reason, open_waiver
from bot.slack.listeners.origin import caller_of, key_of, target_of
from storage.errors import BadInput
from storage.records import Verdict


def register(app: App, actions: Actions) -> None:
    """Listen to the buttons."""

    @app.action(blocks.APPROVE)
    def approve(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        _decide(actions, client, body, Verdict.APPROVE)
        ack()

    @app.action(blocks.REJECT)
    def reject(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        _decide(actions, client, body, Verdict.REJECT)
        ack()

    @app.action(blocks.ASK)
    def ask(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        open_question(actions, client, body, str(body["actions"][0].get("value", "")))
        ack()

    @app.action(blocks.WAIVE)
    def waive(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        open_waiver(actions, client, body, str(body["actions"][0].get("value", "")))
        ack()


def _decide(actions: Actions, client: WebClient, body: dict[str, Any], verdict: Verdict) -> None:
    """Write the decision and have the person told of it; ask for a reason where there is none."""
    review_id = str(body["actions"][0].get("value", ""))
    reason, caller = _reason(body), caller_of(actions.directory, body)
    try:
        reply = actions.decide(review_id, verdict, reason, caller)
    except BadInput:
        if reason:
            raise
        open_reason(actions, client, body, verdict, review_id)
        return
    speech.say(actions.ledger, blocks.reply_message(reply), target_of(body), key_of(body))


def _reason(body: dict[str, Any]) -> str:
    values = (body.get("state") or {}).get("values") or {}
    typed = values.get(blocks.REASON_BLOCK, {}).get(blocks.REASON_INPUT, {})
    return str(typed.get("value") or "").strip()
