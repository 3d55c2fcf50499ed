"""The run page: evidence, live progress, failures."""

import re
from pathlib import Path

import golden
import pytest
from pages import Draw, html, said

from bot.hosts.projection import project
from leaderboard import run_details, words
from storage import board_reader as reader
from storage.board_rows import BoardRow
from storage.home import Home
from storage.ledger import Ledger
from storage.model_card import model_card
from storage.records import Method, Parent, RunSpec, RunState


@pytest.fixture
def best(rows: list[BoardRow]) -> BoardRow:
    return rows[0]


def test_the_headline_numbers_are_those_of_the_board(draw: Draw, best: BoardRow) -> None:
    page = html(draw("run", run_id=best.run_id))
    assert f'tb-value">{words.number(best.value)}<' in page
    assert words.interval(best.low, best.high) in page
    assert words.points(best.difference, "macro_f1") in page


def test_each_check_has_value_limit_n_and_reason(
    draw: Draw, snapshot: Path, best: BoardRow
) -> None:
    page = html(draw("run", run_id=best.run_id))
    checks = reader.run_checks(snapshot, best.run_id)
    assert {check.id for check in checks} >= {"overfit_gap", "beats_baseline", "test_size"}
    for check in checks:
        assert check.reason.replace("'", "&#x27;") in page
        if check.limit is not None:
            assert words.figure(check.limit) in page


def test_curves_confusion_labels_and_mistakes_are_there(draw: Draw, best: BoardRow) -> None:
    test = draw("run", run_id=best.run_id)
    headings = [heading.value for heading in test.header]
    assert headings[0].startswith("Policy: needs review")
    assert headings[1:8] == [
        "Loss while training",
        "What is taken for what",
        "How sure, and how often right",
        "By label",
        "By group",
        "Worst mistakes",
        "The other checks",
    ]
    assert len(test.get("arrow_vega_lite_chart") or test.get("vega_lite_chart")) == 3
    page = html(test)
    assert all(label in page for label in golden.LABELS)
    assert re.search(r"row \d+", page)


def test_how_sure_and_how_often_right_covers_every_test_row(
    draw: Draw, home: Home, best: BoardRow
) -> None:
    found = reader.calibration(home, best.run_id)
    assert len(found) == 10
    assert sum(row.n for row in found) == best.n
    assert sum(row.right_rows for row in found) == round(best.n * (best.accuracy or 0))
    assert [row.confidence for row in found] == sorted(row.confidence for row in found)
    assert "How sure, and how often right" in said(draw("run", run_id=best.run_id))


def test_too_few_rows_are_not_drawn(draw: Draw, home: Home, snapshot: Path) -> None:
    (row,) = reader.board_rows(snapshot, "pilot", "macro_f1")
    assert reader.calibration(home, row.run_id)
    page = said(draw("run", run_id=row.run_id))
    assert "Not drawn: 120 test rows in ten parts say nothing" in page


def test_origin_environment_and_log_are_there_without_secrets(draw: Draw, tmp_path: Path) -> None:
    home, ledger = Home(tmp_path), Ledger.open(golden.make_home(tmp_path, runs=4).ledger_file)
    run = ledger.runs(states=(RunState.SUCCEEDED,), task="tickets")[0]
    home.run(run.id).log_file(1).write_text("began\ntoken hf_abcdefghijklmnop\n<b>done</b>\n")
    project(home)
    page = draw("run", folder=tmp_path, run_id=run.id)
    (log,) = page.code
    assert log.value == "began\ntoken [secret]\n<b>done</b>"
    assert "3.11" in html(page)
    (home.run(run.id).evidence / "environment.json").write_text("no JSON")
    assert home.run(run.id).environment() == {}
    ledger.close()


