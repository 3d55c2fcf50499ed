"""The main job from the first word to the decision, with every part a real process.

A local Slack, the bot, the dispatcher, the shim, the trainer and the projection; people type, click
and read. Quick methods stand for LoRA, which the engine tests train.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomlkit

from bot.slack import blocks
from bot.workspace.driver import Workspace, shown
from bot.workspace.processes import running_bot, running_workspace, slack_settings
from bot.workspace.seed import new_seed
from storage import chain, published, reviews
from storage.home import Home
from storage.ledger import Ledger
from storage.records import ReviewState, RunState

pytestmark = pytest.mark.engine

TASK = """
name = "moods"
primary_metric = "accuracy"
[data]
file = "moods.csv"
"""


@dataclass(frozen=True)
class Place:
    """A running Tuneboard."""

    home: Home
    ledger: Ledger
    workspace: Workspace
    task_file: Path

    def ask(self, name: str, line: str, expect: str) -> str:
        user = self.workspace.user(name)
        before = {message.ts for message in user.sees()}
        assert user.run(f"/tune {line}").acknowledged

        def look() -> str | None:
            fresh = [shown(m) for m in user.sees() if m.ts not in before]
            return next((text for text in fresh if expect in text), None)

        return self.workspace.wait_for(look, f"{expect!r} after {line!r}", 30)

    def run_to_its_end(self, method: str) -> str:
        self.ask("ana", f"run moods {method}", "queued")
        run_id = self.ledger.runs()[0].id
        self.workspace.wait_for(lambda: self.ledger.run(run_id).state.ended, "the run's end", 90)
        assert self.ledger.run(run_id).state is RunState.SUCCEEDED
        return run_id


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    home = Home(tmp_path / "home")
    home.create()
    data = tmp_path / "data"
    data.mkdir()
    _write_rows(data / "moods.csv")
    (data / "moods.toml").write_text(TASK)
    with running_workspace(tmp_path / "slack", new_seed()) as workspace:
        home.settings_file.write_text(_settings(workspace, data))
        ledger = Ledger.open(home.ledger_file)
        try:
            with running_bot(home.path, workspace):
                yield Place(home, ledger, workspace, data / "moods.toml")
        finally:
            ledger.close()


def test_from_the_first_word_to_the_decision(place: Place) -> None:
    place.ask("ana", f"task add {place.task_file}", "version 1 is registered")
    place.ask("ana", "plan moods tfidf", "Nothing was started")
    assert place.ledger.runs() == ()
    baseline = place.run_to_its_end("majority")
    run_id = place.run_to_its_end("tfidf")

    place.workspace.wait_for(
        lambda: published.standing_of(place.home.board, run_id), "the board", 30
    )
    board = place.ask("leo", "top moods", "Board of")
    assert board.index(run_id) < board.index(baseline)

    place.ask("ana", f"submit {run_id}", "is open")
    review = reviews.reviews(place.ledger, run_id)[0]
    channel = place.workspace.channel("models")
    card = channel.wait_for(review.id, 20)
    place.workspace.user("ana").click(card, blocks.APPROVE, reason="mine")
    place.workspace.user("ana").wait_to_see("own run", timeout_s=20)
    for _ in range(3):
        place.workspace.user("reva").click(card, blocks.APPROVE, reason="better", version=0)
    place.workspace.wait_for(
        lambda: "approved" in shown(channel.again(card)), "the card to say approved", 20
    )
    assert reviews.get(place.ledger, review.id).state is ReviewState.APPROVED
    assert [d.person for d in reviews.decisions(place.ledger)] == ["reva"]
    assert chain.verify(place.ledger).problem == ""
    shown_as = place.workspace.wait_for(
        lambda: (
            (row := published.standing_of(place.home.board, run_id))
            and row.status == "approved"
            and row.status
        ),
        "the board to say approved",
        30,
    )
    assert shown_as == "approved"


def test_bad_words_in_chat_are_answered_and_change_nothing(place: Place) -> None:
    place.ask("ana", "rnu moods tfidf", "Did you mean")
    place.ask("ana", "task add /etc/passwd", "outside the data roots")
    place.ask("ana", "run moods tfidf", "There is no task 'moods'")
    place.ask("reva", "run moods tfidf", "role")
    (place.task_file.with_name("moods.csv")).write_text('text,label\na,b\n"open,b\n')
    place.ask("ana", f"task add {place.task_file}", "quotes are opened and never closed")
    assert place.ledger.runs() == ()
    assert place.ledger.version() == 0


def _write_rows(target: Path) -> None:
    rng = random.Random(5)
    good, bad = ("lovely", "great", "sunny", "kind"), ("awful", "grim", "rainy", "rude")
    with target.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        for number in range(1_200):
            words, label = (good, "good") if number % 2 else (bad, "bad")
            writer.writerow((f"a {rng.choice(words)} day number {number}", label))


def _settings(workspace: Workspace, data: Path) -> str:
    ids = {user.name: user.id for user in workspace.seed.users}
    roles = {"ana": ["launcher", "reviewer"], "leo": ["launcher"], "reva": ["reviewer"]}
    people = {name: {"roles": given, "slack": ids[name]} for name, given in roles.items()}
    found = {
        "people": people,
        "data": {"roots": [str(data)]},
        "slack": dict(slack_settings(workspace)),
    }
    return tomlkit.dumps(found)
