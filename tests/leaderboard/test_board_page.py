"""The board page: what a manager sees in ten seconds."""

import re
from collections.abc import Callable
from pathlib import Path

import golden
import pytest
from pages import Draw, html, said

from bot.hosts.projection import project
from leaderboard import words
from storage import board_reader as reader
from storage.board import building, publish
from storage.board_rows import BoardRow
from storage.home import Home
from storage.judgements import BoardSummary
from storage.ledger import Ledger
from storage.records import now


def test_the_rows_stand_in_the_order_of_the_board(draw: Draw, rows: list[BoardRow]) -> None:
    page = html(draw("board", task="tickets"))
    assert re.findall(r"run\?run_id=(r\w+)", page)[: len(rows)] == [row.run_id for row in rows]


def test_numbers_on_the_page_are_those_of_the_board(draw: Draw, rows: list[BoardRow]) -> None:
    page = html(draw("board", task="tickets"))
    for row in rows:
        if row.value is not None:
            assert f">{words.number(row.value)}<" in page
            assert words.interval(row.low, row.high) in page
        assert f'tb-place">{words.place(row.place_low, row.place_high)}<' in page


def test_what_was_not_measured_is_said_and_never_zero(draw: Draw) -> None:
    page = html(draw("board", task="tickets"))
    failed = page[page.index("the run failed: Row 17") :]
    assert "not measured" in failed
    assert ">0.000<" not in page


def test_a_flag_has_its_word_its_value_its_limit_and_its_reason(draw: Draw) -> None:
    page = html(draw("board", task="tickets"))
    assert "overfitting: gap" in page
    assert re.search(r'title="[^"]*accuracy on train[^"]*measured 0\.\d+, limit 0\.05', page)


def test_a_fallback_of_the_engine_is_on_the_row(draw: Draw) -> None:
    assert "unsloth asked for: no CUDA GPU here" in html(draw("board", task="tickets"))


@pytest.mark.parametrize(
    ("order", "of"),
    [
        ("latency", "latency_p95_ms"),
        ("training", "train_seconds"),
        ("size", "trainable_parameters"),
    ],
)
def test_a_board_can_be_ordered_by_what_a_run_takes(snapshot: Path, order: str, of: str) -> None:
    found = reader.board_rows(snapshot, "tickets", "macro_f1", sort=order)
    measured = [getattr(row, of) for row in found if getattr(row, of) is not None]
    assert measured == sorted(measured)
    assert all(getattr(row, of) is None for row in found[len(measured) :])
    first = reader.board_rows(snapshot, "tickets", "macro_f1", sort=order, limit=3)
    rest = reader.board_rows(snapshot, "tickets", "macro_f1", sort=order, limit=50, offset=3)
    assert [*first, *rest] == found


def test_the_address_chooses_order_and_columns(draw: Draw, rows: list[BoardRow]) -> None:
    newest = html(draw("board", task="tickets", sort="newest"))
    shown = re.findall(r"run\?run_id=(r\w+)", newest)[: len(rows)]
    assert shown == sorted((row.run_id for row in rows), reverse=True)
    few = html(draw("board", task="tickets", columns=["flags", "size"])).split("</thead>")[0]
    assert re.findall(r"<th[^>]*>([^<]*)</th>", few) == [
        *("Place", "Method", "macro F1", "Flags", "Parameters trained")
    ]
    odd = html(draw("board", task="tickets", sort="odd", columns="odd")).split("</thead>")[0]
    assert "Against the best baseline" in odd


