"""The story while the bot is killed: ten times kill -9 at random moments, and all comes right.

    python -m benchmarks.slack_kills [SEED]

Three people launch real runs, submit, decide and cancel in a local workspace. Whatever fails for
them, because nobody answers, they look and try again, as people do. Ends with an error where a
message stands twice, shows an old state, or what was acknowledged did not happen.
"""

import functools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bot.workspace.driver import DriverError, User, Workspace, shown
from bot.workspace.processes import running_bot, running_workspace, slack_settings
from bot.workspace.seed import Limits, new_seed
from bot.workspace.state import Delivery, Message
from storage import chain, published, reviews
from storage.home import Home
from storage.ledger import Ledger
from storage.records import ReviewState, Run

KILLS, PATIENCE_S = 10, 240.0
WORDS = (("please refund my order", "refund"), ("where is my parcel", "parcel"))
TASK = """
name = "tickets"
[data]
file = "tickets.csv"
[policy]
minimum_test_rows = 10
[[policy.check]]
id = "underfit"
severity = "show"
on_not_run = "allow"
"""


class Killer(threading.Thread):
    """Runs the bot, kills it at random moments, and starts it again each time."""

    def __init__(self, home: Home, workspace: Workspace, rng: random.Random) -> None:
        super().__init__(daemon=True)
        self._home, self._workspace, self._rng = home, workspace, rng
        self.kills = 0
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            with running_bot(self._home.path, self._workspace) as process:
                if self.kills < KILLS:
                    self.enough.wait(self._rng.uniform(0.2, 5.0))
                    self._kill(process)
                else:
                    self.enough.wait()

    def _kill(self, process: "subprocess.Popen[str]") -> None:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.kills += 1


