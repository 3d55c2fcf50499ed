"""The workspace's page in a real browser: the story of a run driven by hand, at two widths."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage import reviews
from storage.records import ReviewState, Run

from .conftest import Bot

WAIT_MS = 15_000


@pytest.fixture
def page(browser: Any, bot: Bot, request: pytest.FixtureRequest) -> Iterator[Any]:
    width = getattr(request, "param", 1440)
    context = browser.new_context(viewport={"width": width, "height": 900})
    opened = context.new_page()
    opened.problems = []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.goto(bot.workspace.page)
    opened.get_by_role("button", name="# models").wait_for(timeout=WAIT_MS)
    yield opened
    assert opened.problems == []
    context.close()


def become(page: Any, name: str) -> None:
    page.get_by_label("You are").select_option(label=name)


def write(page: Any, line: str) -> None:
    page.get_by_label("Message").fill(line)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("page", [1440, 390], indirect=True, ids=["desktop", "phone"])
def test_a_run_is_launched_from_the_form_and_seen(page: Any, bot: Bot) -> None:
    write(page, "/tune")
    dialog = page.get_by_role("dialog")
    dialog.wait_for(timeout=WAIT_MS)
    dialog.get_by_label("Method").select_option("lora")
    dialog.get_by_label("Epochs").fill("2")
    dialog.get_by_role("button", name="Start").click()
    dialog.get_by_text("starts from a base model").wait_for(timeout=WAIT_MS)
    assert dialog.get_by_label("Epochs").input_value() == "2"
    dialog.get_by_label("Base model").select_option("minilm")
    dialog.get_by_role("button", name="Start").click()
    page.get_by_text("only visible to you").first.wait_for(timeout=WAIT_MS)
    (run,) = bot.actions.ledger.runs()
    assert run.spec.training.epochs == 2
    card = page.locator("article", has_text="Place 1 in the queue")
    card.wait_for(timeout=WAIT_MS)
    page.on("dialog", lambda sure: sure.accept())
    card.get_by_role("button", name="Cancel").click()
    page.locator("article", has_text="is cancelled").first.wait_for(timeout=WAIT_MS)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_reviewer_decides_with_a_reason_and_the_owner_cannot(
    page: Any, bot: Bot, finish: Callable[[str], Run]
) -> None:
    page.on("dialog", lambda sure: sure.accept())
    ana = bot.actions.directory.caller("U1", "C0MODELS")
    run_id = str(bot.actions.handle("run tickets tfidf", ana, "e1").run_id)
    finish(run_id)
    write(page, f"/tune submit {run_id}")
    card = page.locator("article", has_text="Head of the decision chain")
    card.wait_for(timeout=WAIT_MS)
    card.get_by_label("Reason").fill("it is mine")
    card.get_by_role("button", name="Approve").click()
    page.get_by_text("own run").first.wait_for(timeout=WAIT_MS)
    become(page, "reva")
    card.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("better than the baseline")
    dialog.get_by_role("button", name="Approve").click()
    page.locator("article", has_text="reva approved").first.wait_for(timeout=WAIT_MS)
    assert reviews.reviews(bot.actions.ledger)[0].state is ReviewState.APPROVED


def test_the_home_tab_and_a_thread_are_reached_by_keyboard(
    page: Any, bot: Bot, finish: Callable[[str], Run]
) -> None:
    ana = bot.actions.directory.caller("U1", "C0MODELS")
    finish(str(bot.actions.handle("run tickets tfidf", ana, "e1").run_id))
    replies = page.get_by_role("button", name="repl").first
    replies.wait_for(timeout=WAIT_MS)
    replies.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Thread", exact=True).get_by_text("Finished.").wait_for(timeout=WAIT_MS)
    page.get_by_role("button", name="Close the thread").click()
    home = page.get_by_role("button", name="Tuneboard: Home")
    home.focus()
    page.keyboard.press("Enter")
    page.get_by_text("of 7 steps done").wait_for(timeout=WAIT_MS)


def test_what_people_write_is_text_and_the_page_needs_its_token(
    page: Any, bot: Bot, browser: Any
) -> None:
    write(page, "hello <img src=x onerror=alert(1)> <b>bold</b>")
    page.get_by_text("<img src=x onerror=alert(1)>").wait_for(timeout=WAIT_MS)
    assert page.locator("#messages img").count() == 0
    stranger = browser.new_page()
    stranger.goto(bot.workspace.address)
    stranger.get_by_text("cannot be shown").wait_for(timeout=WAIT_MS)
    stranger.close()
