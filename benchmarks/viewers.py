"""How long five people wait for pages at once, on a large board, while a run trains beside them.

    python -m benchmarks.viewers [RUNS]

A real server, and five clients that speak its protocol as a browser does: each asks for one page
after the other, with a pause, for a minute. Timed is from the question to the end of the answer.
What a browser needs to draw it comes on top, on the viewer's machine. A process at nice 10 keeps a
core busy, as a trainer does.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import golden
import psutil
from aiohttp import ClientSession, ClientWebSocketResponse
from leaderboard_served import serving
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.leaderboard import grown
from benchmarks.slack_ack import SPIN
from bot.hosts.projection import project
from storage.home import Home

VIEWERS, SECONDS, PAUSE_S = 5, 60.0, (1.0, 4.0)
PAGES = (
    ("", ""),
    ("board", "task=tickets"),
    ("tradeoffs", "task=tickets"),
    ("production", ""),
    ("queue", ""),
)


async def ask(socket: ClientWebSocketResponse, page: str, query: str) -> int:
    """Open a page; returns the bytes of the answer."""
    question = BackMsg()
    question.rerun_script.page_name = page
    question.rerun_script.query_string = query
    await socket.send_bytes(question.SerializeToString())
    size = 0
    while True:
        message = await socket.receive(timeout=60)
        size += len(message.data)
        answer = ForwardMsg()
        answer.ParseFromString(message.data)
        if answer.WhichOneof("type") == "script_finished":
            return size


async def viewer(address: str, seed: int, until: float) -> list[tuple[float, int]]:
    """Seconds that one person waited for each page, and its bytes."""
    chance, took = random.Random(seed), []
    where = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    async with (
        ClientSession() as session,
        session.ws_connect(where, protocols=("streamlit",), max_msg_size=0) as socket,
    ):
        while time.monotonic() < until:
            began = time.monotonic()
            size = await ask(socket, *chance.choice(PAGES))
            took.append((time.monotonic() - began, size))
            await asyncio.sleep(chance.uniform(*PAUSE_S))
    return took


async def watched(address: str) -> list[tuple[float, int]]:
    await viewer(address, 0, time.monotonic() + 5)  # the server's first time
    until = time.monotonic() + SECONDS
    found = await asyncio.gather(*(viewer(address, 1 + i, until) for i in range(VIEWERS)))
    return sorted(page for one in found for page in one)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        home: Home = golden.make_home(Path(folder), runs=12, test_rows=300)
        project(home)
        grown(home, runs)
        training = subprocess.Popen([sys.executable, "-c", SPIN])
        try:
            with serving(home) as address:
                took = asyncio.run(watched(address))
                held = max(p.memory_info().rss for p in psutil.Process().children())
        finally:
            training.kill()
            training.wait()
    (p50, _), (p95, _) = took[len(took) // 2], took[int(0.95 * len(took))]
    largest = max(size for _, size in took)
    print(f"date {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {VIEWERS} viewers")
    print(
        f"{len(took)} pages: p50 {p50:.2f} s, p95 {p95:.2f} s, slowest {took[-1][0]:.2f} s; "
        f"at most {largest / 1e3:.0f} kB; the server holds {held / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
