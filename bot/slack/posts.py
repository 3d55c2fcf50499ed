"""Calls that put words into Slack, and what their failures mean.

A post whose reply was lost may have been made. So every post carries metadata with a key of its
own, and a post that was tried before is looked for first.
"""

import http.client
import json
import logging
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.slack.blocks import Block
from bot.slack.drawn import Picture
from bot.slack.speech import Target
from bot.slack.steps import in_paragraphs

log = logging.getLogger(__name__)

EVENT_TYPE = "tuneboard_message"
LOOK_BACK = timedelta(minutes=5)
"""How much earlier than its row a message is looked for: clocks differ."""
PAGES = 10
UNREACHABLE = frozenset({"channel_not_found", "not_in_channel", "user_not_in_channel"})
LATER = UNREACHABLE | {"account_inactive", "invalid_auth", "token_revoked", "is_archived"}
"""Errors that a person can mend while we wait."""


class TryLater(Exception):
    """It cannot be said now, and nobody knows whether it was said all the same.

    `anything` says that nothing else could be said now either: Slack is away, or asks to wait.
    `told` says that Slack itself gave the time: waiting longer would only show older news.
    """

    def __init__(
        self, why: str, after_s: float, *, anything: bool = True, told: bool = False
    ) -> None:
        super().__init__(why)
        self.after_s = after_s
        self.anything = anything
        self.told = told


class NeverSaid(Exception):
    """Slack will never take this."""


class Gone(Exception):
    """The message that was to be edited is no longer there."""


