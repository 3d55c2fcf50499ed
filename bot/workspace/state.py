"""What a workspace holds: people, conversations, messages, and a record of what was asked of it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.workspace.seed import Seed, SeedUser

Json = dict[str, Any]
NO_CONNECTION = "no_connection"
TIMED_OUT = "operation_timeout"


class ApiError(Exception):
    """Slack's answer `{"ok": false, "error": …}`."""

    def __init__(self, error: str, detail: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.detail = detail


@dataclass
class Conversation:
    """A channel, or the direct messages between a person and the bot."""

    id: str
    name: str
    members: set[str]
    is_private: bool = False
    is_im: bool = False

    @property
    def scope_prefix(self) -> str:
        return "im" if self.is_im else "groups" if self.is_private else "channels"


@dataclass
class Message:
    """A message as it is now; `versions` are the blocks it has had, oldest first."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json]
    thread_ts: str = ""
    metadata: Json | None = None
    edited: bool = False
    visible_to: str = ""
    by_bot: bool = False
    versions: list[list[Json]] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    unfurls: Json = field(default_factory=dict)

    def public(self, *, metadata: bool = False) -> Json:
        """As conversations.history shows it."""
        found: Json = {"type": "message", "ts": self.ts, "user": self.user, "text": self.text}
        if self.blocks:
            found["blocks"] = self.blocks
        if self.files:
            found["files"] = self.files
        if self.thread_ts:
            found["thread_ts"] = self.thread_ts
        if self.edited:
            found["edited"] = {"user": self.user, "ts": self.ts}
        if metadata and self.metadata:
            found["metadata"] = self.metadata
        return found


@dataclass
class Delivery:
    """One envelope, on its way and back."""

    id: int
    kind: str
    payload: Json
    envelope_id: str
    sent_at: float
    connection: int = 0
    retry_attempt: int = 0
    retry_reason: str = ""
    latency_s: float | None = None
    late: bool = False
    problem: str = ""
    answer: Json = field(default_factory=dict)

    @property
    def acknowledged(self) -> bool:
        return self.latency_s is not None and not self.late


@dataclass
class Call:
    """One call of a Web API method by the bot."""

    method: str
    at: float
    status: int = 200
    error: str = ""
    channel: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass
class Fault:
    """Something that is to go wrong with the next calls of a method."""

    method: str
    kind: str  # "ratelimited", "lost_reply", "server_error", or the name of an error
    times: int
    retry_after_s: int = 1


class Workspace:
    """The state of one workspace. Used from one event loop; nothing here waits."""

    def __init__(self, seed: Seed) -> None:
        self.seed = seed
        self.users: Mapping[str, SeedUser] = {user.id: user for user in seed.users}
        self.conversations = {
            given.id: Conversation(given.id, given.name, set(given.members), given.is_private)
            for given in seed.channels
        }
        self.groups = {group.id: set(group.members) for group in seed.groups}
        self.messages: list[Message] = []
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.used_scopes: set[str] = set()
        self.used_methods: set[str] = set()
        self._last_ts = 0

    def next_ts(self) -> str:
        """A time stamp that no other message has."""
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def conversation(self, channel: str) -> Conversation:
        """A conversation by its id, or a person's direct messages by theirs."""
        if channel in self.users:
            return self.direct(channel)
        found = self.conversations.get(channel)
        if found is None:
            raise ApiError("channel_not_found")
        return found

    def joined(self, channel: str) -> Conversation:
        """A conversation that the bot is in. A private one it is not in does not exist for it."""
        found = self.conversation(channel)
        if self.seed.bot_user_id not in found.members:
            raise ApiError("channel_not_found" if found.is_private else "not_in_channel")
        return found

    def direct(self, user: str) -> Conversation:
        """The direct messages between a person and the bot."""
        channel = f"D{user[1:]}"
        if channel not in self.conversations:
            members = {user, self.seed.bot_user_id}
            self.conversations[channel] = Conversation(channel, user, members, is_im=True)
        return self.conversations[channel]

    def add(self, message: Message) -> Message:
        message.versions.append(message.blocks)
        self.messages.append(message)
        return message

    def message(self, channel: str, ts: str) -> Message | None:
        """A message, an ephemeral one included."""
        return next((m for m in self.messages if (m.channel, m.ts) == (channel, ts)), None)

    def visible(self, channel: str, user: str) -> Iterator[Message]:
        """What a person sees in a channel, oldest first."""
        for message in self.messages:
            if message.channel == channel and message.visible_to in {"", user}:
                yield message

    def tell(self, channel: str, user: str, text: str, blocks: Sequence[Json] = ()) -> Message:
        """Show a message to one person only."""
        return self.add(
            Message(
                ts=self.next_ts(),
                channel=channel,
                user=self.seed.bot_user_id,
                text=text,
                blocks=list(blocks),
                visible_to=user,
                by_bot=True,
            )
        )

    def fault(self, method: str) -> Fault | None:
        """What is to go wrong with this call of a method, once."""
        for fault in self.faults:
            if fault.method == method and fault.times > 0:
                fault.times -= 1
                return fault
        return None
