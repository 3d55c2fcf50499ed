"""What pages ask of a published board, and what they hear when it is not there."""

from pathlib import Path

import golden
import pytest

from bot.hosts.projection import project
from storage import board_reader as reader
from storage.home import Home
from storage.published import read_summary


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = golden.make_home(tmp_path_factory.mktemp("read"), runs=5, test_rows=220)
    project(made)
    return made


@pytest.fixture(scope="module")
def snapshot(home: Home) -> Path:
    found = reader.newest_snapshot(home)
    assert found
    return found


def test_rows_and_the_published_summary_say_the_same(home: Home, snapshot: Path) -> None:
    summary = read_summary(home.board)
    assert summary
    rows = reader.board_rows(snapshot, "tickets", "macro_f1")
    for row, standing in zip(rows, summary.standings["tickets"], strict=True):
        assert row.run_id == standing.run_id
        assert (row.place_low, row.place_high) == (standing.place_low, standing.place_high)
        assert row.value == standing.primary.value
        assert row.difference == (standing.difference.value if standing.difference else None)
        assert {flag.id for flag in row.flags} == {
            check.id for check in standing.checks if check.outcome in {"warn", "fail"}
        }


def test_pages_of_a_board_follow_one_another(snapshot: Path) -> None:
    whole = [row.run_id for row in reader.board_rows(snapshot, "tickets", "macro_f1")]
    parts = [
        row.run_id
        for offset in range(0, len(whole), 2)
        for row in reader.board_rows(snapshot, "tickets", "macro_f1", limit=2, offset=offset)
    ]
    assert parts == whole


def test_confusion_counts_every_test_row(home: Home, snapshot: Path) -> None:
    row = reader.board_rows(snapshot, "tickets", "macro_f1")[0]
    found = reader.confusion(home, row.run_id)
    assert sum(cell.n for cell in found) == row.n
    right = sum(cell.n for cell in found if cell.gold == cell.predicted)
    assert right / row.n == pytest.approx(row.accuracy)


def test_mistakes_come_worst_first(home: Home, snapshot: Path) -> None:
    row = reader.board_rows(snapshot, "tickets", "macro_f1")[0]
    found = reader.mistakes(home, row.run_id)
    assert [m.loss for m in found] == sorted((m.loss for m in found), reverse=True)
    assert all(m.gold != m.predicted for m in found)


def test_a_home_without_a_board_has_no_snapshot(tmp_path: Path) -> None:
    assert reader.newest_snapshot(Home(tmp_path)) is None


def test_a_snapshot_that_went_away_is_said(tmp_path: Path) -> None:
    with pytest.raises(reader.BoardGone):
        reader.tasks(tmp_path / "board-00000001.duckdb")


def test_an_unknown_run_is_none(snapshot: Path) -> None:
    assert reader.run_page(snapshot, "r'; drop table runs") is None
