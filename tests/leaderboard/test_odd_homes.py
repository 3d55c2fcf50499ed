"""Homes that nobody hopes for: every page says what it can, and shows data as text."""

import shutil
from pathlib import Path
from typing import Any

import golden
import pytest
from leaderboard_served import WAIT_MS, serving
from pages import Draw, html, said

from bot.hosts.projection import project
from leaderboard.app import PAGES
from storage.home import Home
from storage.ledger import Ledger
from storage.published import read_pointer
from storage.records import Method, RunState

HOSTILE = (
    "<script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title = 'owned'\">",
    "**bold** [here](http://evil.example) `code` $x^2$",
    "مرحبا بالعالم",
    "🙂🚀 :material/home:",
    "\u202eright to left override",
    "x" * 200,
)
LABELS = (*HOSTILE, *(f"label {number:03}" for number in range(150 - len(HOSTILE))))
WITH_RUN = ("run", "compare", "examples", "board", "tradeoffs", "fairness", "data")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """150 labels, some of them long, foreign or hostile; and a task with a failed run."""
    home = Home(tmp_path_factory.mktemp("odd"))
    home.create()
    ledger = Ledger.open(home.ledger_file)
    made = golden.make_task("odd", labels=LABELS, test_rows=300, sensitive=())
    task = golden.add_golden_task(ledger, made)
    spec = golden.make_spec(task, Method.LORA)
    golden.finish_run(ledger, home, task, spec, key="odd", accuracy=0.8)
    alone = golden.add_golden_task(ledger, golden.make_task("alone", test_rows=240, sensitive=()))
    golden.finish_run(
        ledger, home, alone, golden.make_spec(alone, Method.TFIDF), key="alone", accuracy=0.8
    )
    hostile = "<b>Row 17</b> of **tickets** has no label. [x](javascript:alert(1))"
    golden.fail_run(ledger, home, golden.make_spec(alone), key="failed", message=hostile)
    project(home)
    ledger.close()
    return home


def _address(home: Home, task: str, state: RunState = RunState.SUCCEEDED) -> dict[str, str]:
    """What the address says of a task's newest run in a state."""
    ledger = Ledger.open(home.ledger_file)
    run = ledger.runs(task=task, states=(state,))[0]
    ledger.close()
    return {"run_id": run.id, "task": task, "runs": run.id}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_can_be_drawn(odd: Home, draw: Draw, page: str) -> None:
    for address in (_address(odd, "odd"), _address(odd, "alone", RunState.FAILED)):
        shown = html(draw(page, odd.path, **address))
        for hostile in HOSTILE[:2]:
            assert hostile not in shown
        assert "<b>Row 17</b>" not in shown
        assert "javascript:" not in shown.replace("](javascript:", "")


def test_labels_are_shown_as_they_are(odd: Home, draw: Draw) -> None:
    shown = html(draw("run", odd.path, **_address(odd, "odd")))
    assert "&lt;script&gt;" in shown
    assert "مرحبا بالعالم" in shown
    assert "**bold** [here](http://evil.example)" in shown


def test_a_task_with_one_run_has_a_board_and_no_comparison(odd: Home, draw: Draw) -> None:
    assert "tf-idf" in html(draw("board", odd.path, task="alone"))
    assert "two" in said(draw("compare", odd.path, task="alone")).lower()


def test_a_snapshot_that_is_taken_away_is_said(odd: Home, draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(odd.path, home.path)
    pointer = read_pointer(home.board)
    assert pointer
    (home.board / pointer.snapshot).unlink()
    for page in WITH_RUN:
        assert "Load the page again" in said(draw(page, home.path))


def test_a_home_that_is_half_built_says_what_to_do(draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for make in (home.path.mkdir, home.create, lambda: Ledger.open(home.ledger_file).close()):
        make()
        for page in ("overview", "board", "run"):
            assert "No board yet" in said(draw(page, home.path))


@pytest.mark.browser
def test_nothing_hostile_runs_in_a_browser(odd: Home, browser: Any) -> None:
    dialogs: list[str] = []
    query = "&".join(f"{key}={value}" for key, value in _address(odd, "odd").items())
    with serving(odd) as address:
        for width in (1440, 390):
            page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
            page.on("dialog", lambda dialog: dialogs.append(dialog.message))
            for name in ("run", "examples", "board"):
                page.goto(f"{address}/{name}?{query}")
                page.locator("h1").first.wait_for(timeout=WAIT_MS)
                page.wait_for_timeout(700)
                assert "owned" not in page.title()
                fits = "document.documentElement.scrollWidth <= window.innerWidth"
                assert page.evaluate(fits), (name, width)
    assert dialogs == []
