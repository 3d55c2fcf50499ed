"""The HTTP side: Web API, sockets, response URLs, and the driver's own routes."""

import asyncio
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.workspace.files import Files
from bot.workspace.people import People
from bot.workspace.seed import Seed
from bot.workspace.sockets import Sockets
from bot.workspace.state import ApiError, Call, Fault, Json, Message, Workspace
from bot.workspace.web_api import RateLimited, WebApi

_MANIFEST = Path(__file__).parents[1] / "slack" / "manifest.json"
MANIFEST_SCOPES: tuple[str, ...] = tuple(
    json.loads(_MANIFEST.read_text(encoding="utf-8"))["oauth_config"]["scopes"]["bot"]
)
"""What the app is given where a seed names no scopes: all that it asks for."""
DRIVEN = (
    *("command", "click", "say", "submit", "close", "home", "click_home"),
    *("again", "fault", "disconnect", "group"),
)
"""What people do, and what may go wrong, as routes of the driver."""
FORM_ONLY = frozenset({"files.getUploadURLExternal"})
"""Methods that Slack does not take JSON for."""


class Server:
    """One workspace behind one address."""

    def __init__(self, seed: Seed, address: str) -> None:
        self.workspace = Workspace(seed)
        self.sockets = Sockets(seed.limits, seed.app_id)
        self.people = People(self.workspace, self.sockets, address)
        self._address = address
        self._files = Files(address)
        self._api = WebApi(
            self.workspace,
            self._socket_address,
            self._tell_of_own_message,
            self.people.views,
            self._files,
        )
        self._background: set[asyncio.Task[Any]] = set()

    def application(self) -> web.Application:
        """Everything there is to call."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._web_api)
        app.router.add_get("/link", self.sockets.serve)
        app.router.add_post("/response/{key}", self._response)
        app.router.add_post("/upload/{file_id}", self._upload)
        app.router.add_get("/driver/file/{file_id}", self._file)
        app.router.add_get("/driver/state", self._guarded(self._state))
        app.router.add_get("/driver/view", self._guarded(self._view))
        app.router.add_get("/driver/screen", self._guarded(self._screen))
        app.router.add_get("/driver/place", self._guarded(self._place))
        app.router.add_get("/{page:|page\\.js|page\\.css}", _page)
        for name in DRIVEN:
            action = getattr(self, f"_driver_{name}")
            app.router.add_post(f"/driver/{name}", self._guarded(action))
        return app

    # --- the bot's side -------------------------------------------------------------------------

    async def _web_api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        call = Call(method, time.time())
        self.workspace.calls.append(call)
        fault = self.workspace.fault(method)
        try:
            args = await _arguments(request, method)
            call.channel = str(args.get("channel", ""))
            if fault and fault.kind != "lost_reply":
                return _faulty(fault, call)
            answer = self._api.call(method, _token(request, args), args)
        except RateLimited as limited:
            return _rate_limited(call, limited.retry_after_s)
        except ApiError as error:
            call.error = error.error
            return web.json_response(_refusal(error))
        call.warnings = answer.get("response_metadata", {}).get("warnings", [])
        if fault:
            call.error = fault.kind
            assert request.transport is not None  # noqa: S101  a request that is being served
            request.transport.abort()
        granted = ",".join(self.workspace.seed.scopes or MANIFEST_SCOPES)
        return web.json_response(answer, headers={"x-oauth-scopes": granted})

    async def _response(self, request: web.Request) -> web.StreamResponse:
        try:
            self.people.respond(request.match_info["key"], await request.json())
        except ApiError as error:
            return web.json_response(_refusal(error), status=404)
        return web.Response(text="ok")

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """Where a file's bytes are sent to; its address is known to the bot alone."""
        try:
            size = self._files.receive(request.match_info["file_id"], await request.read())
        except ApiError as error:
            return web.Response(status=400, text=error.error)
        return web.Response(text=f"OK - {size}")

    def _socket_address(self) -> str:
        where = self._address.replace("http://", "ws://", 1)
        return f"{where}/link?ticket={self.sockets.ticket()}"

    def _tell_of_own_message(self, message: Message) -> None:
        """An app that hears direct messages hears its own, too."""
        event = self.people.own_message_event(message)
        task = asyncio.get_running_loop().create_task(self.sockets.deliver_event(event))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """An image, for who has the driver's token."""
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), self._driver_bearer.encode()):
            return web.json_response({"error": "the driver's token is needed"}, status=401)
        content = self._files.content(request.match_info["file_id"])
        if content is None:
            return web.json_response({"error": "file_not_found"}, status=404)
        return web.Response(body=content, content_type="image/png")

    # --- the driver's side ----------------------------------------------------------------------

    @property
    def _driver_bearer(self) -> str:
        return f"Bearer {self.workspace.seed.driver_token}"

    def _guarded(self, action: Any) -> Any:
        """Only who has the driver's token may act as people."""

        async def handle(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), self._driver_bearer.encode()):
                return web.json_response({"error": "the driver's token is needed"}, status=401)
            body = await request.json() if request.method == "POST" else dict(request.query)
            try:
                return web.json_response(await action(body))
            except ApiError as error:
                return web.json_response({"error": error.error, "detail": error.detail}, status=400)

        return handle

    async def _driver_command(self, body: Json) -> Json:
        return asdict(await self.people.command(**body))

    async def _driver_click(self, body: Json) -> Json:
        return asdict(await self.people.click(**body))

    async def _driver_submit(self, body: Json) -> Json:
        return asdict(await self.people.submit(**body))

    async def _driver_close(self, body: Json) -> Json:
        self.people.views.close(self.people.views.modal(body["user"], body["view_id"]))
        return {}

    async def _driver_home(self, body: Json) -> Json:
        return asdict(await self.people.open_home(**body))

    async def _driver_click_home(self, body: Json) -> Json:
        return asdict(await self.people.click_home(**body))

    async def _screen(self, query: Mapping[str, str]) -> Json:
        """What stands in front of a person besides channels: the modal on top, the Home tab."""
        views = self.people.views
        modals = views.modals.get(query["user"], [])
        shown = {
            "modal": modals[-1] if modals else None,
            "home": views.homes.get(query["user"]),
        }
        return {name: asdict(view) if view else None for name, view in shown.items()}

    async def _driver_say(self, body: Json) -> Json:
        delivery = await self.people.say(**body)
        return asdict(delivery) if delivery else {}

    async def _driver_again(self, body: Json) -> Json:
        earlier = self.sockets.deliveries[body["id"] - 1]
        return asdict(await self.sockets.deliver_again(earlier))

    async def _driver_fault(self, body: Json) -> Json:
        self.workspace.faults.append(Fault(**body))
        return {}

    async def _driver_group(self, body: Json) -> Json:
        self.workspace.groups[body["id"]] = set(body["members"])
        return {}

    async def _driver_disconnect(self, body: Json) -> Json:
        await self.sockets.disconnect(body["how"])
        return {}

    async def _place(self, query: Mapping[str, str]) -> Json:
        """Who and what is here."""
        seed = self.workspace.seed
        users = [user.model_dump(mode="json") for user in seed.users]
        channels = [channel.model_dump(mode="json") for channel in seed.channels]
        return {"users": users, "channels": channels, "bot_user_id": seed.bot_user_id}

    async def _view(self, query: Mapping[str, str]) -> Json:
        """A channel as one person sees it."""
        channel = self.workspace.conversation(query["channel"]).id
        return {"messages": [asdict(m) for m in self.workspace.visible(channel, query["user"])]}

    async def _state(self, query: Mapping[str, str]) -> Json:
        """What came and went: connections, deliveries after a number, calls after a number."""
        deliveries = self.sockets.deliveries[int(query.get("deliveries_after", 0)) :]
        calls = self.workspace.calls[int(query.get("calls_after", 0)) :]
        return {
            "connections": self.sockets.connections,
            "stray_acks": self.sockets.stray_acks,
            "deliveries": [asdict(delivery) for delivery in deliveries],
            "calls": [asdict(call) for call in calls],
            "used_scopes": sorted(self.workspace.used_scopes),
        }


