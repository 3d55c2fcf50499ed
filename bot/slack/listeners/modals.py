"""Forms on their way: opened in time, read as Slack sends them, errors at their fields."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.access import Caller
from bot.actions import Actions
from bot.slack.blocks import Block
from bot.slack.listeners.origin import Body
from bot.slack.speech import Target
from storage.errors import BadInput

log = logging.getLogger(__name__)

TRIGGER_PATIENCE_S = 2


def open_form(client: WebClient, body: Body, view: Block, otherwise: str) -> None:
    """Show a form to whom a request came from.

    Raises:
        BadInput: It was too late for that; says what to do otherwise.
    """
    quick = WebClient(
        client.token, base_url=client.base_url, timeout=TRIGGER_PATIENCE_S, retry_handlers=[]
    )
    try:
        quick.views_open(trigger_id=str(body.get("trigger_id", "")), view=view)
    except (SlackApiError, OSError) as error:
        log.warning("a form could not be opened: %s", error)
        raise BadInput(f"The form could not be opened in time. {otherwise}") from error


def at_field(message: str, fields: Sequence[str], otherwise: str) -> dict[str, str]:
    """An error at the field that it names, else at another one."""
    for pattern in (r"`{}`|\b{}=", r"\b{}\b"):
        for name in fields:
            if name != otherwise and re.search(pattern.replace("{}", name), message):
                return {name: message[:2000]}
    return {otherwise: message[:2000]}


def sender(actions: Actions, body: Body, view: Body) -> tuple[Caller, Target]:
    """Who sent a form, and where they are answered."""
    user, channel = str(body["user"]["id"]), str(metadata_of(view).get("channel", ""))
    return actions.directory.caller(user, channel), Target(user=user, channel=channel)


def metadata_of(view: Body) -> Mapping[str, Any]:
    try:
        found = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def values_of(view: Body) -> dict[str, str]:
    """What stands in the fields, by action id."""
    found = {}
    for fields in ((view.get("state") or {}).get("values") or {}).values():
        for name, state in fields.items():
            chosen = state.get("selected_option") or {}
            found[str(name)] = str(state.get("value") or chosen.get("value") or "").strip()
    return found
