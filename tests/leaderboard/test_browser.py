"""The real server in a real Chromium: pages load, fit on a phone, and show the board's numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import golden
import pytest
from leaderboard_served import WAIT_MS, serving

from bot.hosts.projection import project
from leaderboard import words
from leaderboard.app import PAGES
from storage import board_reader as reader
from storage.board_rows import BoardRow
from storage.home import Home
from storage.ledger import Ledger
from storage.records import AttemptState, RunState

pytestmark = pytest.mark.browser
PICTURES = Path("build") / "pictures"
"""What every page looked like, kept with a build: as it is wide and light, narrow and dark."""


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    with serving(home) as found:
        yield found


@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (390, "dark")], ids=["desktop", "phone"]
)
def test_the_top_row_is_seen_and_leads_to_its_run(
    browser: Any, address: str, rows: list[BoardRow], width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}/?task=tickets")
    top = page.locator(".tb-board tbody tr").first
    top.wait_for(timeout=WAIT_MS)
    assert words.number(rows[0].value) in top.inner_text()
    assert words.place(rows[0].place_low, rows[0].place_high) in top.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    top.locator("a").click()
    page.locator(".tb-figures").first.wait_for(timeout=WAIT_MS)
    assert rows[0].run_id in page.inner_text(".tb-lead")
    assert f"run_id={rows[0].run_id}" in page.url
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()


def test_a_run_that_ends_is_shown_without_loading_the_page_again(
    browser: Any, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    home.create()
    ledger = Ledger.open(home.ledger_file)
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=240))
    run = golden.start_run(ledger, home, golden.make_spec(task), key="live")
    project(home)
    with serving(home) as found:
        page = browser.new_page()
        page.goto(f"{found}/run?run_id={run.id}")
        page.get_by_text("step 60 of 180").wait_for(timeout=WAIT_MS)
        golden.make_run_folder(home, run, golden=task, accuracy=0.9)
        state = RunState.SUCCEEDED
        ledger.end_attempt(run.id, 1, AttemptState.SUCCEEDED, "laptop", run_state=state)
        project(home)
        page.get_by_role("heading", name="Policy").wait_for(timeout=WAIT_MS)
        page.close()
    ledger.close()


def test_a_deep_link_opens_its_task_and_methods(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/?task=pilot")
    page.get_by_role("heading", name="pilot").wait_for(timeout=WAIT_MS)
    page.goto(f"{address}/?task=tickets&methods=tfidf")
    page.locator(".tb-board").wait_for(timeout=WAIT_MS)
    assert page.locator(".tb-board tbody tr").count() == 1
    page.goto(f"{address}/?task=nope&methods=alchemy&page=x")
    page.get_by_role("heading", name="tickets").wait_for(timeout=WAIT_MS)
    page.close()


def test_choosing_a_task_is_written_into_the_address(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/board")
    page.get_by_role("combobox").click(timeout=WAIT_MS)
    page.get_by_role("option", name="pilot").click()
    page.get_by_role("heading", name="pilot").wait_for(timeout=WAIT_MS)
    assert "task=pilot" in page.url
    page.close()


def test_a_deep_link_opens_a_review(browser: Any, address: str, snapshot: Path) -> None:
    review = reader.reviews(snapshot)[0]
    page = browser.new_page()
    page.goto(f"{address}/review?review_id={review.id}")
    page.get_by_text("REASON").first.wait_for(timeout=WAIT_MS)
    assert review.evidence_digest in page.inner_text(".tb-facts")
    page.close()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_has_no_serious_fault_for_who_cannot_see_it(
    browser: Any, address: str, rows: list[BoardRow], snapshot: Path, name: str
) -> None:
    asked = {
        "run": f"?run_id={rows[0].run_id}",
        "review": f"?review_id={reader.reviews(snapshot)[0].id}",
    }
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not there")
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if _is_fault(said) else None)
    page.goto(f"{address}/{'' if name == 'overview' else name}{asked.get(name, '')}")
    page.locator("h1").first.wait_for(timeout=WAIT_MS)
    page.wait_for_load_state("networkidle")
    _picture(page, f"{name}-desktop", 1440)
    assert _serious(axe, page) == []
    page.emulate_media(color_scheme="dark")
    _picture(page, f"{name}-phone", 390)
    assert _serious(axe, page) == []
    assert problems == []
    page.close()


def _serious(axe: Any, page: Any) -> list[str]:
    """What axe-core calls serious or critical."""
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in axe.Axe().run(page).response["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def _picture(page: Any, name: str, width: int) -> None:
    """All of a page: Streamlit's own part scrolls, so the window is made as high as that is."""
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(200)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(height, 900), 6000)})
    page.wait_for_timeout(200)
    page.screenshot(path=PICTURES / f"{name}.png")


def _is_fault(said: Any) -> bool:
    """Streamlit asks for its own address below a page's first and is told that it is not there."""
    return said.type == "error" and "_stcore" not in said.location.get("url", "")


def test_the_keyboard_leads_from_the_overview_to_the_evidence(
    browser: Any, address: str, rows: list[BoardRow]
) -> None:
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("heading", name="tickets").first.wait_for(timeout=WAIT_MS)
    _press_on(page, "board?task=tickets")
    page.locator(".tb-board tbody tr").first.wait_for(timeout=WAIT_MS)
    _press_on(page, f"run_id={rows[0].run_id}")
    page.locator(".tb-figures").first.wait_for(timeout=WAIT_MS)
    assert rows[0].run_id in page.inner_text(".tb-lead")
    page.close()


def _press_on(page: Any, link: str) -> None:
    """Walk to a link with the tabulator, see that it is marked, and press Enter."""
    for _ in range(80):
        page.keyboard.press("Tab")
        href, outline = page.evaluate(
            "[document.activeElement.getAttribute('href') || '',"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if link in href:
            assert outline != "none"
            page.keyboard.press("Enter")
            return
    pytest.fail(f"the keyboard does not reach {link}")


def test_a_manager_sees_in_two_clicks_what_runs_how_sure_and_at_what_cost(
    browser: Any, address: str, rows: list[BoardRow], snapshot: Path
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    task = page.get_by_role("heading", name="tickets").first
    task.wait_for(timeout=WAIT_MS)
    approved = next(row for row in reader.reviews(snapshot) if row.state == "approved")
    champion = next(row for row in rows if row.run_id == approved.run_id)
    said = page.inner_text("main, [data-testid=stMain]")
    assert words.method(champion.method, champion.base) in said
    assert words.number(rows[0].value) in said
    task.locator("a").click()
    top = page.locator(".tb-board tbody tr").first
    top.wait_for(timeout=WAIT_MS)
    row = top.inner_text()
    assert words.interval(rows[0].low, rows[0].high) in row
    page.close()
