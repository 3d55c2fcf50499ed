"""What people do in a workspace, as the payloads that Slack makes of it.

Payload shapes: docs.slack.dev, "Slash commands", "block_actions payloads", "Events API".
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bot.workspace.sockets import Sockets
from bot.workspace.state import (
    NO_CONNECTION,
    ApiError,
    Conversation,
    Delivery,
    Json,
    Message,
    Workspace,
)
from bot.workspace.strict import check_blocks, check_message, elements, with_ids
from bot.workspace.views import View, Views, missing, values_of

_LINK = re.compile(r"https?://[\w.-]+[^\s<>|]*")


@dataclass
class ResponseUrl:
    """Where the bot may answer an interaction: a few times, for a while."""

    channel: str
    user: str
    made_at: float
    message: Message | None = None
    used: int = 0


@dataclass
class People:
    """Acts as the people of a workspace."""

    workspace: Workspace
    sockets: Sockets
    address: str
    views: Views = field(default_factory=Views)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)

    async def command(self, user: str, channel: str, line: str, trigger_id: str = "") -> Delivery:
        """Type a slash command; what the app answers is shown."""
        place = self._in_channel(user, channel)
        name, _, text = line.partition(" ")
        seed = self.workspace.seed
        delivery = await self.sockets.deliver(
            "slash_commands",
            {
                "token": "local",
                "team_id": seed.team_id,
                "team_domain": seed.team_domain,
                "channel_id": place.id,
                "channel_name": "directmessage" if place.is_im else place.name,
                "user_id": user,
                "user_name": self.workspace.users[user].name,
                "command": name,
                "text": text.strip(),
                "api_app_id": seed.app_id,
                "is_enterprise_install": "false",
                "response_url": self._response_url(place.id, user),
                "trigger_id": self.views.trigger(user, trigger_id),
            },
        )
        self._show_answer(delivery, place.id, user, name)
        return delivery

    async def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        inputs: Mapping[str, str],
        version: int | None = None,
    ) -> Delivery:
        """Click a button of a message.

        Args:
            inputs: What was typed into the message's input fields, by their action id.
            version: Which version of the message the person has before their eyes; the newest
                where it is None. An old one makes a stale click.
        """
        place = self._in_channel(user, channel)
        message = self.workspace.message(place.id, ts)
        if message is None or message.visible_to not in {"", user}:
            raise ApiError("message_not_found")
        blocks = message.blocks if version is None else message.versions[version]
        block, button = _find_button(blocks, action_id)
        payload = self._block_actions(user, place, message, inputs, blocks)
        action: Json = {key: button[key] for key in ("action_id", "text", "value") if key in button}
        action |= {"block_id": block["block_id"], "type": "button", "action_ts": str(time.time())}
        delivery = await self.sockets.deliver("interactive", payload | {"actions": [action]})
        if delivery.problem:
            self.workspace.tell(place.id, user, f"The click failed ({delivery.problem}).")
        return delivery

    async def say(self, user: str, channel: str, text: str, thread_ts: str = "") -> Delivery | None:
        """Write a message. The app hears of mentions and of direct messages only."""
        place = self._in_channel(user, channel)
        ts = self.workspace.next_ts()
        self.workspace.add(Message(ts, place.id, user, text, [], thread_ts=thread_ts))
        await self._tell_of_links(user, place, text, ts)
        event: Json = {"user": user, "text": text, "ts": ts, "channel": place.id, "event_ts": ts}
        if thread_ts:
            event["thread_ts"] = thread_ts
        if place.is_im:
            event |= {"type": "message", "channel_type": "im"}
        elif f"<@{self.workspace.seed.bot_user_id}>" in text:
            event |= {"type": "app_mention"}
        else:
            return None
        return await self.sockets.deliver_event(self._event(event))

    async def _tell_of_links(self, user: str, place: Conversation, text: str, ts: str) -> None:
        """The app hears of links to its domains, where it is a member."""
        domains = self.workspace.seed.unfurl_domains
        links = [
            {"domain": host, "url": url}
            for url in _LINK.findall(text)
            if (host := urlsplit(url).hostname) in domains
        ]
        if links and self.workspace.seed.bot_user_id in place.members:
            event: Json = {"type": "link_shared", "user": user, "channel": place.id, "links": links}
            event |= {"message_ts": ts, "event_ts": ts, "is_bot_user_member": True}
            await self.sockets.deliver_event(self._event(event))

    async def submit(self, user: str, view_id: str, given: Mapping[str, str]) -> Delivery | View:
        """Send a modal: the delivery, or the view where a required field is empty."""
        view = self.views.modal(user, view_id)
        values = values_of(view, given)
        if empty := missing(view, values):
            view.errors = empty
            return view
        view.errors = {}
        payload = self._from(user) | {
            "type": "view_submission",
            "view": view.public() | {"state": {"values": values}},
            "trigger_id": self.views.trigger(user),
            "response_urls": [],
        }
        delivery = await self.sockets.deliver("interactive", payload)
        if delivery.problem:
            view.errors = {"": f"We had some trouble connecting ({delivery.problem})."}
            return delivery
        try:
            self.views.answer(view, delivery.answer)
        except ApiError as error:
            delivery.problem = f"{error.error}: {error.detail}"
        return delivery

    async def open_home(self, user: str, tab: str = "home") -> Delivery:
        """Look at the app's Home tab."""
        place = self.workspace.direct(user)
        event = {"type": "app_home_opened", "user": user, "channel": place.id, "tab": tab}
        return await self.sockets.deliver_event(self._event(event | {"event_ts": str(time.time())}))

    async def click_home(self, user: str, action_id: str) -> Delivery:
        """Click a button of the Home tab."""
        home = self.views.homes.get(user)
        if home is None:
            raise ApiError("view_not_found")
        block, button = _find_button(home.content["blocks"], action_id)
        action: Json = {key: button[key] for key in ("action_id", "text", "value") if key in button}
        action |= {"block_id": block.get("block_id", ""), "type": "button"}
        payload = self._from(user) | {
            "type": "block_actions",
            "container": {"type": "view", "view_id": home.id},
            "view": home.public(),
            "actions": [action],
            "trigger_id": self.views.trigger(user),
        }
        return await self.sockets.deliver("interactive", payload)

    def own_message_event(self, message: Message) -> Json:
        """The event by which an app hears of its own direct message."""
        return self._event(
            {
                "type": "message",
                "channel_type": "im",
                "user": message.user,
                "bot_id": self.workspace.seed.bot_id,
                "text": message.text,
                "ts": message.ts,
                "event_ts": message.ts,
                "channel": message.channel,
            }
        )

    def respond(self, key: str, body: Mapping[str, Any]) -> None:
        """Take an answer to a response_url.

        Raises:
            ApiError: `used_url`, `expired_url`, or the message is refused.
        """
        found = self.response_urls.get(key)
        limits = self.workspace.seed.limits
        if found is None or time.time() - found.made_at > limits.response_url_s:
            raise ApiError("expired_url")
        if found.used >= limits.response_url_uses:
            raise ApiError("used_url")
        found.used += 1
        check_message(body)
        text, blocks = body.get("text") or "", body.get("blocks") or []
        if body.get("replace_original") and found.message:
            found.message.text, found.message.blocks = text, blocks
            return
        self._show(found.channel, found.user, body)

    # --- inside ---------------------------------------------------------------------------------

    def _in_channel(self, user: str, channel: str) -> Conversation:
        if user not in self.workspace.users:
            raise ApiError("user_not_found")
        place = self.workspace.conversation(channel)
        if user not in place.members:
            raise ApiError("not_in_channel")
        return place

    def _show_answer(self, delivery: Delivery, channel: str, user: str, command: str) -> None:
        if delivery.problem:
            error = "dispatch_failed" if delivery.problem == NO_CONNECTION else delivery.problem
            self.workspace.tell(channel, user, f'{command} failed with the error "{error}"')
        elif delivery.answer.get("text") or delivery.answer.get("blocks"):
            try:
                check_message(delivery.answer)
            except ApiError as error:
                delivery.problem = f"{error.error}: {error.detail}"
                self.workspace.tell(channel, user, f'{command} failed with the error "{error}"')
                return
            self._show(channel, user, delivery.answer)

    def _show(self, channel: str, user: str, body: Mapping[str, Any]) -> None:
        blocks = body.get("blocks") or []
        check_blocks(blocks)
        told = self.workspace.tell(channel, user, body.get("text") or "", with_ids(blocks))
        if body.get("response_type") == "in_channel":
            told.visible_to = ""

    def _block_actions(
        self,
        user: str,
        place: Conversation,
        message: Message,
        inputs: Mapping[str, str],
        blocks: list[Json],
    ) -> Json:
        return self._from(user) | {
            "type": "block_actions",
            "channel": {"id": place.id, "name": place.name},
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": place.id,
                "is_ephemeral": bool(message.visible_to),
            },
            "message": message.public() | {"blocks": blocks},
            "state": {"values": _values(blocks, inputs)},
            "trigger_id": self.views.trigger(user),
            "response_url": self._response_url(place.id, user, message),
        }

    def _from(self, user: str) -> Json:
        """Who does something, as every interaction says it."""
        seed, person = self.workspace.seed, self.workspace.users[user]
        return {
            "token": "local",
            "api_app_id": seed.app_id,
            "team": {"id": seed.team_id, "domain": seed.team_domain},
            "enterprise": None,
            "is_enterprise_install": False,
            "user": {
                "id": user,
                "username": person.name,
                "name": person.name,
                "team_id": seed.team_id,
            },
        }

    def _event(self, event: Json) -> Json:
        seed = self.workspace.seed
        who = {"enterprise_id": None, "team_id": seed.team_id, "user_id": seed.bot_user_id}
        return {
            "token": "local",
            "team_id": seed.team_id,
            "api_app_id": seed.app_id,
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(6).upper()}",
            "event_time": int(time.time()),
            "authorizations": [who | {"is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
            "event": event | {"team": seed.team_id},
        }

    def _response_url(self, channel: str, user: str, message: Message | None = None) -> str:
        key = secrets.token_hex(12)
        self.response_urls[key] = ResponseUrl(channel, user, time.time(), message)
        return f"{self.address}/response/{key}"


def _values(blocks: list[Json], inputs: Mapping[str, str]) -> Json:
    """What stands in the input fields; one that nobody touched holds null."""
    found: Json = {}
    for block in blocks:
        for element in elements(block):
            if element.get("type") == "plain_text_input":
                value = inputs.get(element["action_id"])
                shown = {"type": element["type"], "value": value}
                found.setdefault(block["block_id"], {})[element["action_id"]] = shown
    return found


def _find_button(blocks: list[Json], action_id: str) -> tuple[Json, Json]:
    for block in blocks:
        for element in elements(block):
            if element.get("action_id") == action_id:
                return block, element
    raise ApiError("no_such_button", action_id)
