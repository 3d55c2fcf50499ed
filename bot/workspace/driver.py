"""For those who act as users of a local workspace: tests, the demo.

workspace = Workspace(address, driver_token)
workspace.user("ana").run("/tune runs", channel="models")
card = workspace.channel("models").wait_for("Run")
workspace.user("reva").click(card, "approve", reason="better than the baseline")
"""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import urlencode, urlsplit

from bot.workspace.seed import Seed
from bot.workspace.state import Call, Delivery, Message
from bot.workspace.views import View

T = TypeVar("T")


class DriverError(Exception):
    """The workspace refused what a driver asked, or something did not come in time."""


class Workspace:
    """A running workspace, seen from outside. Safe to use from several threads."""

    def __init__(self, address: str, seed: Seed) -> None:
        self.address = address
        self.seed = seed
        self._host = urlsplit(address).netloc

    @property
    def api_url(self) -> str:
        """What a bot has in place of https://slack.com/api/."""
        return f"{self.address}/api/"

    @property
    def page(self) -> str:
        """The address of its page; the driver's token after `#` never leaves the browser."""
        return f"{self.address}/#{self.seed.driver_token}"

    def user(self, name: str) -> "User":
        """A person by name."""
        return User(self, next(user.id for user in self.seed.users if user.name == name))

    def channel(self, name: str) -> "Channel":
        """A channel by name."""
        return Channel(self, next(c.id for c in self.seed.channels if c.name == name))

    def connections(self) -> int:
        """How many sockets of the bot are open."""
        far = 10**9
        found = self.ask("GET", f"state?deliveries_after={far}&calls_after={far}")
        return int(found["connections"])

    def deliveries(self, after: int = 0) -> list[Delivery]:
        """Every envelope that was sent, in order."""
        found = self.ask("GET", f"state?deliveries_after={after}&calls_after={10**9}")
        return [Delivery(**one) for one in found["deliveries"]]

    def calls(self, method: str = "") -> list[Call]:
        """Every call of the Web API, in order: of one method, or all."""
        found = self.ask("GET", f"state?deliveries_after={10**9}")["calls"]
        return [Call(**one) for one in found if method in {"", one["method"]}]

    def used_scopes(self) -> set[str]:
        """The scopes that the calls so far needed."""
        return set(self.ask("GET", "state")["used_scopes"])

    def fail(self, method: str, kind: str, times: int = 1, retry_after_s: int = 1) -> None:
        """Let the next calls of a method go wrong.

        Args:
            kind: `ratelimited`, `server_error`, `lost_reply` (done, but the answer is lost), or the
                name of one of Slack's errors.
        """
        fault = {"method": method, "kind": kind, "times": times, "retry_after_s": retry_after_s}
        self.ask("POST", "fault", fault)

    def set_group(self, group: str, *members: str) -> None:
        """Say who (ids) is in a user group from now on."""
        self.ask("POST", "group", {"id": group, "members": list(members)})

    def disconnect(self, how: str) -> None:
        """`refresh_requested`, or `reset`: cut every socket off."""
        self.ask("POST", "disconnect", {"how": how})

    def deliver_again(self, delivery: Delivery) -> Delivery:
        """Deliver the same event once more."""
        return Delivery(**self.ask("POST", "again", {"id": delivery.id}))

    def wait_until_connected(self, sockets: int = 1, timeout_s: float = 15) -> Self:
        """Return once the bot has opened its sockets."""
        self.wait_for(lambda: self.connections() >= sockets, "the bot to connect", timeout_s)
        return self

    def wait_for(self, look: Callable[[], T | None], what: str, timeout_s: float = 10) -> T:
        """What `look` returns, once that is something.

        Raises:
            DriverError: It was nothing for too long.
        """
        until = time.monotonic() + timeout_s
        while not (found := look()):
            if time.monotonic() > until:
                raise DriverError(f"waited {timeout_s:g} s in vain for {what}")
            time.sleep(0.03)
        return found

    def ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call one of the driver's routes."""
        connection = http.client.HTTPConnection(self._host, timeout=30)
        headers = {"Authorization": f"Bearer {self.seed.driver_token}"}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(verb, f"/driver/{path}", text, headers)
            response = connection.getresponse()
            found = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise DriverError(f"{path}: {found}")
        return found


@dataclass(frozen=True)
class Channel:
    """A conversation, as everybody in it sees it."""

    workspace: Workspace
    id: str

    def messages(self, user: str = "") -> list[Message]:
        """Messages, oldest first, with those that only `user` (an id) sees."""
        query = urlencode({"channel": self.id, "user": user})
        found = self.workspace.ask("GET", f"view?{query}")
        return [Message(**message) for message in found["messages"]]

    def thread(self, parent: Message) -> list[Message]:
        """The replies to a message."""
        return [m for m in self.messages() if m.thread_ts == parent.ts != m.ts]

    def again(self, message: Message) -> Message:
        """A message as it is now."""
        return next(m for m in self.messages(message.visible_to) if m.ts == message.ts)

    def wait_for(self, words: str, timeout_s: float = 10, user: str = "") -> Message:
        """The newest message that holds the words, in its text or its blocks."""

        def look() -> Message | None:
            found = [m for m in self.messages(user) if words in shown(m)]
            return found[-1] if found else None

        return self.workspace.wait_for(look, f"a message with {words!r}", timeout_s)


