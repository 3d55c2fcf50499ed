"""Plots and mistakes in a run's thread, and what a review's card says of the run in production."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import golden
import pytest
from sqlalchemy import text

from bot.hosts.projection import project
from bot.settings import SlackSettings
from bot.slack import drawn
from bot.workspace.driver import Workspace, shown
from bot.workspace.processes import running_workspace
from bot.workspace.seed import Limits, new_seed
from bot.workspace.state import Message
from storage import reviews
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Method, Policy, PolicyRule

from .conftest import CHANNELS, SCOPES, USERS, connected_bot

Made = Callable[..., str]


@pytest.fixture
def finished(ledger: Ledger, home: Home) -> Made:
    """A run of a task of its own that succeeded with evidence; returns its id."""
    policy = Policy(check=(PolicyRule(id="underfit", severity="show", on_not_run="allow"),))
    made = golden.make_task("mails", test_rows=240, sensitive=(), policy=policy)
    task = golden.add_golden_task(ledger, made)

    def make(method: Method = Method.LORA, accuracy: float = 0.85) -> str:
        spec = golden.make_spec(task, method)
        key = f"{method}{accuracy}"
        return golden.finish_run(ledger, home, task, spec, key=key, accuracy=accuracy).id

    return make


def _in_thread(workspace: Workspace, run_id: str, words: str) -> Message:
    """The reply with these words in the thread of a run's card."""
    channel = workspace.channel("models")
    card = channel.wait_for(run_id, timeout_s=20)

    def look() -> Message | None:
        return next((m for m in channel.thread(card) if words in shown(m)), None)

    return workspace.wait_for(look, f"{words!r} in the thread", timeout_s=30)


@pytest.mark.parametrize("lost", ["", "files.completeUploadExternal"])
def test_plots_and_mistakes_come_into_the_thread_once(
    bot: Any, ledger: Ledger, finished: Made, lost: str
) -> None:
    workspace: Workspace = bot.workspace
    if lost:
        workspace.fail(lost, "lost_reply")
    run_id = finished()
    told = _in_thread(workspace, run_id, "Surest mistakes on test:")
    assert [file["name"] for file in told.files] == [
        f"{run_id}-loss.png",
        f"{run_id}-confusion.png",
    ]
    assert "test rows are right" in told.files[1]["alt_txt"]
    assert told.text.count("• true *") == 3
    key = f"pictures:{run_id}"
    workspace.wait_for(lambda: not _pending(ledger, key), "the row to be done", timeout_s=15)
    channel = workspace.channel("models")
    assert sum(bool(m.files) for m in channel.messages()) == 1


def test_without_the_scope_the_words_come_alone(
    tmp_path_factory: pytest.TempPathFactory,
    actions: Any,
    ledger: Ledger,
    finished: Made,
) -> None:
    scopes = tuple(scope for scope in SCOPES if scope != "files:write")
    seed = new_seed(USERS, CHANNELS, scopes, Limits())
    with running_workspace(tmp_path_factory.mktemp("w"), seed) as workspace:
        slack = SlackSettings(team=seed.team_id, channel="C0MODELS", api_url=workspace.api_url)
        changed = actions.settings.model_copy(update={"slack": slack})
        with connected_bot(workspace, replace(actions, settings=changed)):
            told = _in_thread(workspace, finished(), "The plots cannot be shown")
            assert "missing_scope" in shown(told)
            assert "Surest mistakes on test:" in shown(told)


def test_a_review_is_held_against_what_is_in_production(
    bot: Any, home: Home, ledger: Ledger, finished: Made
) -> None:
    old, new = finished(Method.TFIDF, 0.7), finished(Method.LORA, 0.92)
    project(home)
    channel, ana, reva = (
        bot.workspace.channel("models"),
        bot.workspace.user("ana"),
        bot.workspace.user("reva"),
    )
    ana.run(f"/tune submit {old}")
    assert "Nothing of this task is in production yet." in shown(channel.wait_for("is *in review*"))
    reva.run(f"/tune approve {reviews.reviews(ledger)[0].id} good enough")
    channel.wait_for("is *approved*", timeout_s=20)
    ana.run(f"/tune submit {new}")
    channel.wait_for("is *in review*", timeout_s=20)
    card = shown(channel.wait_for("Against it on the same 240 test rows", timeout_s=30))
    assert f"In production: {old}" in card.replace("`", "")
    assert "macro_f1" in card
    assert "better." in card
    assert "method lora / tfidf" in card
    assert "Surest mistakes on test:" in card
    assert "Was fine-tuning worth it?" in card


def _pending(ledger: Ledger, key: str) -> bool:
    with ledger.read() as db:
        query = text("select 1 from outbox where dedupe_key = :key and state = 'pending'")
        return db.execute(query, {"key": key}).first() is not None


def test_what_is_not_whole_counts_as_not_drawn(home: Home) -> None:
    place = home.pictures("r1k2m3n4p5")
    place.mkdir(parents=True)
    (place / "told.json").write_text('{"files": [')
    assert drawn.drawn(home, "r1k2m3n4p5") is None
