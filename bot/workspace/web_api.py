"""What a bot may call: Slack's Web API, as strict as what we rely on.

A method that is not here answers `unknown_method`. Each says which scope it needs; what was really
used is noted, so that a test can hold it against the app's manifest.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.workspace.files import Files
from bot.workspace.state import ApiError, Conversation, Json, Message, Workspace
from bot.workspace.strict import check_blocks, check_message, with_ids
from bot.workspace.views import Views

Handler = Callable[["WebApi", Mapping[str, Any]], Json]


class RateLimited(Exception):
    """HTTP 429 with `Retry-After` in seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("ratelimited")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Method:
    """How a method is called. `scope` may hold `{kind}`: channels, groups or im."""

    handler: Handler
    scope: str = ""
    required: tuple[str, ...] = ()
    app_level: bool = False


@dataclass
class _Allowance:
    """How many posts a channel may still take; refills over time."""

    left: float
    at: float


@dataclass
class WebApi:
    """Answers one call at a time."""

    workspace: Workspace
    open_socket: Callable[[], str]
    on_direct_message: Callable[[Message], None]
    views: Views
    files: Files
    _allowances: dict[str, _Allowance] = field(default_factory=dict)

    def call(self, name: str, token: str, args: Mapping[str, Any]) -> Json:
        """The answer of a method.

        Raises:
            ApiError: Slack would say `ok: false`.
            RateLimited: Slack would say 429.
        """
        method = METHODS.get(name)
        if method is None:
            raise ApiError("unknown_method")
        self._check_token(token, app_level=method.app_level)
        for key in method.required:
            if not args.get(key):
                raise ApiError("invalid_arguments", f"[ERROR] missing required field: {key}")
        if args.get("channel") in self.workspace.users and name != "chat.postMessage":
            raise ApiError("channel_not_found")  # only a post may name a person instead
        self._check_scope(method, args)
        return {"ok": True} | method.handler(self, args)

    def _check_token(self, token: str, *, app_level: bool) -> None:
        seed = self.workspace.seed
        if not token:
            raise ApiError("not_authed")
        if token not in {seed.bot_token, seed.app_token}:
            raise ApiError("invalid_auth")
        if token != (seed.app_token if app_level else seed.bot_token):
            raise ApiError("not_allowed_token_type")

    def _check_scope(self, method: Method, args: Mapping[str, Any]) -> None:
        if not method.scope:
            return
        kind = ""
        if "{kind}" in method.scope:
            kind = self.workspace.conversation(str(args["channel"])).scope_prefix
        needed = method.scope.format(kind=kind)
        self.workspace.used_scopes.add(needed)
        if self.workspace.seed.scopes and needed not in self.workspace.seed.scopes:
            raise ApiError("missing_scope", needed)

    # --- who and where --------------------------------------------------------------------------

    def _auth_test(self, args: Mapping[str, Any]) -> Json:
        seed = self.workspace.seed
        return {
            "url": f"https://{seed.team_domain}.slack.com/",
            "team": seed.team_name,
            "team_id": seed.team_id,
            "user": seed.bot_name,
            "user_id": seed.bot_user_id,
            "bot_id": seed.bot_id,
            "is_enterprise_install": False,
        }

    def _open_connection(self, args: Mapping[str, Any]) -> Json:
        return {"url": self.open_socket()}

    def _users_list(self, args: Mapping[str, Any]) -> Json:
        return {"members": [self._user_json(user) for user in self.workspace.users]}

    def _users_info(self, args: Mapping[str, Any]) -> Json:
        if args["user"] not in self.workspace.users:
            raise ApiError("user_not_found")
        return {"user": self._user_json(str(args["user"]))}

    def _user_json(self, user_id: str) -> Json:
        user = self.workspace.users[user_id]
        named = {"id": user.id, "name": user.name, "real_name": user.real_name}
        return named | {"team_id": self.workspace.seed.team_id, "is_bot": False, "deleted": False}

    def _conversations_info(self, args: Mapping[str, Any]) -> Json:
        found = self.workspace.conversation(str(args["channel"]))
        is_member = self.workspace.seed.bot_user_id in found.members
        return {
            "channel": {
                "id": found.id,
                "name": found.name,
                "is_private": found.is_private,
                "is_im": found.is_im,
                "is_member": is_member,
            }
        }

    def _conversations_members(self, args: Mapping[str, Any]) -> Json:
        return {"members": sorted(self.workspace.joined(str(args["channel"])).members)}

    # --- reading --------------------------------------------------------------------------------

    def _history(self, args: Mapping[str, Any]) -> Json:
        channel = self.workspace.joined(str(args["channel"])).id
        found = [m for m in self.workspace.visible(channel, "") if not _is_reply(m)]
        return _page(found[::-1], args)

    def _replies(self, args: Mapping[str, Any]) -> Json:
        channel, ts = self.workspace.joined(str(args["channel"])).id, str(args["ts"])
        if self.workspace.message(channel, ts) is None:
            raise ApiError("thread_not_found")
        seen = self.workspace.visible(channel, "")
        return _page([m for m in seen if ts in {m.ts, m.thread_ts}], args)

    # --- writing --------------------------------------------------------------------------------

    def _post(self, args: Mapping[str, Any]) -> Json:
        warnings = check_message(args)
        place = self.workspace.joined(str(args["channel"]))
        thread_ts = str(args.get("thread_ts") or "")
        if thread_ts and self.workspace.message(place.id, thread_ts) is None:
            raise ApiError("thread_not_found")
        self._spend(place)
        message = self.workspace.add(
            Message(
                ts=self.workspace.next_ts(),
                channel=place.id,
                user=self.workspace.seed.bot_user_id,
                text=args.get("text") or "",
                blocks=with_ids(args.get("blocks") or []),
                thread_ts=thread_ts,
                metadata=args.get("metadata"),
                by_bot=True,
            )
        )
        if place.is_im:
            self.on_direct_message(message)
        shown = {"channel": place.id, "ts": message.ts, "message": message.public(metadata=True)}
        return shown | _warned(warnings)

    def _update(self, args: Mapping[str, Any]) -> Json:
        warnings = check_message(args)
        place = self.workspace.joined(str(args["channel"]))
        message = self.workspace.message(place.id, str(args["ts"]))
        if message is None or message.visible_to:
            raise ApiError("message_not_found")
        if not message.by_bot:
            raise ApiError("cant_update_message")
        message.text = args.get("text") or ""
        message.blocks = with_ids(args.get("blocks") or [])
        message.metadata = args.get("metadata", message.metadata)
        message.edited = not message.blocks
        message.versions.append(message.blocks)
        shown = {"channel": place.id, "ts": message.ts, "text": message.text}
        return shown | {"message": message.public()} | _warned(warnings)

    def _post_ephemeral(self, args: Mapping[str, Any]) -> Json:
        warnings = check_message(args)
        place = self.workspace.joined(str(args["channel"]))
        user = str(args["user"])
        if user not in place.members:
            raise ApiError("user_not_in_channel")
        blocks = with_ids(args.get("blocks") or [])
        told = self.workspace.tell(place.id, user, args.get("text") or "", blocks)
        told.thread_ts = str(args.get("thread_ts") or "")
        return {"message_ts": told.ts} | _warned(warnings)

    def _unfurl(self, args: Mapping[str, Any]) -> Json:
        """Put blocks below links of a message; only links that the app was told of."""
        place = self.workspace.joined(str(args["channel"]))
        message = self.workspace.message(place.id, str(args["ts"]))
        if message is None:
            raise ApiError("cannot_find_message")
        for url, shown in args["unfurls"].items():
            if url not in message.text:
                raise ApiError("cannot_unfurl_url")
            check_blocks(shown.get("blocks") or [])
        message.unfurls |= args["unfurls"]
        return {}

    def _group_members(self, args: Mapping[str, Any]) -> Json:
        users = self.workspace.groups.get(str(args["usergroup"]))
        if users is None:
            raise ApiError("no_such_subteam")
        return {"users": sorted(users)}

    def _upload_address(self, args: Mapping[str, Any]) -> Json:
        file_id, url = self.files.expect(str(args["filename"]), args["length"], args.get("alt_txt"))
        return {"file_id": file_id, "upload_url": url}

    def _complete_upload(self, args: Mapping[str, Any]) -> Json:
        """Share files that were sent, as one message."""
        shared = self.files.complete(args["files"])
        if not args.get("channel_id"):
            return {"files": shared}
        place = self.workspace.joined(str(args["channel_id"]))
        thread_ts = str(args.get("thread_ts") or "")
        if thread_ts and self.workspace.message(place.id, thread_ts) is None:
            raise ApiError("thread_not_found")
        self.workspace.add(
            Message(
                ts=self.workspace.next_ts(),
                channel=place.id,
                user=self.workspace.seed.bot_user_id,
                text=str(args.get("initial_comment") or ""),
                blocks=[],
                thread_ts=thread_ts,
                by_bot=True,
                files=shared,
            )
        )
        return {"files": shared}

    # --- modals and Home tabs -------------------------------------------------------------------

    def _views_open(self, args: Mapping[str, Any]) -> Json:
        return {"view": self.views.open(str(args["trigger_id"]), args["view"]).public()}

    def _views_publish(self, args: Mapping[str, Any]) -> Json:
        if args["user_id"] not in self.workspace.users:
            raise ApiError("user_not_found")
        return {"view": self.views.publish(str(args["user_id"]), args["view"]).public()}

    def _spend(self, place: Conversation) -> None:
        """One post a second in a channel, with short bursts."""
        limits, now = self.workspace.seed.limits, time.monotonic()
        have = self._allowances.setdefault(place.id, _Allowance(limits.post_burst, now))
        refilled = have.left + (now - have.at) / limits.post_every_s
        have.left, have.at = min(refilled, limits.post_burst), now
        if have.left < 1:
            raise RateLimited(max(1, round(limits.post_every_s)))
        have.left -= 1


