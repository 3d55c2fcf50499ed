"""Bolt over Socket Mode, with one thing added: what waited too long takes no effect.

Slack gives up on an envelope after 3 s and tells the person that it failed. Work that began later
would be a ghost: done, while the person believes it was not and asks again. So the moment each
envelope came in is noted, and one that waited for longer than `PATIENCE_S` is dropped unanswered.

The app runs listeners in the thread that took the envelope (`process_before_response`): there is no
second queue behind this one, and the acknowledgement follows the commit.
"""

import logging
import re
import threading
import time
from threading import Lock
from typing import Any

from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode.internals import build_headers, send_response
from slack_sdk import WebClient
from slack_sdk.socket_mode.interval_runner import IntervalRunner
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.websocket_client import SocketModeClient
from websocket import WebSocketApp

from bot.slack.deadline import deadline

log = logging.getLogger(__name__)

PATIENCE_S, DEADLINE_S = 2.0, 2.6
"""How old an envelope may be when its listener starts, and when it writes; Slack waits for 3 s."""
PING_EVERY_S = 5.0
"""How soon a dead connection is noticed."""
LOOK_EVERY_S = 0.05
"""How soon a new session is read from, while there is none."""
LEAVE_S, CLOSE_S = 1.0, 5.0
"""How long the end of a session is waited for."""
THREADS = 2
"""One that works and one that waits: writes are one after another, and more threads take longer."""


_ENVELOPE = re.compile(r'"envelope_id"\s*:\s*"([^"\\]+)"')
"""What a person typed cannot look like this: quotes within a text are escaped."""


class _Client(SocketModeClient):
    """Notes when each envelope came in, and leaves an old session at once for a new one.

    One thread reads, from one session at a time. A session that was replaced is never opened, or,
    where it is being opened, ended before the new one is made: else the reader would stay with the
    old one, and what came in there could not be answered.
    """

    def __init__(self, app_token: str, web_client: WebClient) -> None:
        self.came_in: dict[str, float] = {}
        self._turn = Lock()
        self._read: WebSocketApp | None = None
        self._reading: WebSocketApp | None = None
        self._reader = 0
        self._made_at = 0.0
        super().__init__(
            app_token, log, web_client, ping_interval=PING_EVERY_S, concurrency=THREADS
        )
        # It looks for a new session every half a second.
        self.current_session_runner.shutdown()  # type: ignore[no-untyped-call]
        runner = IntervalRunner(self._run_current_session, LOOK_EVERY_S)
        self.current_session_runner = runner.start()

    def enqueue_message(self, message: str) -> None:
        envelope_id = _envelope_id(message)
        if envelope_id:
            self.came_in[envelope_id] = time.monotonic()
        super().enqueue_message(message)

    def connect(self) -> None:
        """Open a session in place of the old one, of which its reader must hear first."""
        with self._turn:
            old, self.current_session = self.current_session, None
        if old is not None:
            self._leave(old, LEAVE_S)
        self._made_at = time.monotonic()
        super().connect()

    def close(self) -> None:
        self.auto_reconnect_enabled = False
        self.closed = True
        self.message_queue.put(None)  # wakes who waits for a message, for up to a second
        self.current_session_runner.event.set()
        with self._turn:
            reading = self._reading
        if reading is not None:
            self._leave(reading, CLOSE_S)
        super().close()

    def _leave(self, session: WebSocketApp, patience_s: float) -> None:
        """Wake the reader of a session, which in websocket-client 1.9 sleeps on for up to 10 s."""
        session.on_error = session.on_close = None  # the end is meant
        if threading.get_ident() == self._reader:
            return  # it is the reader who asks, after the end of its session
        until = time.monotonic() + patience_s
        while self._is_reading(session) and time.monotonic() < until:
            socket = session.sock
            if socket is not None:
                socket.abort()
            time.sleep(0.01)  # it is being opened, or is about to notice

    def _is_reading(self, session: WebSocketApp) -> bool:
        return self._reading is session

    def _run_current_session(self) -> None:
        """Read from each session once: one that has ended is not opened again at its old address,
        for a new one is asked for when it closes."""
        with self._turn:
            session = self.current_session
            if session is None or session is self._read or self.closed:
                return
            self._read = self._reading = session
            self._reader = threading.get_ident()
        try:
            session.run_forever(ping_interval=PING_EVERY_S)
        except Exception:  # the monitor sees a session without a socket, and asks for another
            log.exception("a session ended with an error")
            session.close()
        finally:
            self._reading = None

    def _monitor_current_session(self) -> None:
        """Ask for a new session where there is none, once the newest had time to be opened."""
        if time.monotonic() - self._made_at > PING_EVERY_S:
            super()._monitor_current_session()  # type: ignore[no-untyped-call]


class Socket:
    """The connection between Slack and the app."""

    def __init__(self, app: App, app_token: str) -> None:
        self._app = app
        self._client = _Client(app_token, app.client)
        self._client.socket_mode_request_listeners.append(self._handle)

    @property
    def is_connected(self) -> bool:
        return bool(self._client.is_connected())

    def connect(self) -> None:
        """Open the connection; from here on it comes back by itself."""
        self._client.connect()

    def close(self) -> None:
        """Take in nothing more, finish what was begun, and disconnect."""
        self._client.close()

    def _handle(self, client: Any, request: SocketModeRequest) -> None:
        began = time.monotonic()
        came_in = self._client.came_in.pop(request.envelope_id, began)
        if began - came_in > PATIENCE_S:
            log.warning("%s waited %.1f s and was dropped", request.type, began - came_in)
            return
        bolt_request = BoltRequest(
            mode="socket_mode", body=request.payload, headers=build_headers(request)
        )
        with deadline(came_in + DEADLINE_S):
            response = self._app.dispatch(bolt_request)
        send_response(client, request, response, time.time())


def _envelope_id(message: str) -> str | None:
    """Found without parsing all of it, which the client does once more."""
    found = _ENVELOPE.search(message)
    return found.group(1) if found else None
