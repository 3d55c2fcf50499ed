"""Modals and Home tabs: opened with a trigger that works once and for 3 s, checked as Slack checks.

Sources: docs.slack.dev, "Modals", "views.open", "view_submission payloads".
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.workspace.state import ApiError, Json
from bot.workspace.strict import check_blocks, elements

TRIGGER_S = 3.0
MAX_BLOCKS, MAX_TITLE, MAX_METADATA, MAX_CALLBACK, MAX_OPTIONS = 100, 24, 3000, 255, 100


@dataclass
class View:
    """A modal on somebody's screen, or their Home tab."""

    id: str
    user: str
    content: Json
    hash: str
    errors: Json = field(default_factory=dict)

    def public(self) -> Json:
        """As a payload shows it, values aside."""
        kept = ("type", "callback_id", "private_metadata", "title", "submit", "close", "blocks")
        shown = {key: self.content[key] for key in kept if key in self.content}
        return {"id": self.id, "hash": self.hash} | shown


@dataclass
class Views:
    """The modals that are open and the Home tabs, by person."""

    modals: dict[str, list[View]] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    _triggers: dict[str, tuple[str, float]] = field(default_factory=dict)

    def trigger(self, user: str, trigger_id: str = "") -> str:
        """What opens one modal for a person, once and soon."""
        made = trigger_id or f"{time.time_ns()}.{secrets.token_hex(8)}"
        self._triggers[made] = (user, time.monotonic())
        return made

    def open(self, trigger_id: str, content: Any) -> View:
        """Show a modal to whom the trigger belongs.

        Raises:
            ApiError: `exchanged_trigger_id`, `expired_trigger_id`, or the view is refused.
        """
        user, made_at = self._triggers.pop(trigger_id, ("", 0.0))
        if not user:
            raise ApiError("exchanged_trigger_id")
        if time.monotonic() - made_at > TRIGGER_S:
            raise ApiError("expired_trigger_id")
        view = _made(user, check_view(content, "modal"))
        self.modals.setdefault(user, []).append(view)
        return view

    def publish(self, user: str, content: Any) -> View:
        """Show a Home tab."""
        self.homes[user] = _made(user, check_view(content, "home"))
        return self.homes[user]

    def modal(self, user: str, view_id: str) -> View:
        """An open modal of a person."""
        found = next((v for v in self.modals.get(user, []) if v.id == view_id), None)
        if found is None:
            raise ApiError("view_not_found")
        return found

    def close(self, view: View) -> None:
        self.modals[view.user] = [v for v in self.modals.get(view.user, []) if v is not view]

    def answer(self, view: View, given: Mapping[str, Any]) -> None:
        """What the app says to a submission: close, errors at fields, or another view."""
        match given.get("response_action"):
            case None | "clear":
                self.close(view)
            case "errors":
                known = {block.get("block_id") for block in view.content["blocks"]}
                if not given.get("errors") or not set(given["errors"]) <= known:
                    raise ApiError("invalid_arguments", "errors name fields that the view has not")
                view.errors = dict(given["errors"])
            case "update":
                view.content = check_view(given.get("view"), "modal")
                view.errors, view.hash = {}, secrets.token_hex(8)
            case other:
                raise ApiError("invalid_arguments", f"response_action {other!r}")


def values_of(view: View, given: Mapping[str, str]) -> Json:
    """The state of every field: what was given, else what the view begins with."""
    found: Json = {}
    for block in view.content["blocks"]:
        for element in elements(block):
            value = _value(element, given)
            if value is not None:
                found.setdefault(block["block_id"], {})[element["action_id"]] = value
    return found


def missing(view: View, values: Json) -> Json:
    """Fields that must be filled and are not: Slack itself does not let such a view be sent."""
    empty = {}
    for block in view.content["blocks"]:
        if block["type"] == "input" and not block.get("optional"):
            filled: Json = values.get(block["block_id"], {})
            state: Json = next(iter(filled.values()), {})
            if not (state.get("value") or state.get("selected_option")):
                empty[block["block_id"]] = "Please complete this required field."
    return empty


def check_view(content: Any, kind: str) -> Json:
    """Refuse a view that Slack would refuse."""
    if not isinstance(content, dict) or content.get("type") != kind:
        raise ApiError("invalid_arguments", f"a view of type {kind} is needed")
    blocks = content.get("blocks")
    check_blocks(blocks, MAX_BLOCKS)
    if not blocks:
        raise ApiError("invalid_arguments", "a view needs a block")
    if len(content.get("private_metadata", "")) > MAX_METADATA:
        raise ApiError("invalid_arguments", f"private_metadata is longer than {MAX_METADATA}")
    if len(content.get("callback_id", "")) > MAX_CALLBACK:
        raise ApiError("invalid_arguments", f"callback_id is longer than {MAX_CALLBACK}")
    if kind == "modal":
        _check_labels(content, any(block["type"] == "input" for block in blocks))
    for block in blocks:
        if block["type"] == "input" and not block.get("block_id"):
            block["block_id"] = secrets.token_hex(4)
    return content


def _check_labels(content: Json, has_inputs: bool) -> None:
    for key in ("title", "submit", "close"):
        label = content.get(key)
        if label is None and key != "title" and not (key == "submit" and has_inputs):
            continue
        text = label.get("text", "") if isinstance(label, dict) else ""
        if not 1 <= len(text) <= MAX_TITLE:
            raise ApiError("invalid_arguments", f"{key} needs 1 to {MAX_TITLE} characters")


def _value(element: Json, given: Mapping[str, str]) -> Json | None:
    name, kind = element.get("action_id", ""), element["type"]
    if kind == "plain_text_input":
        return {"type": kind, "value": given.get(name, element.get("initial_value")) or None}
    if kind == "static_select":
        chosen = element.get("initial_option")
        if name in given:
            chosen = next((o for o in element["options"] if o["value"] == given[name]), None)
            if chosen is None and given[name]:
                raise ApiError("no_such_option", f"{name}={given[name]}")
        return {"type": kind, "selected_option": chosen}
    return None


def _made(user: str, content: Json) -> View:
    return View(f"V{secrets.token_hex(5).upper()}", user, content, secrets.token_hex(8))