def test_runs_without_a_result_are_listed(draw: Draw) -> None:
    page = html(draw("board", task="tickets"))
    for state in ("training", "queued", "cancelled"):
        assert f">{state}</span>" in page


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"methods": "tfidf"}, lambda row: row.method == "tfidf"),
        ({"status": "failed"}, lambda row: row.status == "failed"),
        (
            {"status": ["approved", "in_review"]},
            lambda row: row.status in {"approved", "in_review"},
        ),
        ({"policy": "blocked"}, lambda row: row.gate and row.gate.status == "blocked"),
        ({"search": "MINILM"}, lambda row: "minilm" in row.base),
        (
            {"methods": "lora", "policy": "needs_review"},
            lambda row: row.method == "lora" and row.gate and row.gate.status == "needs_review",
        ),
    ],
)
def test_the_address_chooses_which_runs_are_shown(
    draw: Draw, rows: list[BoardRow], asked: dict[str, str], kept: Callable[[BoardRow], bool]
) -> None:
    test = draw("board", task="tickets", **asked)
    table = next(body for body in html(test).split("<table") if "tb-board" in body)
    wanted = [row.run_id for row in rows if kept(row)]
    assert re.findall(r"run\?run_id=(r\w+)", table) == wanted
    assert 0 < len(wanted) < len(rows)
    assert f"{len(wanted)} of {len(rows)} runs are like this" in said(test).replace("\\", "")


def test_a_filter_that_nothing_passes_says_so(draw: Draw) -> None:
    assert "Take a filter away" in said(draw("board", task="tickets", search="*nope*"))


def test_methods_can_be_chosen(draw: Draw) -> None:
    test = draw("board", task="tickets")
    test.button_group[0].set_value(["tfidf"]).run()
    board = html(test).split("Against the one kept")[0]
    assert "tf-idf + logistic regression" in board
    assert "Embedding + logistic regression" not in board


def test_the_address_chooses_the_task(draw: Draw) -> None:
    assert draw("board", task="pilot").title[0].value == "pilot"
    assert "at least 200 are needed" in html(draw("board", task="pilot"))


def test_without_an_address_the_task_with_most_results_is_shown(draw: Draw) -> None:
    test = draw("board")
    assert test.title[0].value == "tickets"


def test_an_unknown_task_is_said_and_another_shown(draw: Draw) -> None:
    test = draw("board", task="*nope*")
    assert "There is no task" in test.warning[0].value
    assert test.title


def test_a_task_without_runs_says_what_to_type(draw: Draw) -> None:
    assert "/tune run task=emails method=tfidf" in said(draw("board", task="emails"))


def test_a_new_home_says_what_to_do(draw: Draw, tmp_path: Path) -> None:
    test = draw("board", folder=tmp_path)
    assert test.title[0].value == "No board yet"
    assert "tuneboard task add" in test.code[0].value


def test_a_home_without_tasks_says_how_to_add_one(draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path)
    Ledger.open(home.ledger_file).close()
    project(home)
    assert "task add" in said(draw("board", folder=tmp_path))


def test_a_board_of_another_version_is_said(draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path)
    Ledger.open(home.ledger_file).close()
    pointer = project(home)
    (home.board / pointer.snapshot).write_bytes(b"something else")
    assert "tuneboard rebuild" in said(draw("board", folder=tmp_path))


def test_a_record_of_another_version_is_said(draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path)
    golden.make_big_board(home, 1)
    with building(home.board) as board:
        board.rows("update tasks set record = replace(record, 'owner', 'possessor')")
    publish(home.board, BoardSummary(ledger_version=1, published_at=now(), standings={}))
    assert "made by another version" in said(draw("board", folder=tmp_path))


def test_a_new_publication_is_seen(draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    ledger = Ledger.open(home.ledger_file)
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=40))
    project(home)
    test = draw("board", folder=tmp_path)
    assert "No run of tickets has ended" in said(test)
    golden.fail_run(ledger, home, golden.make_spec(task), key="f", message="<b>no</b> rows")
    project(home)
    ledger.close()
    test.run()
    assert "&lt;b&gt;no&lt;/b&gt; rows" in html(test)


@pytest.mark.parametrize(
    ("asked", "shown"), [("1", 50), ("3", 20), ("999", 50), ("-3", 50), ("two", 50)]
)
def test_a_long_board_is_drawn_a_page_at_a_time(
    draw: Draw, tmp_path: Path, asked: str, shown: int
) -> None:
    home = Home(tmp_path)
    golden.make_big_board(home, 120)
    test = draw("board", folder=tmp_path, task="task-0", page=asked)
    assert len(re.findall(r"run_id=", html(test))) == shown
    assert len(html(test)) < 300_000
