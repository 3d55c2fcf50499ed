"""The Bolt app: checks who calls, hands over to the listeners, and answers what went wrong.

Listeners validate, commit one ledger row and acknowledge; what takes longer goes to the outbox.
Every error ends here: a UserError is shown to its person only; for all else the person gets a
reference and the log the traceback.
"""

import json
import logging
import secrets
from collections.abc import Callable
from typing import Any

from slack_bolt import App, BoltResponse
from slack_sdk import WebClient

from bot.actions import Actions
from bot.settings import Settings
from bot.slack import blocks, listeners, speech
from bot.slack.deadline import TooLate
from bot.slack.listeners.origin import is_command, key_of, target_of
from bot.slack.pace import pace
from storage.errors import UserError

log = logging.getLogger(__name__)

API_PATIENCE_S = 10


def build_client(settings: Settings, token: str) -> WebClient:
    """A Web API client that never tries again by itself.

    slack_sdk's default sends a post a second time when the reply to it was lost; whether to try
    again is the publisher's decision, after it has looked.
    """
    api_url = settings.slack.api_url
    return WebClient(token, base_url=api_url, timeout=API_PATIENCE_S, retry_handlers=[])


def build_app(actions: Actions, client: WebClient) -> App:
    """The app with everything registered. Asks Slack once whose token this is.

    Raises:
        BoltError: Slack does not accept the token, or cannot be reached.
    """
    # Who sent a request is settled before it comes here: by the socket, or by `http.Guard`.
    app = App(client=client, process_before_response=True, request_verification_enabled=False)
    team = actions.settings.slack.team or client.auth_test()["team_id"]
    app.middleware(_only_team(str(team)))
    if actions.settings.limits.requests_a_minute:
        app.middleware(pace(actions, actions.settings.limits.requests_a_minute))
    app.error(_answer_error(actions))
    listeners.register(app, actions)
    return app


def _only_team(team: str) -> Callable[..., BoltResponse | None]:
    """Let through what people of one workspace do: no strangers of shared channels, no bots."""

    def only_team(body: dict[str, Any], next: Callable[[], None]) -> BoltResponse | None:  # noqa: A002  Bolt's name
        event = body.get("event") or {}
        if event.get("bot_id"):
            return BoltResponse(status=200, body="")
        user, about = body.get("user"), body.get("team") or {}
        home = user.get("team_id") if isinstance(user, dict) else event.get("user_team")
        if all(given in {None, team} for given in (body.get("team_id"), about.get("id"), home)):
            next()
            return None
        log.warning("a request from another workspace was refused")
        return _answer("This Tuneboard answers people of its own workspace only.")

    return only_team


def _answer_error(actions: Actions) -> Callable[..., BoltResponse]:
    def answer_error(error: Exception, body: dict[str, Any]) -> BoltResponse:
        if isinstance(error, TooLate):
            return BoltResponse(status=503, body="")  # no acknowledgement: Slack tells the person
        text = _words(error)
        if is_command(body):
            return _answer(text)
        target = target_of(body)
        private = not target.channel.startswith("D")
        message = blocks.note_message(text)
        to_them = target.model_copy(update={"private": private})
        speech.say(actions.ledger, message, to_them, key_of(body))
        return BoltResponse(status=200, body="")

    return answer_error


def _words(error: Exception) -> str:
    """What a person is told of an error."""
    if isinstance(error, UserError):
        return str(error)
    reference = secrets.token_hex(4)
    log.error("%s", reference, exc_info=error)
    return f"Something is broken on our side; nothing was done. Reference {reference}."


def _answer(text: str) -> BoltResponse:
    """An acknowledgement that shows words to the person."""
    body = {"response_type": "ephemeral", **blocks.note_message(text)}
    json_type = {"content-type": ["application/json"]}
    return BoltResponse(status=200, body=json.dumps(body), headers={**json_type})