async def _page(request: web.Request) -> web.StreamResponse:
    """The workspace's page; what it shows, it asks for with the driver's token."""
    name = request.match_info["page"] or "index.html"
    content = (files("bot.workspace") / "page" / name).read_bytes()
    kind = {"html": "text/html", "js": "text/javascript", "css": "text/css"}[name.split(".")[1]]
    headers = {"Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:"}
    return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)


async def _arguments(request: web.Request, method: str) -> dict[str, Any]:
    """Arguments as JSON, as a form or in the address; nested ones may be JSON text."""
    if request.content_type == "application/json":
        if method in FORM_ONLY:
            raise ApiError("invalid_arguments", f"{method} takes a form, not JSON")
        try:
            found = json.loads(await request.text() or "{}")
        except ValueError as error:
            raise ApiError("invalid_json") from error
        return {key: value for key, value in found.items() if value is not None}
    given: dict[str, Any] = dict(request.query) | dict(await request.post())
    for key in ("blocks", "metadata", "view", "files", "unfurls"):
        if isinstance(given.get(key), str):
            try:
                given[key] = json.loads(given[key])
            except ValueError as error:
                raise ApiError("invalid_arguments", f"{key} is not JSON") from error
    return given


def _token(request: web.Request, args: Mapping[str, Any]) -> str:
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ") or str(args.get("token", ""))


def _refusal(error: ApiError) -> Json:
    refusal: Json = {"ok": False, "error": error.error}
    if error.error == "missing_scope":
        return refusal | {"needed": error.detail}
    if error.detail:
        refusal["response_metadata"] = {"messages": [error.detail]}
    return refusal


def _faulty(fault: Fault, call: Call) -> web.Response:
    if fault.kind == "ratelimited":
        return _rate_limited(call, fault.retry_after_s)
    call.error = fault.kind
    if fault.kind == "server_error":
        call.status = 503
        return web.Response(status=503, text="upstream failure")
    return web.json_response({"ok": False, "error": fault.kind})


def _rate_limited(call: Call, retry_after_s: int) -> web.Response:
    call.status, call.error = 429, "ratelimited"
    return web.json_response(
        {"ok": False, "error": "ratelimited"},
        status=429,
        headers={"Retry-After": str(retry_after_s)},
    )
