"""What the bot bears: odd texts by the thousand, a storm of refusals, ten thousand runs.

    python -m benchmarks.slack_load [texts] [storm] [size]

A real bot in a process of its own, over real sockets, in a local workspace. Prints what was seen;
ends with an error where something was not answered, posted twice or wrong at the end.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
from sqlalchemy import text

from benchmarks.slack_ack import make_home
from bot.workspace.driver import Workspace, shown, shown_view
from bot.workspace.processes import running_bot, running_workspace
from bot.workspace.seed import Limits, new_seed
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Event, Method, RunSpec, now
from storage.tasks import task

TEXTS, AT_ONCE = 10_000, 8
UPDATES, STORM_S, REFUSALS = 1000, 20.0, 12
RUNS, IDLE_S = 10_000, 30.0
VERBS = ("", "", "help ", "status ", "why ", "compare ", "top ", "task show ", "logs ")
ALPHABETS = (
    "abc xyz=\"'`<>&*_~|!@#{}[]();:,./\\\n\t",
    "run plan status top task method base tickets lora tfidf seed=1 --dry-run help ",
    "äöüß中文字العربيةעברית🙂👩‍👩‍👧\u202e\u200b\u2066\x00\x1b\ufeff",
    "<!channel> <@U0ANA> <https://example.com|x> &lt;b&gt; ",
)


def main() -> None:
    """Run the parts that are named, or all."""
    parts = {"texts": _texts, "storm": _storm, "size": _size}
    for name in sys.argv[1:] or parts:
        parts[name]()


# --- odd texts ------------------------------------------------------------------------------------


def _texts() -> None:
    rng = random.Random(7)
    lines = [_odd(rng) for _ in range(TEXTS)]
    with _bot() as (workspace, home, _):
        ana = workspace.user("ana")
        with ThreadPoolExecutor(AT_ONCE) as people:
            began = time.monotonic()
            sent = list(people.map(lambda line: ana.run(f"/tune {line}"), lines))
        took_s = time.monotonic() - began
        forms = len(workspace.calls("views.open"))  # a text of spaces alone opens the form
        answered = sum(bool(one.answer.get("text")) for one in sent) + forms
        broken = [one.answer for one in sent if "broken on our side" in str(one.answer)]
        log = (home.path / "logs" / "bot.log").read_text()
        print(
            f"{TEXTS:,} odd texts (up to 40,000 characters), {AT_ONCE} at a time, {took_s:.0f} s: "
            f"{sum(one.acknowledged for one in sent):,} acknowledged, "
            f"{answered:,} answered ({forms} by a form), "
            f"{sum(bool(one.problem) for one in sent)} refused by the workspace, "
            f"{len(broken)} broken, {log.count('Traceback')} tracebacks in the log"
        )
        _require(answered == TEXTS and not broken and "Traceback" not in log, str(broken[:1]))


def _odd(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.01:
        return rng.choice(["a", '"', "=", "🙂", "run "]) * rng.randrange(1000, 40_000)
    letters = rng.choice(ALPHABETS) if kind < 0.7 else "".join(ALPHABETS)
    words = "".join(rng.choice(letters) for _ in range(rng.randrange(1, 120)))
    return rng.choice(VERBS) + words


# --- a storm --------------------------------------------------------------------------------------


def _storm() -> None:
    with _bot() as (workspace, home, ledger):
        run = ledger.request_run(_spec(ledger), "storm", "ana", "slack")[0]
        channel = workspace.channel("models")
        channel.wait_for("*queued*", timeout_s=20)
        ledger.claim_next_run("here")
        folder = home.run(run.id)
        folder.create(run.spec)
        folder.attempt(1).mkdir()
        workspace.fail("chat.update", "ratelimited", REFUSALS, retry_after_s=1)
        for seq in range(1, UPDATES + 1):
            event = Event(seq=seq, at=now(), kind="progress", stage="fit", step=seq, steps=UPDATES)
            folder.append_event(1, event)
            time.sleep(STORM_S / UPDATES)
        last = f"step {UPDATES} of {UPDATES}"
        workspace.wait_for(lambda: last in shown(channel.messages()[0]), last, timeout_s=60)
        posts = [c.at for c in workspace.calls("chat.postMessage") if c.status == 200]
        updates = workspace.calls("chat.update")
        nearest = min((b - a for a, b in pairwise(posts)), default=float("inf"))
        cards = [m for m in channel.messages() if run.id in m.text and not m.thread_ts]
        print(
            f"{UPDATES:,} updates of a run in {STORM_S:.0f} s, {REFUSALS} of Slack's answers 429: "
            f"{len(updates)} updates sent ({sum(c.status == 429 for c in updates)} refused), "
            f"{len(posts)} posts at least {nearest:.2f} s apart, {len(cards)} card, which shows "
            f"the last step"
        )
        _require(nearest >= 1.0 and len(cards) == 1, "posts too near, or two cards")


# --- size -----------------------------------------------------------------------------------------


def _size() -> None:
    with _bot(RUNS) as (workspace, _, ledger):
        process = psutil.Process(next(_bots()).pid)
        ana, run = workspace.user("ana"), ledger.runs(limit=1)[0]
        ana.run("/tune help")
        took = []
        for line in ("runs", "runs mine", "queue", "top tickets", f"status {run.id}", "budget"):
            began = time.monotonic()
            _require(ana.run(f"/tune {line}").acknowledged, f"`{line}` was not acknowledged")
            took.append(f"{line.split()[0]} {1000 * (time.monotonic() - began):.0f}")
        began = time.monotonic()
        _require("Hello ana" in shown_view(ana.home()), "the Home tab")
        took.append(f"Home tab {1000 * (time.monotonic() - began):.0f}")
        time.sleep(5)
        before = process.cpu_times()
        time.sleep(IDLE_S)
        after = process.cpu_times()
        idle = (after.user + after.system - before.user - before.system) / IDLE_S
        memory = process.memory_info().rss / 2**20
        print(f"{RUNS:,} runs in the ledger; ms until the answer: {', '.join(took)}")
        print(f"memory {memory:.0f} MiB; idle for {IDLE_S:.0f} s: {100 * idle:.2f} % of a core")
        _require(memory < 150, "over 150 MiB")


def _bots() -> Iterator[psutil.Process]:
    for process in psutil.Process().children(recursive=True):
        if "bot" in process.cmdline() and "--home" in process.cmdline():
            yield process


# --- inside ---------------------------------------------------------------------------------------


@contextmanager
def _bot(runs: int = 0) -> Iterator[tuple[Workspace, Home, Ledger]]:
    """A workspace, and a bot whose ledger holds so many runs that have ended."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_workspace(Path(folder) / "workspace", new_seed(limits=Limits())) as workspace,
    ):
        home = make_home(Path(folder) / "home", workspace)
        ledger = Ledger.open(home.ledger_file)
        _fill(ledger, runs)
        with running_bot(home.path, workspace, ("--no-work",)):
            yield workspace, home, ledger
        ledger.close()


def _fill(ledger: Ledger, runs: int) -> None:
    spec = _spec(ledger)
    for number in range(runs):
        one = spec.model_copy(update={"seed": number})
        ledger.request_run(one, f"k{number}", ("ana", "bo", "cy")[number % 3])
    with ledger.write() as db:
        db.execute(text("update outbox set state = 'sent'"))
        db.execute(text("update runs set state = 'cancelled'"))


def _spec(ledger: Ledger) -> RunSpec:
    item = task(ledger, "tickets")
    return RunSpec(task=item.task, dataset_digest=item.dataset.content_digest, method=Method.TFIDF)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"not as it should be: {what}")


if __name__ == "__main__":
    main()
