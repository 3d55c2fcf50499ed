"""Links to our pages that people share get a few lines on what is behind them."""

from collections.abc import Callable

import pytest

from bot.access import Caller
from bot.actions import Actions
from bot.slack.unfurls import unfurls_of
from bot.workspace.driver import Message, shown
from storage import reviews
from storage.records import Run

from .conftest import Bot

BOARD = "http://localhost:8501"


@pytest.fixture
def finished(bot: Bot, caller: Callable[[str], Caller], finish: Callable[[str], Run]) -> Run:
    asked = bot.actions.handle("run task=tickets method=tfidf", caller("U1"), "k")
    return finish(str(asked.run_id))


def _told(bot: Bot, message: Message) -> str:
    def look() -> str | None:
        now = bot.workspace.channel("models").again(message)
        return shown(now) if now.unfurls else None

    return bot.workspace.wait_for(look, "an unfurl")


def test_a_run_a_board_and_a_review_are_told_of(bot: Bot, finished: Run) -> None:
    leo = bot.workspace.user("leo")
    bot.workspace.user("ana").run(f"/tune submit {finished.id}", "models")
    bot.workspace.channel("models").wait_for("is *in review*")
    review = reviews.reviews(bot.actions.ledger, finished.id)[0]
    run = _told(bot, leo.share(f"look: {BOARD}/run?run_id={finished.id}", "models"))
    assert f"Run `{finished.id}` of ana is *succeeded*" in run
    board = _told(bot, leo.share(f"and {BOARD}/?task=tickets please", "models"))
    assert f"`{finished.id}` tfidf" in board
    told = _told(bot, leo.share(f"{BOARD}/review?review_id={review.id}", "models"))
    assert f"*Review `{review.id}` is in review*: submitted by ana" in told


def test_a_stranger_and_a_quiet_place_are_told_nothing(bot: Bot, finished: Run) -> None:
    url = f"{BOARD}/run?run_id={finished.id}"
    strange = bot.workspace.user("stranger").share(f"what is {url}", "models")
    known = bot.workspace.user("leo").share(f"this is {url}", "models")
    _told(bot, known)
    assert not bot.workspace.channel("models").again(strange).unfurls
    assert len(bot.workspace.calls("chat.unfurl")) == 1


def test_a_link_delivered_again_is_told_of_once(bot: Bot, finished: Run) -> None:
    message = bot.workspace.user("leo").share(f"{BOARD}/run?run_id={finished.id}", "models")
    _told(bot, message)
    last = [d for d in bot.workspace.deliveries() if d.kind == "events_api"][-1]
    bot.workspace.deliver_again(last)
    assert len(bot.workspace.calls("chat.unfurl")) == 1


@pytest.mark.parametrize(
    "url",
    [
        f"{BOARD}/run?run_id=r0000000000000",
        f"{BOARD}/run?run_id=../../etc/passwd",
        f"{BOARD}/run",
        f"{BOARD}/board?task=unknown",
        f"{BOARD}/review?review_id=v1",
        f"{BOARD}/about",
        "http://localhost:8502/?task=tickets",
        "https://example.com/?task=tickets",
        "http://[broken",
    ],
)
def test_other_links_stay_as_they_are(actions: Actions, url: str) -> None:
    assert unfurls_of(actions, [url]) == {}