def main() -> None:
    """Play, and say what was found."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else int(time.time())
    rng, began = random.Random(seed), time.monotonic()
    limits = Limits(retry_delays_s=(0.2, 1.0, 3.0))
    with (
        tempfile.TemporaryDirectory() as folder,
        running_workspace(Path(folder) / "workspace", new_seed(limits=limits)) as workspace,
    ):
        home = _home(Path(folder), workspace)
        killer = Killer(home, workspace, rng)
        killer.start()
        story = Story(workspace, home)
        try:
            story.play()
            story.wait(lambda: killer.kills == KILLS, f"{KILLS} kills")
            story.converge()
        finally:
            killer.enough.set()
            killer.join(timeout=30)
    print(
        f"seed {seed}: {killer.kills} kills in {time.monotonic() - began:.0f} s; {story.failed} of "
        f"{story.asked} requests were not answered and asked again; {story.summary}"
    )


class Story:
    """What people do, and what must hold in the end."""

    def __init__(self, workspace: Workspace, home: Home) -> None:
        self._workspace = workspace
        self._home = home
        self._ledger = Ledger.open(home.ledger_file)
        self._channel = workspace.channel("models")
        self.asked = self.failed = 0
        self.summary = ""

    def play(self) -> None:
        ana, leo, reva = (self._workspace.user(name) for name in ("ana", "leo", "reva"))
        for number, who in enumerate((ana, leo, ana, leo, ana)):
            method = ("majority", "tfidf")[number % 2]
            self._launch(who, f"run tickets {method} seed={number + 1}", number + 1)
        self._launch(leo, "run tickets tfidf seed=99", 99)
        cancelled = self._of_seed(99)
        self._until(
            lambda: leo.run(f"/tune cancel {cancelled.id}"),
            lambda: (
                self._ledger.run(cancelled.id).cancel_requested
                or self._ledger.run(cancelled.id).state.ended
            ),
        )
        for seed, action in ((2, "approve"), (4, "reject")):
            run = self._of_seed(seed)
            on_board = functools.partial(published.standing_of, self._home.board, run.id)
            self.wait(on_board, "the run on the board")
            owner = {"U0ANA": ana, "U0LEO": leo}[self._owner(run)]
            self._until(
                lambda run=run, owner=owner: owner.run(f"/tune submit {run.id}"),
                lambda run=run: reviews.reviews(self._ledger, run.id),
            )
            review = reviews.reviews(self._ledger, run.id)[0]
            self.wait(lambda review=review: self._card(review.id), "the review's card")
            self._until(
                lambda review=review, action=action: reva.click(
                    self._require_card(review.id), action, reason="as the evidence says"
                ),
                lambda review=review: (
                    reviews.get(self._ledger, review.id).state is not ReviewState.IN_REVIEW
                ),
            )

    def converge(self) -> None:
        """Everything has ended, and every message shows it, once."""
        self.wait(lambda: all(run.state.ended for run in self._ledger.runs()), "every run's end")
        runs, found = self._ledger.runs(), reviews.reviews(self._ledger)
        for run in runs:
            words = f"is *{run.state.value}*"
            self.wait(lambda run=run, words=words: self._shows(run.id, words), f"{run.id} {words}")
        for review in found:
            words = f"is *{review.state.value}*"
            self.wait(lambda r=review, words=words: self._shows(r.id, words), f"{review.id}")
        time.sleep(5)
        seen = self._channel.messages()
        cards = Counter(one.metadata["event_payload"]["key"] for one in seen if one.metadata)
        twice = [key for key, count in cards.items() if count > 1]
        replies = Counter((one.thread_ts, shown(one)) for one in seen if one.thread_ts)
        doubled = [text for (_, text), count in replies.items() if count > 1]
        missing = [run.id for run in runs if run.id not in cards]
        decided = reviews.decisions(self._ledger)
        walked = chain.verify(self._ledger)
        _require(not twice and not doubled, f"said twice: {twice} {doubled}")
        _require(not missing, f"no card: {missing}")
        _require(len(decided) == 2 and not walked.problem, f"{decided} {walked.problem}")
        seeds = Counter(run.spec.seed for run in runs)
        _require(max(seeds.values()) == 1, f"asked for twice: {seeds}")
        ends = Counter(run.state.value for run in runs)
        listed = ", ".join(f"{count} {state}" for state, count in ends.items())
        self.summary = (
            f"{len(runs)} runs ({listed}), {len(found)} reviews, {len(decided)} decisions, "
            f"{len(cards)} messages, none twice"
        )

    def wait(self, holds: Callable[[], object], what: str) -> None:
        self._workspace.wait_for(lambda: holds() or None, what, PATIENCE_S)

    def _launch(self, who: User, line: str, seed: int) -> None:
        self._until(
            lambda: who.run(f"/tune {line}"),
            lambda: [run for run in self._ledger.runs() if run.spec.seed == seed],
        )

    def _until(self, act: Callable[[], Delivery], holds: Callable[[], object]) -> None:
        """Act; where nobody answered, look whether it was done all the same, and act again."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            self.asked += 1
            delivery = act()
            if delivery.acknowledged and not delivery.problem:
                _require(bool(holds()), f"it was acknowledged and not done: {delivery.payload}")
                return
            self.failed += 1
            time.sleep(1.0)
            if holds():
                return
        raise DriverError("nobody answered")

    def _of_seed(self, seed: int) -> Run:
        return next(run for run in self._ledger.runs() if run.spec.seed == seed)

    def _owner(self, run: Run) -> str:
        return f"U0{run.requested_by.upper()}"

    def _card(self, subject: str) -> Message | None:
        """The newest message of ours that is about something."""
        found = [
            m
            for m in self._channel.messages()
            if m.metadata and m.metadata["event_payload"]["key"] == subject
        ]
        return found[-1] if found else None

    def _require_card(self, subject: str) -> Message:
        card = self._card(subject)
        _require(card is not None, f"no card of {subject}")
        assert card is not None
        return card

    def _shows(self, subject: str, words: str) -> bool:
        card = self._card(subject)
        return card is not None and words in shown(card)


def _home(folder: Path, workspace: Workspace) -> Home:
    """A home with a task, two launchers and a reviewer."""
    home = Home(folder / "home")
    home.create()
    rows = [f"{WORDS[n % 2][0]} no. {n},{WORDS[n % 2][1]}" for n in range(400)]
    (folder / "tickets.csv").write_text("\n".join(["text,label", *rows]))
    (folder / "tickets.toml").write_text(TASK)
    slack = "".join(f'{key} = "{value}"\n' for key, value in slack_settings(workspace).items())
    me = 'os = "' + os.environ.get("USER", "root") + '"\n'
    people = "".join(
        f'[people.{name}]\nroles = ["{role}"]\nslack = "U0{name.upper()}"\n'
        for name, role in (("ana", "launcher"), ("leo", "launcher"), ("reva", "reviewer"))
    )
    home.settings_file.write_text(
        f'{people}[people.me]\nroles = ["launcher"]\n{me}[hosts]\nslots = 2\n[slack]\n{slack}'
    )
    words = [sys.executable, "-m", "bot.cli", "--home", str(home.path), "task", "add"]
    subprocess.run([*words, str(folder / "tickets.toml")], check=True, stdout=subprocess.DEVNULL)
    return home


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"not as it should be: {what}")


if __name__ == "__main__":
    main()
