"""Shared by every test: quiet, offline, one thread a process for tiny models; an empty home."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from leaderboard_served import chromium

from storage.home import Home
from storage.ledger import Ledger

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


LONGEST = (
    *("test_resume.py", "test_mixing.py", "test_stages.py", "test_crew.py", "test_deciding.py"),
    *("test_real_models.py", "test_sweeps.py", "test_serving.py", "test_merging.py"),
    *("test_full_disk.py", "test_odd_homes.py", "test_kills.py", "test_intervals.py"),
    *("test_job.py", "test_cli.py", "test_story.py", "test_pictures.py", "test_browser.py"),
)
"""Files of tests that take long, begun first: what comes last should be short."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the others stay in their order."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONGEST)))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    """The ledger of the home."""
    opened = Ledger.open(home.ledger_file)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium. Its driver cannot run twice in a process: one module has it at a time."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = chromium()
    if program is None:
        pytest.skip("no Chromium was found on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()
