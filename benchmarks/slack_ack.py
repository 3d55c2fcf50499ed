"""How fast the bot acknowledges: 500 commands, 50 at a time, the commit of each included.

    python benchmarks/slack_ack.py [--busy]

The same commands go to the bot, over real sockets from a local workspace, and to a plain Bolt app
that only says "ok". With --busy two processes at nice 10 keep two cores busy, as training does.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk import WebClient

from bot.workspace.driver import Workspace
from bot.workspace.processes import running_bot, running_workspace, slack_settings
from bot.workspace.seed import Limits, new_seed
from bot.workspace.state import Delivery
from storage import tasks
from storage.home import Home
from storage.ledger import Ledger
from storage.records import (
    DataFile,
    DataQuality,
    DatasetVersion,
    DataSource,
    Split,
    SplitSummary,
    Task,
)

COMMANDS, AT_ONCE = 500, 50
SPIN = "import os\nos.nice(10)\nwhile True: sum(i * i for i in range(10000))"
PLAIN = "--plain-app"


def main() -> None:
    """Measure both and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", action="store_true", help="keep two cores busy at nice 10")
    parser.add_argument(PLAIN, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain_app:
        _plain_app(*options.plain_app)
        return
    with tempfile.TemporaryDirectory() as folder, _load(2 if options.busy else 0):
        print(f"{COMMANDS} commands, {AT_ONCE} at a time{', cores busy' * options.busy}")
        print(f"{'':28}{'p50':>9}{'p99':>9}{'max':>9}  unacknowledged")
        with running_workspace(Path(folder) / "a", new_seed(limits=Limits())) as workspace:
            _report("plain Bolt app, no work", _measure_plain(workspace))
        with running_workspace(Path(folder) / "b", new_seed(limits=Limits())) as workspace:
            home = make_home(Path(folder) / "home", workspace)
            with running_bot(home.path, workspace, ("--no-work",)):
                _report("bot, a committed run each", _send(workspace))
            ledger = Ledger.open(home.ledger_file)
            print(f"runs in the ledger: {len(ledger.runs())}")
            ledger.close()


def _send(workspace: Workspace) -> Sequence[Delivery]:
    ana = workspace.user("ana")
    ana.run("/tune help")  # the first one also opens what stays open

    def ask(number: int) -> Delivery:
        return ana.run(f"/tune run task=tickets method=tfidf seed={number}")

    with ThreadPoolExecutor(AT_ONCE) as people:
        return list(people.map(ask, range(COMMANDS)))


def _report(what: str, deliveries: Sequence[Delivery]) -> None:
    took = sorted(d.latency_s for d in deliveries if d.acknowledged and d.latency_s is not None)
    missing = len(deliveries) - len(took)
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    shown = "".join(f"{1000 * seconds:>6.0f} ms" for seconds in (p50, p99, took[-1]))
    print(f"{what:28}{shown}  {missing}")


def _measure_plain(workspace: Workspace) -> Sequence[Delivery]:
    words = [sys.executable, __file__, PLAIN, workspace.api_url]
    words.append(f"{workspace.seed.bot_token} {workspace.seed.app_token}")
    process = subprocess.Popen(words)
    try:
        workspace.wait_until_connected()
        return _send(workspace)
    finally:
        process.kill()
        process.wait()


def _plain_app(api_url: str, tokens: str) -> None:
    bot_token, app_token = tokens.split()
    app = App(client=WebClient(bot_token, base_url=api_url))

    @app.command("/tune")
    def tune(ack: Ack) -> Any:
        ack("ok")

    SocketModeHandler(app, app_token).connect()
    threading.Event().wait()


def make_home(path: Path, workspace: Workspace) -> Home:
    """A home with a registered task and one launcher."""
    home = Home(path)
    home.create()
    slack = "".join(f'{key} = "{value}"\n' for key, value in slack_settings(workspace).items())
    people = '[people.ana]\nroles = ["launcher"]\nslack = "U0ANA"\n'
    home.settings_file.write_text(f"[slack]\n{slack}{people}")
    dataset = DatasetVersion(
        content_digest="a" * 64,
        test_digest="t" * 64,
        files=(DataFile(role="file", path="/x.csv", size_bytes=1, sha256="0" * 64, rows=3),),
        labels=("no", "yes"),
        splits=tuple(SplitSummary(split=s, rows=300, class_counts={"yes": 1}) for s in Split),
        quality=DataQuality(rows_read=3, rows_used=3),
    )
    ledger = Ledger.open(home.ledger_file)
    task = Task(name="tickets", data=DataSource(file="/data/tickets.csv"))
    tasks.add_task(ledger, task, dataset, 'name = "tickets"', "ana")
    ledger.close()
    return home


@contextmanager
def _load(processes: int) -> Iterator[None]:
    """Processes that use a core each, as politely as a trainer."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
