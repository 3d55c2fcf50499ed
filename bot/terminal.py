"""What can be asked in a terminal only: to work on the queue, to wait, to verify, to rebuild."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version

from bot import answers, exchange, phrases, policies
from bot.actions import Actions
from bot.commands import VERBS as CHAT_VERBS
from bot.commands import Verb
from bot.hosts import locks
from bot.hosts.projection_child import ask_child, publish_now
from bot.hosts.work import Worker
from bot.paths import path_of
from bot.replies import Reply, table
from storage import chain, published
from storage.errors import BadInput
from storage.home import Home
from storage.records import RunState
from storage.tasks import read_policy_file

POLL_S = 0.2
TELL_EVERY_S = 5.0
BOARD_PATIENCE_S = 60.0
"""How long a waiting terminal gives the board to show a run that has ended."""


@dataclass(frozen=True, slots=True)
class LocalVerb:
    """A verb of the terminal. The demo has no `run`: it makes a home of its own (`demo`).

    `run` is given the words after the verb; `words` says how many of them may be there.
    """

    usage: str
    does: str
    run: Callable[[Actions, Sequence[str]], Reply] | None = None
    words: range = range(1)


def version() -> str:
    return f"tuneboard {installed_version('tuneboard')}"


def help_all() -> Reply:
    """Every word of the terminal."""
    shared = [(verb.usage, verb.does) for verb in CHAT_VERBS.values()]
    local = [(verb.usage, verb.does) for verb in VERBS.values()]
    return Reply(
        "Write `tuneboard [--home DIR] …`. `tuneboard help VERB` shows an example. "
        "Every verb takes --json.",
        table=table(("write", "to"), shared + local),
        data={"verbs": {**{v.name: v.usage for v in CHAT_VERBS.values()}}},
    )


def help_verb(verb: Verb) -> Reply:
    return answers.help_verb(verb)


def wait_for_runs(actions: Actions, run_ids: Sequence[str], *, quiet: bool) -> Reply:
    """Return when runs have ended and the board shows them; work on the queue if nobody does.

    Returns:
        The run; of several, a line for each.
    """
    with Worker(actions.ledger, actions.home, actions.settings):
        for run_id in run_ids:
            _wait_for_run(actions, run_id, None if quiet else _Teller(actions, run_id))
    if len(run_ids) == 1:
        return actions.run_reply(run_ids[0])
    found = [actions.ledger.run(run_id) for run_id in run_ids]
    reply = answers.runs(found, actions.home, actions.ledger)
    failed = any(run.state is not RunState.SUCCEEDED for run in found)
    return replace(reply, text="All have ended.", exit_code=1 if failed else 0)


def _wait_for_run(actions: Actions, run_id: str, teller: "_Teller | None") -> None:
    while not (run := actions.ledger.run(run_id)).state.ended:
        if teller:
            teller.tell()
        time.sleep(POLL_S)
    if run.state is RunState.SUCCEEDED:
        _wait_for_board(actions, run_id)


def _wait_for_board(actions: Actions, run_id: str) -> None:
    until = time.monotonic() + BOARD_PATIENCE_S
    while time.monotonic() < until:
        if published.standing_of(actions.home.board, run_id):
            return
        time.sleep(POLL_S)


class _Teller:
    """Tells a waiting person on stderr how a run gets on: each stage, and steps now and then."""

    def __init__(self, actions: Actions, run_id: str) -> None:
        self._actions = actions
        self._run_id = run_id
        self._stage = ""
        self._told_at = 0.0

    def tell(self) -> None:
        run = self._actions.ledger.run(self._run_id)
        event = phrases.newest_event(run, self._actions.home.run(self._run_id))
        stage = event.stage if event else run.state.value
        due = time.monotonic() - self._told_at > TELL_EVERY_S
        if stage == self._stage and not (due and event and event.step):
            return
        self._stage, self._told_at = stage, time.monotonic()
        line = phrases.progress_line(event) if event else stage
        sys.stderr.write(f"{self._run_id}: {line}\n")


def _work(actions: Actions, words: Sequence[str]) -> Reply:
    """Work on the queue until a signal."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Worker(actions.ledger, actions.home, actions.settings):
        sys.stderr.write(
            f"Working on the queue of {actions.home.path}. Ctrl-C ends it; runs go on.\n"
        )
        stop.wait()
    return Reply("Stopped working. Runs that were started go on.", data={"stopped": True})


def _sweep(actions: Actions, words: Sequence[str]) -> Reply:
    from bot.sweeps import sweep  # only here: it brings Optuna with it

    return sweep(actions, words)


def _doctor(actions: Actions, words: Sequence[str]) -> Reply:
    from bot.doctor import doctor  # only here: it brings Slack's client with it

    return doctor(actions, words)


