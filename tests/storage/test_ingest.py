"""Ledger and run folders become rows: what changed, once, and no broken folder stops the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import golden
import pytest

from storage.board import Board, building
from storage.home import Home
from storage.ingest import ingest, is_behind, known
from storage.ledger import Ledger
from storage.records import AttemptState, Method, Run, RunState


@pytest.fixture
def board(home: Home) -> Iterator[Board]:
    with building(home.board) as opened:
        yield opened


@pytest.fixture
def task(ledger: Ledger) -> golden.GoldenTask:
    return golden.add_golden_task(ledger, golden.make_task(test_rows=40))


def _finish(ledger: Ledger, home: Home, task: golden.GoldenTask, key: str = "k") -> Run:
    spec = golden.make_spec(task, Method.TFIDF)
    return golden.finish_run(ledger, home, task, spec, key=key, accuracy=0.8)


def _content(board: Board) -> dict[str, list[Any]]:
    tables = ("tasks", "runs", "attempts", "transitions", "evidence", "metrics", "checks")
    return {
        table: board.rows(f"select * from {table} order by all")  # noqa: S608
        for table in (*tables, "reviews", "decisions")
    }


def test_a_finished_run_has_its_metrics_as_the_folder_says(
    board: Board, ledger: Ledger, home: Home, task: golden.GoldenTask
) -> None:
    run = _finish(ledger, home, task)
    ingest(board, ledger, home)
    rows = board.rows("select name, split, group_name, value, low, high, n, how from metrics")
    found = {(r["name"], r["split"], r["group_name"]): r for r in rows}
    written = home.run(run.id).metrics()
    assert len(found) == len(written)
    for metric in written:
        row = found[metric.name, metric.split, metric.group]
        assert (row["value"], row["low"], row["high"]) == (metric.value, metric.low, metric.high)
        assert (row["n"], row["how"]) == (metric.n, metric.how)


def test_ingesting_twice_equals_once(
    board: Board, ledger: Ledger, home: Home, task: golden.GoldenTask
) -> None:
    _finish(ledger, home, task)
    ingest(board, ledger, home)
    once = _content(board)
    ingest(board, ledger, home)
    assert _content(board) == once


def test_a_changed_run_is_changed_and_not_doubled(
    board: Board, ledger: Ledger, home: Home, task: golden.GoldenTask
) -> None:
    run = golden.start_run(ledger, home, golden.make_spec(task, Method.TFIDF), key="k")
    ingest(board, ledger, home)
    assert board.rows("select state from runs") == [{"state": "active"}]
    ledger.end_attempt(
        run.id, 1, AttemptState.CANCELLED, "laptop", "asked for", run_state=RunState.CANCELLED
    )
    ingest(board, ledger, home)
    assert board.rows("select state, reason from runs") == [
        {"state": "cancelled", "reason": "asked for"}
    ]
    assert board.rows("select state from attempts") == [{"state": "cancelled"}]


def test_a_task_without_runs_is_there(
    board: Board, ledger: Ledger, home: Home, task: golden.GoldenTask
) -> None:
    ingest(board, ledger, home)
    assert board.rows("select name, version, test_rows from tasks") == [
        {"name": "tickets", "version": 1, "test_rows": 40}
    ]


def _break_hash(run: Path) -> None:
    (run / "evidence" / "checks.json").write_text("[]")


def _break_shape(run: Path) -> None:
    (run / "evidence" / "manifest.json").write_text('{"other": 1}')


def _take_away(run: Path) -> None:
    (run / "evidence" / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(_break_hash, "changed since the run ended", id="edited"),
        pytest.param(_break_shape, "not readable", id="another shape"),
        pytest.param(_take_away, "left no evidence", id="missing"),
    ],
)
def test_a_broken_folder_is_noted_with_the_reason_and_stops_nobody(
    board: Board, ledger: Ledger, home: Home, task: golden.GoldenTask, damage: Any, says: str
) -> None:
    broken, sound = _finish(ledger, home, task, "a"), _finish(ledger, home, task, "b")
    damage(home.runs / broken.id)
    ingest(board, ledger, home)
    rows = {r["run_id"]: r["problem"] for r in board.rows("select run_id, problem from evidence")}
    assert says in rows[broken.id]
    assert rows[sound.id] == ""
    assert board.rows("select distinct run_id from metrics") == [{"run_id": sound.id}]


def test_evidence_is_read_once(
    board: Board, ledger: Ledger, home: Home, task: golden.GoldenTask
) -> None:
    run = _finish(ledger, home, task)
    ingest(board, ledger, home)
    _break_hash(home.runs / run.id)
    _finish(ledger, home, task, "later")
    ingest(board, ledger, home)
    assert {row["problem"] for row in board.rows("select problem from evidence")} == {""}


def test_a_board_of_another_ledger_is_noticed(
    board: Board, ledger: Ledger, home: Home, task: golden.GoldenTask, tmp_path: Path
) -> None:
    _finish(ledger, home, task)
    ingest(board, ledger, home)
    assert known(board).ledger_version == ledger.version()
    assert not is_behind(board, ledger)
    other = Ledger.open(tmp_path / "other.sqlite")
    assert is_behind(board, other)
    other.close()