METHODS: Mapping[str, Method] = {
    "auth.test": Method(WebApi._auth_test),
    "apps.connections.open": Method(WebApi._open_connection, app_level=True),
    "users.list": Method(WebApi._users_list, "users:read"),
    "users.info": Method(WebApi._users_info, "users:read", ("user",)),
    "conversations.info": Method(WebApi._conversations_info, "{kind}:read", ("channel",)),
    "conversations.members": Method(WebApi._conversations_members, "{kind}:read", ("channel",)),
    "conversations.history": Method(WebApi._history, "{kind}:history", ("channel",)),
    "conversations.replies": Method(WebApi._replies, "{kind}:history", ("channel", "ts")),
    "chat.postMessage": Method(WebApi._post, "chat:write", ("channel",)),
    "chat.update": Method(WebApi._update, "chat:write", ("channel", "ts")),
    "views.open": Method(WebApi._views_open, required=("trigger_id", "view")),
    "views.publish": Method(WebApi._views_publish, required=("user_id", "view")),
    "files.getUploadURLExternal": Method(
        WebApi._upload_address, "files:write", ("filename", "length")
    ),
    "files.completeUploadExternal": Method(WebApi._complete_upload, "files:write", ("files",)),
    "chat.unfurl": Method(WebApi._unfurl, "links:write", ("channel", "ts", "unfurls")),
    "usergroups.users.list": Method(WebApi._group_members, "usergroups:read", ("usergroup",)),
    "chat.postEphemeral": Method(WebApi._post_ephemeral, "chat:write", ("channel", "user")),
}


def _is_reply(message: Message) -> bool:
    return message.thread_ts not in {"", message.ts}


def _page(found: list[Message], args: Mapping[str, Any]) -> Json:
    """A page of messages; the cursor is a number of messages to pass over."""
    oldest, limit = float(args.get("oldest") or 0), min(int(args.get("limit") or 100), 999)
    start = int(args.get("cursor") or 0)
    wanted = [message for message in found if float(message.ts) > oldest]
    shown = wanted[start : start + limit]
    more = start + limit < len(wanted)
    metadata = str(args.get("include_all_metadata", "")).lower() in {"1", "true"}
    return {
        "messages": [message.public(metadata=metadata) for message in shown],
        "has_more": more,
        "response_metadata": {"next_cursor": str(start + limit) if more else ""},
    }


def _warned(warnings: tuple[str, ...]) -> Json:
    return {"response_metadata": {"warnings": list(warnings)}} if warnings else {}