def _verify(actions: Actions, words: Sequence[str]) -> Reply:
    """Walk along the chain of decisions."""
    found = chain.verify(actions.ledger)
    data = {"decisions": found.length, "head": found.head, "problem": found.problem}
    if found.problem:
        text = f"The decisions are NOT as they were written: {found.problem}."
        return Reply(text, data=data, exit_code=1)
    return Reply(
        f"{found.length} decisions, unbroken. Head `{found.head[:12]}`; compare it with the one in "
        "the newest approval message.",
        data=data,
    )


def _rebuild(actions: Actions, words: Sequence[str]) -> Reply:
    """Make the board anew from the ledger and the run folders."""
    publish_now(actions.home, rebuild=True)
    summary = published.read_summary(actions.home.board)
    boards = {name: len(rows) for name, rows in (summary.standings if summary else {}).items()}
    listed = ", ".join(f"{name} ({count} runs)" for name, count in boards.items()) or "no runs"
    return Reply(f"The board was rebuilt: {listed}.", data={"boards": boards})


def with_queue_hint(reply: Reply, home: Home) -> Reply:
    """A reply to a launch, with what to do where nobody works on the queue."""
    if locks.is_held(home.locks / "dispatcher.lock"):
        return reply
    hint = "Nobody works on the queue now: start the bot or `tuneboard work`, or use --wait."
    return replace(reply, text=f"{reply.text}\n{hint}")


def health(home: Home) -> Reply:
    """Whether somebody works on the queue of a home, told by the lock they hold."""
    if locks.is_held(home.locks / "dispatcher.lock"):
        return Reply("The queue is worked on.", data={"healthy": True})
    return Reply("Nobody works on the queue.", data={"healthy": False}, exit_code=1)


def demo(home: Home, *, leave: bool, as_json: bool) -> Reply:
    """Play the story of the demo; it brings people, settings and data of its own."""
    from bot.demo.story import play  # only here: it brings the local Slack with it

    return play(home, sys.stderr if as_json else sys.stdout, leave=leave)


def _recompute(actions: Actions, words: Sequence[str]) -> Reply:
    """Compute everything again from the stored predictions and say how far it is off."""
    found = ask_child(actions.home, "bot.hosts.recompute", *(["--task", words[0]] if words else []))
    rows = [
        (row["kind"], f"{row['numbers']:,}", f"{row['largest_difference']:.3g}", row["where"])
        for row in found["kinds"]
    ]
    unreadable = [f"Cannot be read: {line}" for line in found["unreadable"]]
    verdict = "All numbers are the same" if found["agrees"] else "The numbers are NOT the same"
    text = "\n".join([f"{verdict}, computed again from the stored predictions.", *unreadable])
    columns = ("kind", "numbers", "largest difference", "where")
    return Reply(
        text, table=table(columns, rows), data=found, exit_code=0 if found["agrees"] else 1
    )


def _policy(actions: Actions, words: Sequence[str]) -> Reply:
    """Explain a policy rule by rule."""
    if words[0] != "check":
        raise BadInput(f"Write {VERBS['policy'].usage}.")
    return policies.explained(read_policy_file(path_of(words[1])), words[1])


VERBS = {
    "work": LocalVerb("work", "work on the queue where no bot runs", _work),
    "doctor": LocalVerb(
        "doctor", "see what is set up and what is not, and how to mend it", _doctor
    ),
    "verify": LocalVerb("verify", "prove that no decision was altered", _verify),
    "rebuild": LocalVerb("rebuild", "make the board anew from ledger and run folders", _rebuild),
    "import-predictions": LocalVerb(
        "import-predictions task=NAME name=LABEL FILE",
        "put an outside model's predictions on the board",
        exchange.import_predictions,
        words=range(1, 9),
    ),
    "export": LocalVerb(
        "export TASK FILE", "write a board as CSV or Parquet", exchange.export, words=range(2, 3)
    ),
    "predictions": LocalVerb(
        "predictions RUN FILE",
        "write a run's answers as JSON lines or Parquet",
        exchange.predictions,
        words=range(2, 3),
    ),
    "card": LocalVerb(
        "card RUN FILE", "write a Hugging Face model card", exchange.card, words=range(2, 3)
    ),
    "sweep": LocalVerb(
        "sweep task=NAME method=lora base=BASE [trials=6] [minutes=60] [key=value …]",
        "try learning rates and ranks, each trial a run, chosen on validation",
        _sweep,
        words=range(1, 30),
    ),
    "merge": LocalVerb(
        "merge RUN FOLDER [gguf] [push=ORG/NAME]",
        "write adapter and base as one model, proven equal",
        exchange.merge,
        words=range(2, 5),
    ),
    "serve": LocalVerb(
        "serve RUN [port=8899] [idle=10]",
        "answer on this machine with a finished run, to try it",
        exchange.serve,
        words=range(1, 4),
    ),
    "policy": LocalVerb(
        "policy check FILE",
        "explain a policy, rule by rule, and its mistakes",
        _policy,
        range(2, 3),
    ),
    "recompute": LocalVerb(
        "recompute [TASK]",
        "compute every number again from the stored predictions and compare",
        _recompute,
        words=range(2),
    ),
    "demo": LocalVerb("demo [--exit]", "play the whole story in a local Slack"),
}
