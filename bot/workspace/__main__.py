"""`python -m bot.workspace --port N --state FILE`: serve a local workspace on 127.0.0.1.

FILE holds the seed with its secrets; it is made, for its owner only, where it is not there yet.
Once it listens, one line of JSON with the address goes to standard output.
"""

import argparse
import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web

from bot.workspace.seed import read_seed
from bot.workspace.server import Server


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m bot.workspace", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="the seed, as JSON")
    options = parser.parse_args()
    asyncio.run(_serve(options.port, options.state))


async def _serve(port: int, state: Path) -> None:
    listening = socket.create_server(("127.0.0.1", port), backlog=512)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    served = Server(read_seed(state), address).application()
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    sys.stdout.write(json.dumps({"address": address}) + "\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
