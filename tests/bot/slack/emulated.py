"""A workspace whose Web API is answered by `emulate` (npm): state that we did not write.

    bot → gateway → emulate
    people (our driver) → gateway → bot

Emulate has no sockets, clicks or slash commands: those stay ours. What the bot posts goes to
emulate first, and into our state only as emulate answered it, so that people click on what is
there. Its trigger ids are its own, and so are those of users, channels and messages.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import ClientSession, web
from slack_sdk import WebClient

from bot.workspace.driver import Workspace
from bot.workspace.seed import Limits, Seed, SeedChannel, SeedUser, new_seed
from bot.workspace.server import FORM_ONLY, Server, _arguments
from bot.workspace.state import Call, Json, Message

PEOPLE = ("ana", "leo", "reva")


class EmulatedServer(Server):
    """The local workspace, with Slack's answers from elsewhere."""

    def __init__(self, seed: Seed, address: str, emulate: str) -> None:
        super().__init__(seed, address)
        self._emulate = emulate

    async def _web_api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if method == "apps.connections.open":
            return await super()._web_api(request)
        args = await _arguments(request, method)
        call = Call(method, time.time(), channel=str(args.get("channel", "")))
        self.workspace.calls.append(call)
        asked = dict(args)
        if method == "views.open":
            asked["trigger_id"] = (await self._ask("views.generateTriggerId", {}))["trigger_id"]
        answer = await self._ask(method, asked)
        call.error = str(answer.get("error", ""))
        if answer["ok"]:
            answer = self._mirrored(method, args, answer)
        return web.json_response(answer)

    def _mirrored(self, method: str, args: Mapping[str, Any], answer: Json) -> Json:
        """Take over what emulate took."""
        ts = str(answer.get("ts") or answer.get("message_ts") or "")
        given = self.workspace.next_ts
        if ts:
            self.workspace.next_ts = lambda: ts  # type: ignore[method-assign]
        try:
            if method == "files.getUploadURLExternal":
                self._expected = str(answer["upload_url"])
                return answer | {"upload_url": f"{self._address}/upload/{answer['file_id']}"}
            if method == "files.completeUploadExternal":
                self.workspace.add(self._shared(args, answer))
            elif method in {"chat.postMessage", "chat.update", "chat.postEphemeral"} or (
                method.startswith("views.")
            ):
                self._api.call(method, self.workspace.seed.bot_token, args)
        finally:
            self.workspace.next_ts = given  # type: ignore[method-assign]
        return answer

    def _shared(self, args: Mapping[str, Any], answer: Json) -> Message:
        return Message(
            ts=self.workspace.next_ts(),
            channel=str(args["channel_id"]),
            user=self.workspace.seed.bot_user_id,
            text=str(args.get("initial_comment", "")),
            blocks=[],
            thread_ts=str(args.get("thread_ts", "")),
            by_bot=True,
            files=list(answer["files"]),
        )

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        async with (
            ClientSession() as session,
            session.post(self._expected, data=await request.read()) as answer,
        ):
            return web.Response(status=answer.status, text=await answer.text())

    async def _ask(self, method: str, args: Mapping[str, Any]) -> Json:
        headers = {"Authorization": f"Bearer {self.workspace.seed.bot_token}"}
        form = {"data": dict(args)} if method in FORM_ONLY else {"json": dict(args)}
        async with (
            ClientSession(headers=headers) as session,
            session.post(f"{self._emulate}/api/{method}", **form) as answer,
        ):
            found: Json = await answer.json()
        return found


def seed_of(address: str) -> Seed:
    """People and channels as emulate numbered them."""
    client = WebClient("xoxb-any", base_url=f"{address}/api/")
    told = client.auth_test()
    ids = {str(user["name"]): str(user["id"]) for user in client.users_list()["members"]}
    channels = {str(c["name"]): str(c["id"]) for c in client.conversations_list()["channels"]}
    members = (*(ids[name] for name in PEOPLE), str(told["user_id"]))
    seed = new_seed(
        tuple(SeedUser(id=ids[name], name=name) for name in PEOPLE),
        (SeedChannel(id=channels["models"], name="models", members=members),),
        (),
        Limits(post_burst=1000),
    )
    known = {"team_id": str(told["team_id"]), "bot_user_id": str(told["user_id"])}
    return seed.model_copy(update=known)


@contextmanager
def gateway(seed: Seed, address: str) -> Iterator[Workspace]:
    """Our side of it, served from a thread."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    found = f"http://127.0.0.1:{listening.getsockname()[1]}"
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> web.AppRunner:
        served = EmulatedServer(seed, found, address).application()
        runner = web.AppRunner(served, shutdown_timeout=1)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        ready.set()
        return runner

    def run() -> None:
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield Workspace(found, seed)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def history(address: str, channel: str) -> list[Json]:
    """What emulate holds of a channel, threads included, oldest first."""
    client = WebClient("xoxb-any", base_url=f"{address}/api/")
    found: list[Json] = []
    for message in client.conversations_history(channel=channel, limit=200)["messages"]:
        replies = client.conversations_replies(channel=channel, ts=message["ts"], limit=200)
        found += replies["messages"]
    once = {str(message["ts"]): message for message in found}
    return json.loads(json.dumps([once[ts] for ts in sorted(once)]))
