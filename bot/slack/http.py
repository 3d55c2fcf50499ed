"""Slack over HTTP instead of a socket: for hosts that Slack can reach.

Every request must carry Slack's signature, be at most five minutes old, and be seen for the first
time: Slack's own retries are signed anew, so the same signature twice is a replay. The address must
be behind something that speaks TLS; this server is for the loopback.
"""

import json
import logging
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from slack_bolt import App, BoltRequest, BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.slack.deadline import deadline
from bot.slack.socket import DEADLINE_S

log = logging.getLogger(__name__)

WINDOW_S = 300
MOST_BYTES = 1_000_000
PATH = "/slack/events"
IDLE_S = 30


class Guard:
    """Tells Slack's requests from others, and new ones from replays. Safe for many threads."""

    def __init__(self, signing_secret: str) -> None:
        self._verifier = SignatureVerifier(signing_secret)
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def lets_in(self, body: bytes, headers: dict[str, str]) -> bool:
        """Whether a request is Slack's, is new, and was not seen before."""
        signature = headers.get("x-slack-signature", "")
        stamp = headers.get("x-slack-request-timestamp", "")
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > WINDOW_S:
            return False
        if not self._verifier.is_valid(body=body, timestamp=stamp, signature=signature):
            return False
        moment = time.monotonic()
        with self._lock:
            # A request from the future is believable for twice the window.
            self._seen = {s: at for s, at in self._seen.items() if moment - at < 2 * WINDOW_S}
            if signature in self._seen:
                return False
            self._seen[signature] = moment
        return True


class HttpServer:
    """Listens for Slack's requests; the same for the bot as a socket."""

    def __init__(self, app: App, signing_secret: str, host: str, port: int) -> None:
        guard = Guard(signing_secret)

        class Handler(_Handler):
            bolt = app
            door = guard

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}{PATH}"

    @property
    def is_connected(self) -> bool:
        return self._thread.is_alive()

    def connect(self) -> None:
        self._thread.start()
        log.info("listening for Slack at %s", self.address)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request: verified, dispatched within Slack's patience, answered."""

    bolt: App
    door: Guard
    timeout = IDLE_S
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        began = time.monotonic()
        size = self.headers.get("Content-Length", "")
        if self.path != PATH or not size.isdigit() or int(size) > MOST_BYTES:
            self._answer(BoltResponse(status=404 if self.path != PATH else 413, body=""))
            return
        body = self.rfile.read(int(size))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not self.door.lets_in(body, headers):
            log.warning("a request without Slack's signature, too old or seen before was refused")
            self._answer(BoltResponse(status=401, body=json.dumps({"error": "invalid request"})))
            return
        request = BoltRequest(body=body.decode("utf-8"), headers=_as_lists(headers))
        with deadline(began + DEADLINE_S):
            self._answer(self.bolt.dispatch(request))

    def _answer(self, response: BoltResponse) -> None:
        content = (response.body or "").encode()
        self.send_response(response.status)
        for name, values in response.first_headers_without_set_cookie().items():
            self.send_header(name, values)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's name
        log.debug(format, *args)


def _as_lists(headers: dict[str, str]) -> dict[str, str | Sequence[str]]:
    return {name: [value] for name, value in headers.items()}
