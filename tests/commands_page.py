"""Writes docs/commands.md: every word that can be asked, with what a small Tuneboard answers to it.

    python tests/commands_page.py

The answers are the terminal's, of a home made up by golden.py: its numbers are no model's.
"""

import contextlib
import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from golden import make_home

from bot import cli
from bot.access import Caller
from bot.actions import Actions
from bot.commands import VERBS
from bot.hosts.projection import project
from bot.settings import Settings, os_user
from storage import reviews
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Method, Person, Role, Run, RunState

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
MOST_LINES = 24
ANA = Caller(Person(name="ana", roles=frozenset({Role.LAUNCHER})), "terminal", "ana")
START = """# Every word that can be asked

Written by `python tests/commands_page.py` from a small made-up home, and held against it by a test:
the numbers are no model's. In Slack the same words follow `/tune` or a mention of the bot, or stand
in a direct message.
"""
SAID = (("please pay it back", "refund"), ("where is my parcel", "parcel"))
ROWS = "".join(f"mail {n}: {SAID[n % 2][0]},{SAID[n % 2][1]}\n" for n in range(240))


def page() -> str:
    """The whole page, from a fresh home."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        home = make_home(place / "home", runs=10)
        (place / "tickets.csv").write_text(f"message,intent\n{ROWS}", encoding="utf-8")
        project(home)
        free, reviewed = _prepared(home)
        home.settings_file.write_text(
            f'[people.leo]\nroles = ["launcher", "reviewer", "admin"]\nos = "{os_user()}"\n'
            f"[limits]\nruns_at_once = 10\nruns_a_day = 50\n"
        )
        parts = [
            _section(verb, line, home, place) for verb, line in _lines(home, place, free, reviewed)
        ]
    return "\n".join([START, *parts])


def same(one: str, other: str) -> bool:
    """Whether two pages say the same but for numbers: those may differ in the last digit."""
    return [_shape(line) for line in one.splitlines()] == [
        _shape(line) for line in other.splitlines()
    ]


def _prepared(home: Home) -> tuple[Run, list[str]]:
    """A run that nobody put up for review, and two reviews that wait, both asked for by ana."""
    ledger = Ledger.open(home.ledger_file)
    try:
        actions = Actions(ledger, home, Settings())
        done = _of(ledger.runs(), RunState.SUCCEEDED)
        seen = {review.run_id for review in reviews.reviews(ledger)}
        tuned = [r for r in done if r.spec.method is Method.LORA and r.id not in seen]
        failed = _of(ledger.runs(), RunState.FAILED)[0]
        home.run(failed.id).log_file(1).write_text(f"{failed.id} data reading the rows\n")
        asked = [actions.handle(f"submit {run.id}", ANA, run.id) for run in tuned[:2]]
        return tuned[2], [str(reply.review_id) for reply in asked]
    finally:
        ledger.close()


def _lines(home: Home, place: Path, free: Run, reviewed: Sequence[str]) -> list[tuple[str, str]]:
    """Each verb with a line that uses it."""
    ledger = Ledger.open(home.ledger_file)
    try:
        runs = ledger.runs()
    finally:
        ledger.close()
    done, queued, failed = (
        _of(runs, state) for state in (RunState.SUCCEEDED, RunState.QUEUED, RunState.FAILED)
    )
    lines = {
        "help": "help run",
        "task": f"task new mails file={place / 'tickets.csv'} text=message label=intent",
        "run": "run mails tfidf",
        "plan": "plan mails tfidf",
        "status": f"status {free.id}",
        "runs": "runs task=tickets",
        "top": "top tickets",
        "metrics": f"metrics {free.id}",
        "why": f"why {free.id}",
        "compare": f"compare {free.id} {done[0].id}",
        "logs": f"logs {failed[0].id}",
        "cancel": f"cancel {queued[0].id}",
        "retry": f"retry {failed[0].id}",
        "rerun": f"rerun {free.id} epochs=1 seed=2",
        "watch": f"watch {free.id}",
        "mute": f"mute {free.id}",
        "submit": f"submit {free.id}",
        "withdraw": f"withdraw {free.id} a better run is coming",
        "reject": f"reject {reviewed[0]} recall on refunds is too low",
        "approve": f"approve {reviewed[1]} clearly better than the baselines",
        "waive": f"waive {free.id} seed_variance until=2027-01-31 one seed is all we could pay",
        "mark": f"mark {free.id} 17 blocker a refund that is refused costs us the customer",
    }
    return [(name, lines.get(name, name)) for name in VERBS]


def _section(name: str, line: str, home: Home, place: Path) -> str:
    verb = VERBS[name]
    code, said = _asked(home, line.split())
    lines = _plain(said, str(place)).splitlines()
    more = len(lines) - MOST_LINES
    answer = "\n".join([*lines[:MOST_LINES], *([f"… {more} more lines"] if more > 0 else [])])
    ended = f"\n(exit code {code})" if code else ""
    return (
        f"## {name}\n\nTo {verb.does}: `{verb.usage}`\n\n"
        f"```console\n$ tuneboard {_plain(line, str(place))}\n{answer.rstrip()}{ended}\n```\n"
    )


def _asked(home: Home, words: Sequence[str]) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = cli.main(["--home", str(home.path), *words])
    return code, out.getvalue()


def _plain(text: str, place: str) -> str:
    """Ids, hashes, folders, names of this machine and moments as ones that stay the same."""
    text = text.replace(place, "/data").replace(f"({os_user()})", "(leo)")
    text = re.sub(r"\b([rv])1[0-9a-z]{12}\b", r"\g<1>1m7yr87y2xb0h", text)
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "0123456789ab", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+(Z)?", "2030-01-31T12:00:00", text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _of(runs: Sequence[Run], state: RunState) -> list[Run]:
    return [run for run in runs if run.state is state and run.spec.task.name == "tickets"]


def _shape(line: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[\d.,]+", "#", line))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