def test_what_a_run_goes_on_from_is_named() -> None:
    task = golden.make_task().task
    parent = Parent(run_id="r1m7yr87y2xb0h", folder="/runs/x", adapter_sha256="0" * 64)
    spec = RunSpec(task=task, method=Method.LORA, base=golden.BASE, parent=parent, subset=0.3)
    shown = dict(run_details.lineage(spec))
    assert "run?run_id=r1m7yr87y2xb0h" in shown["Goes on from"]
    assert shown["Share of train"] == "30 %"


def test_a_method_without_steps_says_so(draw: Draw, rows: list[BoardRow]) -> None:
    tfidf = next(row for row in rows if row.method == "tfidf")
    assert "does not train in steps" in said(draw("run", run_id=tfidf.run_id))


def test_how_it_came_about_names_engine_and_reason(draw: Draw, rows: list[BoardRow]) -> None:
    fallen = next(row for row in rows if row.notes)
    page = html(draw("run", run_id=fallen.run_id))
    assert "transformers: no CUDA GPU here" in page
    assert "unsloth asked for: no CUDA GPU here" in page


def test_a_failed_run_says_why(draw: Draw, rows: list[BoardRow]) -> None:
    failed = next(row for row in rows if row.state == "failed")
    test = draw("run", run_id=failed.run_id)
    assert "no label" in test.error[0].value


@pytest.mark.parametrize(
    ("state", "says"), [("queued", "waits"), ("cancelled", "cancelled by ana")]
)
def test_a_run_that_never_started_says_so(
    draw: Draw, snapshot: Path, state: str, says: str
) -> None:
    run = next(row for row in reader.elsewhere(snapshot, "tickets") if row.state == state)
    assert says in said(draw("run", run_id=run.run_id)).replace("\\", "")


def test_a_live_run_shows_its_newest_progress(draw: Draw, snapshot: Path) -> None:
    active = [row for row in reader.elsewhere(snapshot, "tickets") if row.state == "active"]
    shown = [draw("run", run_id=row.run_id) for row in active]
    bars = [bar for test in shown for bar in test.get("progress")]
    assert "step 60 of 180" in bars[0].proto.text
    assert "It is being prepared." in "".join(said(test) for test in shown)


def test_the_model_card_holds_the_numbers_of_the_page(
    draw: Draw, home: Home, best: BoardRow
) -> None:
    card = model_card(home, best.run_id)
    assert f"| macro_f1 | {best.value:.4f} | {best.low:.4f} to {best.high:.4f} | {best.n} |" in card
    assert "text-classification" in card
    assert any(
        b.label == "Model card" for b in draw("run", run_id=best.run_id).get("download_button")
    )


def test_an_unknown_run_is_said_in_plain_text(draw: Draw) -> None:
    test = draw("run", run_id="r000[x](http://y)")
    assert test.title[0].value == "No such run"
    assert "\\[x\\]" in said(test)


def test_no_run_in_the_address_says_where_to_find_one(draw: Draw) -> None:
    assert "the board" in said(draw("run"))


def test_a_run_with_broken_evidence_says_so(draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    ledger = Ledger.open(home.ledger_file)
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=40))
    spec = golden.make_spec(task, Method.TFIDF)
    run = golden.finish_run(ledger, home, task, spec, key="k", accuracy=0.8)
    ledger.close()
    (home.run(run.id).evidence / "summary.json").write_text("{}")
    project(home)
    test = draw("run", folder=tmp_path, run_id=run.id)
    assert "cannot be used" in test.error[0].value


def test_evidence_that_went_away_later_leaves_a_page(draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    ledger = Ledger.open(home.ledger_file)
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=40))
    spec = golden.make_spec(task, Method.LORA)
    run = golden.finish_run(ledger, home, task, spec, key="k", accuracy=0.8)
    ledger.close()
    project(home)
    for name in ("predictions", "curves"):
        (home.run(run.id).evidence / f"{name}.parquet").unlink()
    assert "not here any more" in said(draw("run", folder=tmp_path, run_id=run.id))