@dataclass(frozen=True)
class User:
    """A person of the workspace."""

    workspace: Workspace
    id: str

    def run(self, line: str, channel: str = "", trigger_id: str = "") -> Delivery:
        """Type a slash command in a channel (the first one where none is named).

        Args:
            trigger_id: What Slack would number the command with; a fresh one where it is empty.
        """
        body = {"user": self.id, "channel": self._place(channel), "line": line}
        body["trigger_id"] = trigger_id
        return Delivery(**self.workspace.ask("POST", "command", body))

    def click(
        self, message: Message, action_id: str, reason: str = "", version: int | None = None
    ) -> Delivery:
        """Click a button, with a reason typed into the message's input fields."""
        inputs = [e["action_id"] for b in message.blocks if (e := b.get("element"))]
        body = {
            "user": self.id,
            "channel": message.channel,
            "ts": message.ts,
            "action_id": action_id,
            "inputs": dict.fromkeys(inputs, reason) if reason else {},
            "version": version,
        }
        return Delivery(**self.workspace.ask("POST", "click", body))

    def modal(self, timeout_s: float = 5) -> View:
        """The modal that is open, once there is one."""

        def look() -> View | None:
            found = self.workspace.ask("GET", f"screen?user={self.id}")["modal"]
            return View(**found) if found else None

        return self.workspace.wait_for(look, "a modal", timeout_s)

    def has_modal(self) -> bool:
        return self.workspace.ask("GET", f"screen?user={self.id}")["modal"] is not None

    def submit(self, view: View, **values: str) -> Mapping[str, Any]:
        """Send a modal with values by action id; what came of it, errors at fields included."""
        body = {"user": self.id, "view_id": view.id, "given": values}
        self.workspace.ask("POST", "submit", body)
        found = self.workspace.ask("GET", f"screen?user={self.id}")["modal"]
        return found["errors"] if found and found["id"] == view.id else {}

    def home(self) -> View:
        """Open the Home tab."""
        self.workspace.ask("POST", "home", {"user": self.id})

        def look() -> View | None:
            found = self.workspace.ask("GET", f"screen?user={self.id}")["home"]
            return View(**found) if found else None

        return self.workspace.wait_for(look, "the Home tab", 5)

    def click_home(self, action_id: str) -> Delivery:
        """Click a button of the Home tab."""
        body = {"user": self.id, "action_id": action_id}
        return Delivery(**self.workspace.ask("POST", "click_home", body))

    def share(self, text: str, channel: str = "") -> Message:
        """Write a message that is not for the bot; returns it."""
        place = self._place(channel)
        self.workspace.ask("POST", "say", {"user": self.id, "channel": place, "text": text})
        return Channel(self.workspace, place).wait_for(text)

    def mention(self, line: str, channel: str = "", thread_ts: str = "") -> Delivery:
        """Write a message that mentions the bot."""
        text = f"<@{self.workspace.seed.bot_user_id}> {line}"
        return self._say(self._place(channel), text, thread_ts)

    def dm(self, line: str) -> Delivery:
        """Write to the bot alone."""
        return self._say(self.id, line, "")

    def sees(self, channel: str = "") -> list[Message]:
        """A channel with what only this person sees."""
        return Channel(self.workspace, self._place(channel)).messages(self.id)

    def inbox(self) -> list[Message]:
        """The direct messages between this person and the bot."""
        return Channel(self.workspace, self.id).messages(self.id)

    def wait_to_see(self, words: str, channel: str = "", timeout_s: float = 10) -> Message:
        """The newest message with the words in a channel, as this person sees it."""
        place = Channel(self.workspace, self._place(channel))
        return place.wait_for(words, timeout_s, self.id)

    def _say(self, channel: str, text: str, thread_ts: str) -> Delivery:
        body = {"user": self.id, "channel": channel, "text": text, "thread_ts": thread_ts}
        return Delivery(**self.workspace.ask("POST", "say", body))

    def _place(self, channel: str) -> str:
        name = channel or self.workspace.seed.channels[0].name
        return self.workspace.channel(name).id


def shown(message: Message) -> str:
    """Everything that stands in a message, as one text."""
    return "\n".join([message.text, *_texts(message.blocks), *_texts(message.unfurls)])


def shown_view(view: View) -> str:
    """Everything that stands in a view, as one text."""
    return "\n".join(_texts(view.content["blocks"]))


def _texts(value: Any) -> list[str]:
    """Every text in blocks, in order."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        own = [value[key] for key in ("text", "title", "status") if isinstance(value.get(key), str)]
        return own + [
            t
            for key, item in value.items()
            if key not in {"text", "title", "status"} or not own
            for t in _texts(item)
        ]
    return []
