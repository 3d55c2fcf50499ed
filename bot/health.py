"""How the bot is, for whoever watches over it: JSON at `/health`, on this machine only.

200 where all of it is alive and connected, else 503. Counts only: no names, no texts, no tokens.
"""

import ipaddress
import json
import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from storage.errors import BadInput

log = logging.getLogger(__name__)

PATH = "/health"
Look = Callable[[], Mapping[str, Any]]


class HealthServer:
    """Answers at an address of this machine for as long as it is open."""

    def __init__(self, look: Look, host: str, port: int) -> None:
        """Listen.

        Args:
            look: How it is now; `ok` decides the status.

        Raises:
            BadInput: The address is not of this machine alone, or is taken.
        """
        if not _is_loopback(host):
            raise BadInput(f"--health is {host!r}: give a loopback address, such as 127.0.0.1.")
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(look))
        except OSError as error:
            raise BadInput(f"--health: {host}:{port} cannot be used: {error.strerror}.") from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(look: Look) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:  # the name is the library's
            if self.path != PATH:
                self.send_error(404)
                return
            found = look()
            content = json.dumps(found).encode()
            self.send_response(200 if found["ok"] else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            log.debug(format, *args)

    return Handler


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