@dataclass(frozen=True, slots=True)
class Posts:
    """Slack's side of the publisher: each method makes one call, or two where it has to look."""

    client: WebClient
    _no_plans: list[str] = field(default_factory=list)

    def post(
        self, message: Block, channel: str, key: str, *, thread_ts: str = "", since: datetime | None
    ) -> tuple[str, str]:
        """Post a message.

        Args:
            since: Where the same was tried before, when its row was made; None for a first try.

        Returns:
            The channel (a person's direct messages have an id of their own) and the time stamp.
        """
        if since and not channel.startswith("U"):
            found = self._find(channel, key, thread_ts, since)
            if found:
                return channel, found
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
        place = {"channel": channel} | ({"thread_ts": thread_ts} if thread_ts else {})
        answer = self._call(
            "chat.postMessage", message, **place, metadata=metadata, unfurl_links=False
        )
        return str(answer["channel"]), str(answer["ts"])

    def update(self, message: Block, channel: str, ts: str) -> None:
        """Edit a message of ours.

        Raises:
            Gone: Somebody deleted it.
        """
        self._call("chat.update", message, channel=channel, ts=ts)

    def share(
        self,
        pictures: Sequence[Picture],
        words: str,
        channel: str,
        key: str,
        *,
        thread_ts: str,
        since: datetime | None,
    ) -> None:
        """Put pictures and words into a thread as one message.

        A shared file carries no metadata: its name begins with the key, and is looked for where the
        same was tried before. Slack takes a file in three steps, and shows it after the last.
        """
        if since and self._shared_before(channel, thread_ts, key, since):
            return
        files = [{"id": self._upload(one, key), "title": one.title} for one in pictures]
        place = {"channel_id": channel, "thread_ts": thread_ts, "initial_comment": words}
        self._ask("files.completeUploadExternal", params={"files": json.dumps(files)} | place)

    def tell(self, message: Block, target: Target, key: str, since: datetime | None) -> None:
        """Say something to one person or in one place, by the first way that is open."""
        if target.response_url and self._respond(message, target):
            return
        place = target.channel
        try:
            if target.private and place and not place.startswith("D"):
                thread = {"thread_ts": target.thread_ts} if target.thread_ts else {}
                self._call("chat.postEphemeral", message, channel=place, user=target.user, **thread)
                return
            self.post(message, place or target.user, key, thread_ts=target.thread_ts, since=since)
        except _Unreachable:
            self.post(message, target.user, key, since=since)

    def unfurl(self, place: Mapping[str, str], shown: Mapping[str, Block]) -> None:
        """Put blocks below the links of somebody's message.

        Args:
            place: How Slack names the message: `channel` and `ts`, or `unfurl_id` and `source`.
            shown: `blocks` by address.
        """
        self._ask("chat.unfurl", json={**place, "unfurls": dict(shown)})

    def show_home(self, user: str, view: Block) -> None:
        """Publish somebody's Home tab."""
        self._ask("views.publish", json={"user_id": user, "view": view})

    # --- inside ---------------------------------------------------------------------------------

    def _respond(self, message: Block, target: Target) -> bool:
        """False where Slack no longer takes an answer this way (5 uses, 30 minutes)."""
        hosts = {"hooks.slack.com", urlsplit(self.client.base_url).netloc}
        if urlsplit(target.response_url).netloc not in hosts:
            return False
        hook = WebhookClient(target.response_url, timeout=10, retry_handlers=[])
        kind = "ephemeral" if target.private else "in_channel"
        try:
            answer = hook.send(**message, response_type=kind, replace_original=target.replace)
        except (OSError, http.client.HTTPException) as error:
            raise TryLater(f"{type(error).__name__}: {error}", 1) from error
        if answer.status_code == 429:
            raise TryLater("ratelimited", _retry_after(answer.headers), anything=False)
        if answer.status_code >= 500:
            raise TryLater(f"HTTP {answer.status_code}", 2)
        return bool(answer.status_code == 200)

    def _upload(self, picture: Picture, key: str) -> str:
        """Send an image's bytes where Slack wants them; returns the file's id."""
        content = picture.path.read_bytes()
        named = {"filename": f"{key}-{picture.path.name}", "alt_txt": picture.alt}
        answer = self._ask(
            "files.getUploadURLExternal", params=named | {"length": str(len(content))}
        )
        url = str(answer["upload_url"])
        if urlsplit(url).netloc not in {"files.slack.com", urlsplit(self.client.base_url).netloc}:
            raise NeverSaid(f"Slack wants the file sent to {urlsplit(url).netloc}")
        request = urllib.request.Request(url, data=content, method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/octet-stream")
        try:
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310  the host is checked
                return str(answer["file_id"])
        except (OSError, http.client.HTTPException) as error:
            raise TryLater(f"{type(error).__name__}: {error}", 5, anything=False) from error

    def _shared_before(self, channel: str, thread_ts: str, key: str, since: datetime) -> bool:
        oldest = f"{(since - LOOK_BACK).timestamp():.6f}"
        names = (
            str(file.get("name", ""))
            for message in self._messages(channel, thread_ts, oldest)
            for file in message.get("files") or ()
        )
        return any(name.startswith(f"{key}-") for name in names)

    def _find(self, channel: str, key: str, thread_ts: str, since: datetime) -> str:
        """The time stamp of the message that carries a key; empty where there is none."""
        oldest = f"{(since - LOOK_BACK).timestamp():.6f}"
        for message in self._messages(channel, thread_ts, oldest):
            metadata = message.get("metadata") or {}
            if metadata.get("event_payload", {}).get("key") == key:
                return str(message["ts"])
        return ""

    def _messages(self, channel: str, thread_ts: str, oldest: str) -> Iterator[dict[str, Any]]:
        method = "conversations.replies" if thread_ts else "conversations.history"
        query: dict[str, Any] = {"channel": channel, "oldest": oldest, "limit": 200}
        query |= {"include_all_metadata": "true"} | ({"ts": thread_ts} if thread_ts else {})
        for _ in range(PAGES):
            page = self._ask(method, params=query)
            yield from page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            query["cursor"] = cursor

    def _call(self, method: str, message: Block, **arguments: Any) -> Mapping[str, Any]:
        """Send a message; where Slack refuses its blocks, older ones, and at last its text.

        A Slack that does not know plans is not asked to take one again.
        """
        older = in_paragraphs(message)
        if older != message and not self._no_plans:
            try:
                return self._ask(method, json=message | arguments)
            except _BadBlocks as refused:
                log.warning("Slack refuses a plan: %s", refused)
        try:
            answer = self._ask(method, json=older | arguments)
        except _BadBlocks as refused:
            log.warning("Slack refuses the blocks of a message: %s", refused)
            return self._ask(method, json={"text": message["text"]} | arguments)
        if older != message:
            self._no_plans.append(method)
        return answer

    def _ask(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        try:
            answer = self.client.api_call(method, **arguments)
        except SlackApiError as error:
            raise _meaning(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise TryLater(f"{type(error).__name__}: {error}", 1) from error
        assert isinstance(answer.data, dict)  # noqa: S101  bytes are for files only
        return answer.data


class _Unreachable(TryLater):
    """The person or place cannot be reached this way."""


class _BadBlocks(NeverSaid):
    """Slack refuses the blocks."""


def _meaning(error: SlackApiError) -> Exception:
    response = error.response
    status, name = getattr(response, "status_code", 0), ""
    if isinstance(getattr(response, "data", None), dict):
        name = str(response.data.get("error", ""))
    if status == 429 or name == "ratelimited":
        return TryLater("ratelimited", _retry_after(response.headers), told=True)
    if status >= 500 or name in {"internal_error", "fatal_error", "service_unavailable"}:
        return TryLater(name or f"HTTP {status}", 2)
    if name == "message_not_found":
        return Gone(name)
    if name in {"invalid_blocks", "invalid_blocks_format"}:
        return _BadBlocks(name)
    if name in UNREACHABLE:
        return _Unreachable(name, 60, anything=False)
    return TryLater(name, 60) if name in LATER else NeverSaid(name or str(error))


def _retry_after(headers: Mapping[str, Any]) -> float:
    found = {key.lower(): value for key, value in headers.items()}.get("retry-after", "1")
    return float(found[0] if isinstance(found, list) else found)
