"""Socket Mode: connections, envelopes, acknowledgements and their deadline.

Each envelope goes to one connection. What is not acknowledged in time is noted as timed out; events
are delivered again, with `retry_attempt` and `retry_reason`, as Slack does.
"""

import asyncio
import json
import secrets
import time
from typing import Any

from aiohttp import WSMsgType, web

from bot.workspace.seed import Limits
from bot.workspace.state import NO_CONNECTION, TIMED_OUT, Delivery, Json


class Sockets:
    """The connections of the one app, and everything that was sent over them."""

    def __init__(self, limits: Limits, app_id: str) -> None:
        self._limits = limits
        self._app_id = app_id
        self._tickets: set[str] = set()
        self._open: dict[int, web.WebSocketResponse] = {}
        self._transports: dict[int, asyncio.Transport | None] = {}
        self._waiting: dict[str, tuple[Delivery, asyncio.Future[None]]] = {}
        self._numbers = 0
        self._turn = 0
        self._background: set[asyncio.Task[None]] = set()
        self.deliveries: list[Delivery] = []
        self.stray_acks = 0

    @property
    def connections(self) -> int:
        return len(self._open)

    def ticket(self) -> str:
        """What opens one connection, once."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from hello to close."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="invalid ticket")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=10)
        await socket.prepare(request)
        self._numbers += 1
        number = self._numbers
        await socket.send_json(self._hello())
        self._open[number] = socket
        self._transports[number] = request.transport
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledge(message.data)
        finally:
            self._open.pop(number, None)
            self._transports.pop(number, None)
        return socket

    async def deliver(self, kind: str, payload: Json) -> Delivery:
        """Send an envelope once and wait for its acknowledgement or the deadline."""
        return await self._send(kind, payload, 0, "")

    async def deliver_event(self, payload: Json) -> Delivery:
        """Send an event; what is not acknowledged is sent again, in the background."""
        first = await self._send("events_api", payload, 0, "")
        if not first.acknowledged:
            task = asyncio.create_task(self._again(payload, first.problem))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        return first

    async def deliver_again(self, earlier: Delivery) -> Delivery:
        """Send the same event once more, as if its acknowledgement had been lost."""
        attempts = [d.retry_attempt for d in self.deliveries if d.payload is earlier.payload]
        return await self._send(earlier.kind, earlier.payload, max(attempts) + 1, "timeout")

    async def _again(self, payload: Json, problem: str) -> None:
        for attempt, delay in enumerate(self._limits.retry_delays_s, 1):
            await asyncio.sleep(delay)
            reason = "timeout" if problem == TIMED_OUT else "connection_failed"
            delivery = await self._send("events_api", payload, attempt, reason)
            if delivery.acknowledged:
                return
            problem = delivery.problem

    async def _send(self, kind: str, payload: Json, attempt: int, reason: str) -> Delivery:
        delivery = Delivery(
            id=len(self.deliveries) + 1,
            kind=kind,
            payload=payload,
            envelope_id=secrets.token_hex(16),
            sent_at=time.time(),
            retry_attempt=attempt,
            retry_reason=reason,
        )
        self.deliveries.append(delivery)
        done = asyncio.get_running_loop().create_future()
        self._waiting[delivery.envelope_id] = (delivery, done)
        if not await self._put_on_a_wire(delivery):
            delivery.problem = NO_CONNECTION
            return delivery
        try:
            await asyncio.wait_for(done, self._limits.ack_s)
        except TimeoutError:
            delivery.problem = TIMED_OUT
        return delivery

    async def _put_on_a_wire(self, delivery: Delivery) -> bool:
        """Connections take turns; one that turns out to be dead is passed over."""
        for _ in range(len(self._open)):
            self._turn += 1
            numbers = sorted(self._open)
            if not numbers:
                break
            delivery.connection = numbers[self._turn % len(numbers)]
            try:
                await self._open[delivery.connection].send_json(_envelope(delivery))
            except (ConnectionError, RuntimeError):
                self._open.pop(delivery.connection, None)
            else:
                return True
        return False

    def _acknowledge(self, text: str) -> None:
        try:
            found: Any = json.loads(text)
            delivery, done = self._waiting.pop(found["envelope_id"])
        except (ValueError, KeyError, TypeError):
            self.stray_acks += 1
            return
        delivery.latency_s = time.time() - delivery.sent_at
        delivery.late = bool(delivery.problem)
        delivery.answer = found.get("payload") or {}
        if not done.done():
            done.set_result(None)

    async def disconnect(self, how: str) -> None:
        """Ask the app to come anew (`refresh_requested`), or cut its connections off (`reset`)."""
        for number, socket in list(self._open.items()):
            transport = self._transports[number]
            if how == "reset" and transport:
                transport.abort()
            else:
                await socket.send_json({"type": "disconnect", "reason": how})

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._open) + 1,
            "connection_info": {"app_id": self._app_id},
            "debug_info": {"host": "local", "approximate_connection_time": 3600},
        }


def _envelope(delivery: Delivery) -> Json:
    envelope: Json = {
        "envelope_id": delivery.envelope_id,
        "type": delivery.kind,
        "payload": delivery.payload,
        "accepts_response_payload": delivery.kind != "events_api",
    }
    if delivery.kind == "events_api":
        envelope["retry_attempt"] = delivery.retry_attempt
        envelope["retry_reason"] = delivery.retry_reason
    return envelope
