"""`tuneboard doctor`: what is set up and what is not, each finding with how to mend it.

It only looks. Slack is asked where its tokens are in the environment; nothing is posted.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from importlib.resources import files
from pathlib import Path
from typing import Literal

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy.exc import SQLAlchemyError

from bot import bases
from bot.actions import Actions
from bot.hosts import locks
from bot.hosts.inspection import look_at_bases
from bot.replies import Reply, table
from bot.settings import Secrets
from storage import chain, published
from storage.errors import TuneboardError
from storage.records import BaseRef, now

Grade = Literal["good", "look", "bad"]
MARKS: Mapping[Grade, str] = {"good": "✓", "look": "!", "bad": "✗"}
PATIENCE_S = 10
LEAST_DISK_GB = 5.0
MOST_SKEW = timedelta(seconds=60)
PACKAGES = ("tuneboard", "slack-bolt", "streamlit", "duckdb", "torch", "transformers", "peft")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    grade: Grade
    found: str
    mend: str = ""


def doctor(actions: Actions, words: Sequence[str]) -> Reply:
    """Look at everything."""
    found = list(_findings(actions, Secrets()))
    worst = sum(one.grade == "bad" for one in found)
    rows = [(MARKS[one.grade], one.about, one.found, one.mend) for one in found]
    text = f"{worst} of {len(found)} things must be mended." if worst else "Nothing must be mended."
    data = {
        "findings": [
            {"about": o.about, "grade": o.grade, "found": o.found, "mend": o.mend} for o in found
        ]
    }
    columns = ("", "about", "found", "how to mend it")
    return Reply(text, table=table(columns, rows), data=data, exit_code=1 if worst else 0)


def _findings(actions: Actions, secrets: Secrets) -> Iterator[Finding]:
    for look in (_people, _roots, _disk, _ledger, _board, _queue, _bases, _gpus):
        try:
            yield from look(actions)
        except (TuneboardError, OSError, SQLAlchemyError) as error:
            name = look.__name__.strip("_")
            yield Finding(name, "bad", str(error), "Read the log; the message says what is wrong.")
    yield from _slack(actions, secrets)
    yield from _versions()


# --- this machine ---------------------------------------------------------------------------------


def _people(actions: Actions) -> Iterator[Finding]:
    people = actions.settings.people
    if not people:
        mend = (
            "Add [people.<name>] with roles to tuneboard.toml (tuneboard.example.toml shows how)."
        )
        yield Finding("people", "bad", "nobody may do anything", mend)
        return
    roles = {role.value for entry in people.values() for role in entry.roles}
    lacking = sorted({"launcher", "reviewer"} - roles)
    grade: Grade = "look" if lacking else "good"
    mend = f"Give somebody the role {' and '.join(lacking)}." if lacking else ""
    yield Finding("people", grade, f"{len(people)} people, with {', '.join(sorted(roles))}", mend)


def _roots(actions: Actions) -> Iterator[Finding]:
    for root in actions.settings.data.roots:
        there = Path(root).is_dir()
        mend = "" if there else "Make the folder, or change [data] roots."
        yield Finding(f"data root {root}", "good" if there else "bad", _is(there), mend)


def _disk(actions: Actions) -> Iterator[Finding]:
    free = shutil.disk_usage(actions.home.path).free / 1e9
    enough = free >= LEAST_DISK_GB
    mend = "" if enough else "Free some room: a full disk ends runs."
    yield Finding("disk", "good" if enough else "bad", f"{free:,.0f} GB free at the home", mend)


def _ledger(actions: Actions) -> Iterator[Finding]:
    found = chain.verify(actions.ledger)
    if found.problem:
        mend = "Keep a copy of the home, and compare with a backup: decisions were altered."
        yield Finding("decisions", "bad", found.problem, mend)
        return
    yield Finding("decisions", "good", f"{found.length}, unbroken")


def _board(actions: Actions) -> Iterator[Finding]:
    pointer = published.read_pointer(actions.home.board)
    if pointer is None or published.read_summary(actions.home.board) is None:
        yield Finding("board", "look", "none was published yet", "`tuneboard rebuild` makes one.")
        return
    behind = actions.ledger.version() - pointer.ledger_version
    mend = "" if behind == 0 else "Start the bot or `tuneboard work`, or `tuneboard rebuild`."
    state = "up to date" if behind == 0 else f"{behind} steps behind"
    yield Finding("board", "good" if behind == 0 else "look", state, mend)


def _queue(actions: Actions) -> Iterator[Finding]:
    for name, what, mend in (
        ("dispatcher", "works on the queue", "Start the bot, or `tuneboard work`."),
        ("publisher", "tells Slack", "Start the bot (`tuneboard-bot`)."),
    ):
        held = locks.is_held(actions.home.locks / f"{name}.lock")
        state = "somebody does" if held else "nobody does"
        yield Finding(f"who {what}", "good" if held else "look", state, "" if held else mend)


def _bases(actions: Actions) -> Iterator[Finding]:
    known = bases.catalogue(actions.settings)
    refs = [
        BaseRef(name=name, path=entry.path, hub=entry.hub, revision=entry.revision)
        for name, entry in known.items()
    ]
    for item in look_at_bases(refs):
        hub = str(item["problem"]).startswith("from a hub")
        bad = bool(item["problem"]) and not hub
        mend = "Change the entry under [bases], or fetch the model again." if bad else ""
        found = item["problem"] or "can be loaded"
        yield Finding(f"base {item['name']}", "bad" if bad else "good", str(found), mend)


def _gpus(actions: Actions) -> Iterator[Finding]:
    wanted, tool = actions.settings.hosts.gpus, shutil.which("nvidia-smi")
    if tool is None:
        grade: Grade = "bad" if wanted else "good"
        mend = "Install the driver, or leave `gpus` out of [hosts]." if wanted else ""
        yield Finding("GPUs", grade, "none on this machine: runs compute on the CPU", mend)
        return
    words = [tool, "--query-gpu=index,name", "--format=csv,noheader"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    there = {int(line.split(",")[0]) for line in done.stdout.splitlines() if line[:1].isdigit()}
    missing = sorted(set(wanted) - there)
    mend = f"[hosts] gpus names {missing}, which are not there." if missing else ""
    yield Finding("GPUs", "bad" if missing else "good", f"{len(there)} found", mend)


def _versions() -> Iterator[Finding]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {installed(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    yield Finding("versions", "good", ", ".join(found))


# --- Slack ----------------------------------------------------------------------------------------


def _slack(actions: Actions, secrets: Secrets) -> Iterator[Finding]:
    if secrets.slack_bot_token is None or secrets.slack_app_token is None:
        mend = "Put SLACK_BOT_TOKEN and SLACK_APP_TOKEN into the bot's environment."
        yield Finding("Slack", "look", "no tokens in this environment", mend)
        return
    url, slack = actions.settings.slack.api_url, actions.settings.slack
    bot = _client(secrets.slack_bot_token.get_secret_value(), url)
    app_token = secrets.slack_app_token.get_secret_value()
    app = _client(app_token, url)
    yield from _bot_token(bot, slack.team)
    yield _asked(
        "app token",
        lambda: f"opens a socket: {app.apps_connections_open(app_token=app_token)['ok']}",
    )
    yield from (_group(bot, group) for group in slack.groups)
    if slack.channel is None:
        yield Finding("channel", "bad", "none is set", "Set [slack] channel to a channel's id.")
        return
    channel = slack.channel
    yield _asked(
        f"channel {channel}",
        lambda: f"can be read: {bot.conversations_history(channel=channel, limit=1)['ok']}",
        "Invite the bot there (`/invite @tuneboard`), or change [slack] channel.",
    )


def _group(client: WebClient, group: str) -> Finding:
    return _asked(
        f"user group {group}",
        lambda: f"{len(client.usergroups_users_list(usergroup=group).get('users') or ())} people",
        "Take the group's id from its address in Slack, or change [slack.groups].",
    )


def _bot_token(client: WebClient, team: str | None) -> Iterator[Finding]:
    try:
        answer = client.auth_test()
    except (SlackApiError, OSError) as error:
        yield Finding(
            "bot token", "bad", _words(error), "Install the app again; take the new token."
        )
        return
    other = team is not None and answer["team_id"] != team
    mend = "Change [slack] team, or take the token of that workspace." if other else ""
    yield Finding("bot token", "bad" if other else "good", f"of {answer['team']}", mend)
    yield from _scopes(dict(answer.headers))
    yield from _clock(dict(answer.headers))


def _scopes(headers: Mapping[str, object]) -> Iterator[Finding]:
    given = {str(key).lower(): value for key, value in headers.items()}.get("x-oauth-scopes")
    if given is None:
        return
    manifest = json.loads((files("bot.slack") / "manifest.json").read_text(encoding="utf-8"))
    needed = set(manifest["oauth_config"]["scopes"]["bot"])
    missing = sorted(needed - {scope.strip() for scope in str(given).split(",")})
    mend = "Update the app from bot/slack/manifest.json and install it again." if missing else ""
    found = f"missing: {', '.join(missing)}" if missing else f"all {len(needed)} are given"
    yield Finding("scopes", "bad" if missing else "good", found, mend)


def _clock(headers: Mapping[str, object]) -> Iterator[Finding]:
    said = {str(key).lower(): value for key, value in headers.items()}.get("date")
    there = _date(str(said)) if said else None
    if there is None:
        return
    skew = abs(now() - there)
    far = skew > MOST_SKEW
    mend = "Set the clock (NTP): signatures and tokens depend on it." if far else ""
    yield Finding(
        "clock", "bad" if far else "good", f"{skew.total_seconds():.0f} s from Slack's", mend
    )


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _asked(about: str, ask: Callable[[], str], mend: str = "Make a new token.") -> Finding:
    try:
        return Finding(about, "good", ask())
    except (SlackApiError, OSError) as error:
        return Finding(about, "bad", _words(error), mend)


def _client(token: str, url: str) -> WebClient:
    return WebClient(token, base_url=url, timeout=PATIENCE_S, retry_handlers=[])


def _words(error: Exception) -> str:
    if isinstance(error, SlackApiError):
        return f"Slack says {error.response.get('error')}"
    return f"Slack cannot be reached: {error}"


def _is(there: bool) -> str:
    return "is there" if there else "is not there"
