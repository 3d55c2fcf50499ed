"""One published home for all pages, and a way to draw a page without a browser."""

from pathlib import Path

import golden
import pytest
from pages import Draw
from streamlit.testing.v1 import AppTest

from bot.hosts.projection import project
from storage import board_reader as reader
from storage.board_rows import BoardRow
from storage.home import Home


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Eight runs that succeeded, some that did not, three reviews; published."""
    made = golden.make_home(tmp_path_factory.mktemp("pages"), runs=8, test_rows=240)
    project(made)
    return made


@pytest.fixture(scope="session")
def snapshot(home: Home) -> Path:
    found = reader.newest_snapshot(home)
    assert found
    return found


@pytest.fixture(scope="session")
def rows(snapshot: Path) -> list[BoardRow]:
    return reader.board_rows(snapshot, "tickets", "macro_f1")


@pytest.fixture
def draw(home: Home, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Draws a page by its name, with what its address says."""

    def drawn(page: str, /, folder: Path | None = None, **address: str | list[str]) -> AppTest:
        monkeypatch.setenv("TUNEBOARD_HOME", str(folder or home.path))
        test = AppTest.from_function(_script, kwargs={"name": page}, default_timeout=30)
        for name, value in address.items():
            test.query_params[name] = value
        test.run()
        assert not test.exception, test.exception
        return test

    return drawn


def _script(name: str) -> None:
    from leaderboard.app import PAGES

    PAGES[name]()
