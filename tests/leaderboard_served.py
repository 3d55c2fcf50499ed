"""The leaderboard's real server, in a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import leaderboard
from storage.home import Home

APP = Path(leaderboard.__file__).with_name("app.py")
WAIT_MS = 30_000


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def chromium() -> str | None:
    """The browser of this machine."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


@contextmanager
def serving(home: Home, port: int = 0, host: str = "127.0.0.1", **more: str) -> Iterator[str]:
    """The pages of a home, for as long as this is entered; gives their address.

    Args:
        more: Environment variables besides ours.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.headless=true"]
    place = [f"--server.port={port}", "--server.address=127.0.0.1"]
    environment = os.environ | {"TUNEBOARD_HOME": str(home.path)} | more
    server = subprocess.Popen([*command, *place], env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_until_healthy(port, server)
        yield f"http://{host}:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_until_healthy(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the server did not start")
