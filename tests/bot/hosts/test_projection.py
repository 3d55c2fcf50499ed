"""The projection: from ledger and folders to a published board, the same by every road."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import golden
import pytest

from bot.hosts import projection
from bot.hosts.board.differences import Load
from bot.hosts.board.standings import Around, standings
from bot.hosts.projection import main, project
from storage.board import Board
from storage.home import Home
from storage.judgements import Standing
from storage.ledger import Ledger
from storage.published import read_pointer, read_summary, standing_of
from storage.records import Method, Outcome, Policy
from storage.reviews import evidence_digest
from storage.standings import Placed, TaskBoard

TABLES = ("tasks", "runs", "attempts", "transitions", "reviews", "decisions", "evidence", "metrics")
COMPUTED = ("checks", "differences", "placings", "standings", "verdicts")


def _content(home: Home) -> dict[str, list[Any]]:
    pointer = read_pointer(home.board)
    assert pointer
    board = Board.read(home.board / pointer.snapshot)
    try:
        return {
            table: board.rows(f"select * from {table} order by all")  # noqa: S608
            for table in (*TABLES, *COMPUTED)
        }
    finally:
        board.close()


def _standings(home: Home, task: str = "tickets") -> tuple[Standing, ...]:
    summary = read_summary(home.board)
    assert summary
    return summary.standings[task]


def _task(ledger: Ledger, **more: Any) -> golden.GoldenTask:
    return golden.add_golden_task(ledger, golden.make_task(**({"test_rows": 300} | more)))


def _finish(
    ledger: Ledger, home: Home, task: golden.GoldenTask, method: Method, level: float, seed: int = 1
) -> str:
    spec = golden.make_spec(task, method, seed=seed)
    key = f"{method}{seed}{task.task.version}"
    return golden.finish_run(ledger, home, task, spec, key=key, accuracy=level).id


def test_a_rebuild_gives_equal_content(tmp_path: Path) -> None:
    home = golden.make_home(tmp_path / "home", runs=7, test_rows=240)
    project(home)
    before = _content(home)
    first = read_summary(home.board)
    project(home, rebuild=True)
    assert _content(home) == before
    again = read_summary(home.board)
    assert first
    assert again
    assert again.standings == first.standings


def test_step_by_step_equals_a_rebuild(home: Home, ledger: Ledger) -> None:
    task = _task(ledger)
    project(home)
    for method, level in ((Method.TFIDF, 0.8), (Method.LORA, 0.92), (Method.EMBEDDING, 0.86)):
        _finish(ledger, home, task, method, level)
        project(home)
    golden.fail_run(ledger, home, golden.make_spec(task, seed=9), key="f", message="no rows")
    project(home)
    before = _content(home)
    project(home, rebuild=True)
    assert _content(home) == before


def test_nothing_new_publishes_nothing(home: Home, ledger: Ledger) -> None:
    _task(ledger)
    assert project(home) == project(home)


def test_a_better_run_beats_the_best_baseline_and_a_worse_one_fails(
    home: Home, ledger: Ledger
) -> None:
    task = _task(ledger)
    _finish(ledger, home, task, Method.TFIDF, 0.7)
    best = _finish(ledger, home, task, Method.EMBEDDING, 0.8)
    good = _finish(ledger, home, task, Method.LORA, 0.95, seed=1)
    bad = _finish(ledger, home, task, Method.LORA, 0.6, seed=2)
    project(home)
    found = {standing.run_id: standing for standing in _standings(home)}
    outcomes = {
        run: {check.id: check.outcome for check in found[run].checks} for run in (good, bad)
    }
    assert outcomes[good]["beats_baseline"] is Outcome.PASS
    assert outcomes[bad]["beats_baseline"] is Outcome.FAIL
    difference = found[good].difference
    assert difference
    assert difference.against == best
    assert difference.low > 0
    assert found[best].difference is None
    lesser = next(one for one in found.values() if one.method is Method.TFIDF)
    (check,) = [check for check in lesser.checks if check.id == "beats_baseline"]
    assert check.outcome is Outcome.FAIL
    assert check.value == pytest.approx(lesser.difference.value if lesser.difference else None)
    assert found[good].place_low == 1
    assert found[bad].ranked  # a failed check keeps its row and its place


def test_the_order_of_arrival_does_not_change_places(tmp_path: Path) -> None:
    places = []
    for number, order in enumerate(((0, 1, 2), (2, 1, 0))):
        home = Home(tmp_path / str(number))
        home.create()
        ledger = Ledger.open(home.ledger_file)
        task = _task(ledger)
        runs = [(Method.TFIDF, 0.7), (Method.EMBEDDING, 0.8), (Method.LORA, 0.95)]
        for which in order:
            _finish(ledger, home, task, *runs[which])
        project(home)
        ledger.close()
        places.append({s.method: s.place for s in _standings(home)})
    assert places[0] == places[1]


def test_a_small_test_set_gives_no_place_but_keeps_the_run(home: Home, ledger: Ledger) -> None:
    task = _task(ledger, test_rows=100)
    _finish(ledger, home, task, Method.TFIDF, 0.8)
    project(home)
    (standing,) = _standings(home)
    assert not standing.ranked
    assert standing.place == "–"
    assert "100 test rows; at least 200" in standing.unranked_because
    assert standing.primary.value is not None


def test_few_rows_and_one_seed_are_said(home: Home, ledger: Ledger) -> None:
    task = _task(ledger)
    _finish(ledger, home, task, Method.LORA, 0.9)
    project(home)
    (standing,) = _standings(home)
    assert standing.provisional[0] == "single seed"
    assert standing.provisional[1].startswith("low confidence: 300 test rows")
    for seed in (2, 3):
        _finish(ledger, home, task, Method.LORA, 0.9, seed=seed)
    project(home)
    assert all("seed" not in " ".join(s.provisional) for s in _standings(home))


def test_failed_and_broken_runs_are_shown_with_the_reason(home: Home, ledger: Ledger) -> None:
    task = _task(ledger)
    golden.fail_run(
        ledger, home, golden.make_spec(task, seed=9), key="f", message="Row 3 is empty."
    )
    broken = _finish(ledger, home, task, Method.TFIDF, 0.8)
    sound = _finish(ledger, home, task, Method.EMBEDDING, 0.8)
    (home.runs / broken / "evidence" / "metrics.json").write_text("[]")
    project(home)
    first, *rest = _standings(home)
    assert first.run_id == sound
    assert first.place == "1"
    reasons = " ".join(standing.unranked_because for standing in rest)
    assert "Row 3 is empty." in reasons
    assert "changed since the run ended" in reasons


def test_predictions_that_went_away_take_only_their_own_run(home: Home, ledger: Ledger) -> None:
    task = _task(ledger)
    gone = _finish(ledger, home, task, Method.TFIDF, 0.8)
    _finish(ledger, home, task, Method.EMBEDDING, 0.8)
    project(home)
    (home.runs / gone / "evidence" / "predictions.parquet").unlink()
    _finish(ledger, home, task, Method.LORA, 0.9)
    project(home)
    found = {standing.run_id: standing for standing in _standings(home)}
    assert sum(standing.ranked for standing in found.values()) == 2
    assert "predictions.parquet changed" in found[gone].unranked_because
    before = _content(home)
    project(home, rebuild=True)
    assert _content(home) == before


def test_runs_of_an_older_version_are_kept_apart(home: Home, ledger: Ledger) -> None:
    old = _finish(ledger, home, _task(ledger), Method.TFIDF, 0.8)
    task = _task(ledger, policy=Policy(approvals=2))
    assert task.task.version == 2
    new = _finish(ledger, home, task, Method.TFIDF, 0.8)
    project(home)
    found = {standing.run_id: standing for standing in _standings(home)}
    assert found[new].place == "1"
    assert "version 1 of the task; the board compares version 2" in found[old].unranked_because


def test_the_evidence_digest_is_the_one_a_review_is_bound_to(home: Home, ledger: Ledger) -> None:
    task = _task(ledger)
    base = _finish(ledger, home, task, Method.TFIDF, 0.7)
    run = _finish(ledger, home, task, Method.LORA, 0.9)
    project(home)
    standing = standing_of(home.board, run)
    assert standing
    assert standing.evidence_digest == evidence_digest(home, run, task.task.policy, [base])


def test_a_board_of_another_ledger_is_made_anew(home: Home, ledger: Ledger) -> None:
    _finish(ledger, home, _task(ledger), Method.TFIDF, 0.8)
    project(home)
    ledger.close()
    for path in home.path.glob("ledger.sqlite*"):
        path.unlink()
    fresh = Ledger.open(home.ledger_file)
    golden.add_golden_task(fresh, golden.make_task("other", test_rows=40))
    fresh.close()
    project(home)
    assert [row["name"] for row in _content(home)["tasks"]] == ["other"]
    assert _content(home)["runs"] == []


def test_a_broken_publication_is_replaced(home: Home, ledger: Ledger) -> None:
    _finish(ledger, home, _task(ledger), Method.TFIDF, 0.8)
    pointer = project(home)
    before = _content(home)
    (home.board / pointer.snapshot).write_bytes(b"torn")
    project(home)
    assert _content(home) == before


def test_kills_at_any_moment_leave_a_publication_that_opens(tmp_path: Path) -> None:
    home = golden.make_home(tmp_path / "home", runs=4, test_rows=220)
    project(home)
    before = _content(home)
    command = [sys.executable, "-m", "bot.hosts.projection", "--home", str(home.path), "--rebuild"]
    for delay in (0.3, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2):
        child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert _content(home) == before
    project(home, rebuild=True)
    assert _content(home) == before


def test_a_folder_without_a_ledger_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path / "nowhere")]) == 2
    assert "has no ledger yet" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_test_split_of_one_row_says_so_and_stops_no_board(home: Home, ledger: Ledger) -> None:
    task = _task(ledger, test_rows=1)
    _finish(ledger, home, task, Method.TFIDF, 1.0)
    run = _finish(ledger, home, task, Method.LORA, 1.0)
    project(home)
    found = {standing.run_id: standing for standing in _standings(home)}[run]
    assert found.difference is None
    (check,) = [check for check in found.checks if check.id == "beats_baseline"]
    assert check.outcome is Outcome.NOT_RUN
    assert "too little to compare" in check.reason


def test_an_error_in_one_task_is_said_there_and_the_others_have_their_places(
    home: Home, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = _task(ledger), _task(ledger, name="broken")
    _finish(ledger, home, whole, Method.TFIDF, 0.8)
    spec = golden.make_spec(broken, Method.LORA)
    golden.finish_run(ledger, home, broken, spec, key="b", accuracy=0.8)

    def place(board: Board, task: TaskBoard, load: Load, around: Around) -> Placed:
        if task.task.name == "broken":
            raise ValueError("there is no ROC curve")
        return standings(board, task, load, around)

    monkeypatch.setattr(projection, "standings", place)
    project(home)
    assert _standings(home)[0].ranked
    (found,) = _standings(home, "broken")
    assert not found.ranked
    assert "there is no ROC curve" in found.unranked_because
    assert found.checks[-1].outcome is Outcome.NOT_RUN


def test_a_damaged_summary_is_made_anew(home: Home, ledger: Ledger) -> None:
    task = _task(ledger)
    _finish(ledger, home, task, Method.TFIDF, 0.8)
    pointer = project(home)
    (home.board / pointer.summary).write_text('{"ledger_version": 1')
    assert read_summary(home.board) is None
    project(home)
    assert len(_standings(home)) == 1


def test_a_run_that_could_not_be_compared_says_so_as_a_check(home: Home, ledger: Ledger) -> None:
    task = _task(ledger)
    golden.fail_run(ledger, home, golden.make_spec(task, seed=9), key="f", message="no rows")
    project(home)
    (found,) = _standings(home)
    (check,) = [check for check in found.checks if check.id == "beats_baseline"]
    assert check.outcome is Outcome.NOT_RUN
    assert "the run failed" in check.reason


def test_seeds_of_one_spec_share_a_tie_group_whatever_their_luck(
    home: Home, ledger: Ledger
) -> None:
    task = _task(ledger, test_rows=600)
    lucky = [_finish(ledger, home, task, Method.LORA, 0.86 + 0.03 * s, seed=s) for s in range(5)]
    worse = _finish(ledger, home, task, Method.TFIDF, 0.6)
    project(home)
    found = {standing.run_id: standing for standing in _standings(home)}
    assert {found[run].tie_group for run in lucky} == {1}
    assert found[worse].tie_group == 2
    pool = found[lucky[0]].seeds
    assert pool
    assert len(pool.seeds) == 5
    assert pool.low < pool.mean < pool.high
    shown = [(one.tie_group, one.place_low) for one in _standings(home)]
    assert shown == sorted(shown)
    assert shown[-2][1] != 1  # a seed that is surely behind stands in its group, after its twins
