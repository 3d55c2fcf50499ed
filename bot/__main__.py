"""`tuneboard-bot --home DIR`: answers in Slack, works on the queue, and tells what happened.

Four things run side by side: the socket's threads (what people ask), the publisher (what they are
told), the slow worker (requests that read data) and the worker on the queue. Each can be killed at
any point; what they know is in the ledger.
"""

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from slack_bolt.error import BoltError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.actions import Actions
from bot.health import HealthServer
from bot.hosts.work import Worker
from bot.redaction import configure_logging
from bot.settings import Secrets, home_from, load_settings
from bot.slack.app import build_app, build_client
from bot.slack.deadline import PunctualLedger
from bot.slack.groups import UserGroups
from bot.slack.http import HttpServer
from bot.slack.posts import Posts
from bot.slack.publisher import Publisher
from bot.slack.slow import SlowWorker
from bot.slack.socket import Socket
from storage import outbox
from storage.errors import BadInput, UserError
from storage.home import Home
from storage.ledger import Ledger
from storage.records import RunState
from storage.run_folder import write_whole

log = logging.getLogger("bot")

HEALTH_EVERY_S = 2.0
HEALTH_LIMIT_S = 30.0
RECONNECT_LIMIT_S = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; 0 after a clean end, 2 where a setting is wrong."""
    options = _parser().parse_args(argv)
    configure_logging(logging.DEBUG if options.verbose else logging.INFO)
    home = home_from(options.home)
    if options.healthy:
        return 0 if is_healthy(home) else 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        places = {"http": options.http, "health": options.health}
        _run(home, stop, works=not options.no_work, **places)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def is_healthy(home: Home) -> bool:
    """Whether a bot of this home said a short while ago that all of it is alive and connected."""
    try:
        found = json.loads(_health_file(home).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return bool(found["ok"]) and time.time() - float(found["at"]) < HEALTH_LIMIT_S


def _run(home: Home, stop: threading.Event, *, works: bool, http: str, health: str) -> None:
    settings = load_settings(home)
    bot_token, other = _tokens(http=bool(http))
    home.create()
    ledger = PunctualLedger.open(home.ledger_file)
    client = build_client(settings, bot_token)
    actions = Actions(ledger, home, settings, UserGroups(client, settings.slack.groups))
    with ExitStack() as stack:
        stack.callback(ledger.close)
        worker = stack.enter_context(Worker(ledger, home, settings) if works else nullcontext())
        slow, publisher = SlowWorker(actions), Publisher(actions, Posts(client))
        for part in (slow, publisher):
            part.start()
            stack.callback(part.stop)
        found: list[Socket | HttpServer] = []

        def look() -> dict[str, Any]:
            return {
                "connected": bool(found) and found[0].is_connected,
                "publisher": publisher.is_alive,
                "slow": slow.is_alive,
                "queue": worker is None or worker.is_alive,
            }

        if health:
            server = HealthServer(lambda: _counted(look(), ledger), *_place("--health", health))
            stack.callback(server.close)
        socket = _connect(actions, client, other, stop, http)
        if socket is None:
            return
        found.append(socket)
        stack.callback(socket.close)
        log.info("connected; home %s", home.path)
        while not stop.wait(HEALTH_EVERY_S):
            _tell_health(home, ok=all(look().values()))
        log.info("stopping; runs that were started go on")
    _tell_health(home, ok=False)


def _counted(parts: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """How every part is, with how much waits to be said and to be run."""
    waiting = {
        "messages": outbox.count_pending(ledger),
        "runs": ledger.count_runs(states=(RunState.QUEUED,)),
        "active": ledger.count_runs(states=(RunState.ACTIVE,)),
    }
    return {"ok": all(parts.values()), **parts, **waiting}


def _connect(
    actions: Actions, client: WebClient, other: str, stop: threading.Event, http: str
) -> Socket | HttpServer | None:
    """A connected socket, or a server; None where the end came first. An unreachable Slack is tried
    again.

    Args:
        other: The app-level token, or the signing secret for HTTP.
        http: HOST:PORT to listen at; empty for a socket.

    Raises:
        BadInput: Slack does not accept a token.
    """
    wait_s = 1.0
    while not stop.is_set():
        try:
            app = build_app(actions, client)
            socket = HttpServer(app, other, *_place("--http", http)) if http else Socket(app, other)
            socket.connect()
        except (BoltError, SlackApiError) as error:
            if _is_refusal(error):
                raise BadInput(
                    f"Slack does not accept a token: {error}. Check SLACK_BOT_TOKEN (xoxb-…) and "
                    "SLACK_APP_TOKEN (xapp-…, with connections:write)."
                ) from error
            log.warning("Slack cannot be reached: %s", error)
        except (OSError, SlackClientError) as error:
            log.warning("Slack cannot be reached: %s", error)
        else:
            _tell_health(actions.home, ok=True)
            return socket
        stop.wait(wait_s)
        wait_s = min(2 * wait_s, RECONNECT_LIMIT_S)
    return None


def _is_refusal(error: Exception) -> bool:
    words = ("invalid_auth", "not_authed", "token_", "account_inactive", "not_allowed_token_type")
    return any(word in str(error) for word in words)


def _tokens(*, http: bool) -> tuple[str, str]:
    """The bot token, and what proves that a request is Slack's."""
    secrets = Secrets()
    other = secrets.slack_signing_secret if http else secrets.slack_app_token
    if secrets.slack_bot_token is None or other is None:
        second = "SLACK_SIGNING_SECRET" if http else "SLACK_APP_TOKEN (xapp-…)"
        raise BadInput(
            f"SLACK_BOT_TOKEN (xoxb-…) and {second} are needed in the environment; "
            "docs/slack.md says where Slack shows them. Without Slack: `tuneboard demo`."
        )
    return secrets.slack_bot_token.get_secret_value(), other.get_secret_value()


def _place(option: str, place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit():
        raise BadInput(f"{option} is {place!r}: give HOST:PORT, such as 127.0.0.1:3000.")
    return host, int(port)


def _health_file(home: Home) -> Path:
    return home.locks / "bot-health.json"


def _tell_health(home: Home, *, ok: bool) -> None:
    """Without room on the disk it goes on: what was said last grows old and says enough."""
    try:
        write_whole(_health_file(home), json.dumps({"ok": ok, "at": time.time()}))
    except OSError as error:
        log.error("how the bot is cannot be written down: %s", error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuneboard-bot", description="The bot of a Tuneboard.")
    parser.add_argument("--home", help="the home folder (else TUNEBOARD_HOME, else ./.tuneboard)")
    parser.add_argument(
        "--http", default="", metavar="HOST:PORT", help="listen there instead of on a socket"
    )
    parser.add_argument(
        "--health", default="", metavar="HOST:PORT", help="say there, on loopback, how the bot is"
    )
    parser.add_argument(
        "--no-work", action="store_true", help="answer only; another process works on the queue"
    )
    parser.add_argument(
        "--healthy", action="store_true", help="say by the exit code whether the bot is well"
    )
    parser.add_argument("--verbose", action="store_true", help="log everything, redacted")
    return parser


if __name__ == "__main__":
    sys.exit(main())
