"""The smaller pages: what they show is what the board holds, and what is missing is said."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import golden
import pytest
from pages import Draw, html, said
from sqlalchemy import text

from bot.hosts.projection import project
from leaderboard import printing, words
from leaderboard.app import MENU, PAGES
from leaderboard.drift import label_shifts
from leaderboard.readings import Readings
from leaderboard.views import audit, fairness, tradeoffs
from storage import board_reader as reader
from storage.board_rows import BoardRow
from storage.home import Home
from storage.ledger import Ledger
from storage.records import DatasetVersion, RunState, Split, SplitSummary, now


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a task and nothing else."""
    made = golden.make_home(tmp_path_factory.mktemp("empty"), runs=0, test_rows=240)
    project(made)
    return made.path


@pytest.mark.parametrize("page", [name for name in PAGES if name != "run"])
def test_every_page_can_be_drawn_with_and_without_runs(draw: Draw, empty: Path, page: str) -> None:
    for folder in (None, empty):
        assert draw(page, folder=folder).title


def test_a_page_without_a_board_says_how_to_get_one(draw: Draw, tmp_path: Path) -> None:
    assert draw("compare", folder=tmp_path).title[0].value == "No board yet"


def test_every_page_is_in_the_menu() -> None:
    assert {name for entries in MENU.values() for name in entries} == set(PAGES)


def test_the_overview_says_of_each_task_what_a_manager_asks(
    draw: Draw, rows: list[BoardRow], snapshot: Path
) -> None:
    page = html(draw("overview"))
    assert words.method(rows[0].method, rows[0].base) in page
    assert f"{words.number(rows[0].value)} (" in page
    judged = reader.verdict(snapshot, "tickets")
    assert judged is not None
    assert words.plain(judged[0].sentence) in said(draw("overview"))
    assert draw("overview", task="tickets").title[0].value == "tickets"


def test_the_overview_leads_to_what_is_in_production(
    draw: Draw, rows: list[BoardRow], snapshot: Path, tmp_path: Path
) -> None:
    approved = next(row for row in reader.reviews(snapshot) if row.state == "approved")
    assert approved.run_id == rows[0].run_id
    assert "What is first is in production." in html(draw("overview"))
    home, ledger = Home(tmp_path), Ledger.open(golden.make_home(tmp_path, runs=8).ledger_file)
    other = ledger.runs(states=(RunState.SUCCEEDED,), task="tickets")[-2].id
    with ledger.write() as db:
        db.execute(text("update reviews set run_id = :id where state = 'approved'"), {"id": other})
    project(home)
    found = reader.newest_snapshot(home)
    assert found
    best = reader.board_rows(found, "tickets", "macro_f1")[0].run_id
    page = html(draw("overview", folder=tmp_path))
    assert f"compare?task=tickets&amp;runs={other},{best}" in page
    ledger.close()


def test_the_overview_tells_what_became_best_and_what_was_decided(
    draw: Draw, snapshot: Path
) -> None:
    since = now() - timedelta(days=7)
    found = reader.news(snapshot, since, limit=100)
    moments = [row.happened_at for row in found]
    assert moments == sorted(moments, reverse=True)
    decided = [row for row in found if row.what != "new best"]
    assert sorted(row.reason for row in decided) == sorted(r.reason for r in reader.chain(snapshot))
    assert all(row.value is not None for row in found if row.what == "new best")
    assert decided[0].reason in html(draw("overview"))
    assert reader.news(snapshot, now() + timedelta(days=1)) == []


def test_what_is_in_production_is_the_newest_approval_of_each_task(snapshot: Path) -> None:
    found = reader.approved(snapshot)
    newest = [row for row in reader.reviews(snapshot) if row.state == "approved"]
    assert [row.id for row in found] == [row.id for row in newest]
    assert reader.approved(snapshot, each=0) == []


def test_fairness_has_each_check_of_each_run_and_the_groups_of_the_chosen(
    draw: Draw, snapshot: Path, rows: list[BoardRow]
) -> None:
    found = reader.task_checks(snapshot, "tickets", fairness.CHECKS)
    assert {row.id for row in found} <= set(fairness.CHECKS)
    measured = next(row for row in found if row.value is not None)
    best = next(row for row in rows if row.value is not None)
    page = html(draw("fairness", task="tickets", runs=best.run_id))
    assert words.figure(measured.value or 0) in page
    groups = [row for row in reader.groups(snapshot, "tickets") if row.run_id == best.run_id]
    assert groups
    for row in groups:
        assert words.group(row.group) in page
        assert row.value is None or f">{words.number(row.value)}<" in page


def test_two_runs_are_compared_on_the_same_rows(draw: Draw, rows: list[BoardRow]) -> None:
    pair = [row for row in rows if row.value is not None and row.ranked][:2]
    test = draw("compare", task="tickets", runs=",".join(row.run_id for row in pair))
    page = html(test)
    for row in pair:
        assert f">{words.number(row.value)}<" in page
    assert "p = " in page
    assert f"n = {pair[0].n:,}" in page
    assert "examples?task=tickets" in page


def test_only_one_run_is_no_comparison(draw: Draw, rows: list[BoardRow]) -> None:
    test = draw("compare", task="tickets", runs=rows[0].run_id)
    assert "Choose two runs" in test.info[0].value


def test_a_run_that_the_address_names_and_nobody_knows_is_said(
    draw: Draw, rows: list[BoardRow]
) -> None:
    first, second = rows[0].run_id, rows[1].run_id
    test = draw("compare", task="tickets", runs=f"{first},r0*nope*,{first},{second}")
    assert "r0" in test.warning[0].value
    assert test.multiselect[0].value == [first, second]
    assert "p = " in html(test)


def test_examples_of_a_label_or_a_group_can_be_looked_at(
    draw: Draw, home: Home, rows: list[BoardRow]
) -> None:
    first = rows[0].run_id
    parts = reader.slices(home, first)
    labels, groups = ([p for p in parts if bool(p.column) is named] for named in (False, True))
    assert sum(part.n for part in labels) == sum(part.n for part in groups) == rows[0].n
    for part in (labels[0], groups[0]):
        assert len(reader.examples(home, (first,), part=part, limit=1000)) == part.n
    wanted = {row.gold for row in reader.examples(home, (first,), part=labels[0])}
    assert wanted == {labels[0].value}
    asked = f"{groups[0].column}: {groups[0].value}"
    test = draw("examples", task="tickets", runs=first, slice=asked)
    assert test.selectbox(key="slice").value == asked


def test_examples_can_be_searched(draw: Draw, home: Home, rows: list[BoardRow]) -> None:
    ids = tuple(row.run_id for row in rows if row.value is not None)[:2]
    every = reader.examples(home, ids, limit=1000)
    wrong = reader.examples(home, ids, wrong_only=True, limit=1000)
    assert 0 < len(wrong) < len(every) == 240
    assert all(len(row.said) == 2 for row in every)
    assert any(not said.right for said in wrong[0].said)
    word = wrong[0].text.split()[0]
    test = draw("examples", task="tickets", runs=",".join(ids))
    test.text_input[0].set_value(word).run()
    shown = html(test)
    assert word in shown
    test.text_input[0].set_value("no text has these words").run()
    assert "No example is like this" in said(test)


def test_the_front_holds_what_no_other_beats_in_both() -> None:
    def row(run_id: str, value: float, cost: float) -> Any:
        return type("Row", (), {"run_id": run_id, "value": value, "cost": cost})()

    rows = [row("cheap", 0.7, 1), row("good", 0.9, 5), row("beaten", 0.8, 6), row("worse", 0.6, 2)]
    for less, names in ((False, ["cheap", "good"]), (True, ["cheap", "worse"])):
        found = tradeoffs._front(rows, "cost", less_is_better=less)
        assert [row.run_id for row in found] == names


def test_the_chain_is_verified_and_a_changed_link_is_found(draw: Draw, snapshot: Path) -> None:
    test = draw("audit")
    test.button[0].click().run()
    assert "links hold" in test.success[0].value
    found = reader.chain(snapshot)
    head = reader.publication(snapshot).chain_head
    assert audit._problem(found, head) == ""

    changed = [replace(found[0], reason="another"), *found[1:]]
    assert "not as it was written" in audit._problem(changed, head)
    assert "missing" in audit._problem(found[1:], head)
    assert "head" in audit._problem(found, "0" * 64)


def test_an_approval_ends_where_the_policy_says_so(draw: Draw, tmp_path: Path) -> None:
    assert "no end is set" in html(draw("production"))
    home, ledger = Home(tmp_path), Ledger.open(golden.make_home(tmp_path, runs=8).ledger_file)
    policy = golden.make_task().task.policy
    for days, words_shown in ((30, "days left"), (1, "it has ended")):
        changed = policy.model_copy(update={"approval_days": days})
        made = golden.make_task(policy=changed)
        golden.add_golden_task(ledger, made)
        with ledger.write() as db:
            then = {"then": (now() - timedelta(days=2)).isoformat()}
            db.execute(text("update reviews set updated_at = :then"), then)
        project(home)
        page = draw("production", folder=tmp_path)
        assert words_shown in html(page)
    assert "Put the run up for review anew" in page.warning[0].value
    ledger.close()


def test_what_was_used_adds_up_to_all_runs(snapshot: Path, draw: Draw) -> None:
    found = reader.usage(snapshot)
    with_board = draw("queue")
    total = sum(row.runs for row in found)
    assert f"{total} runs" in said(with_board)
    assert {row.task for row in found} == {"tickets", "pilot"}


def test_the_data_of_a_task_is_shown_with_its_splits(draw: Draw, snapshot: Path) -> None:
    page = html(draw("data", task="tickets"))
    newest = reader.versions(snapshot, "tickets")[0]
    for part in newest.dataset.splits:
        assert f">{part.rows:,}<" in page
    assert newest.dataset.content_digest[:12] in page


def _version(**counts: int) -> DatasetVersion:
    made = golden.make_task(labels=tuple(counts), test_rows=20).dataset
    part = SplitSummary(split=Split.TRAIN, rows=sum(counts.values()), class_counts=counts)
    return made.model_copy(update={"splits": (part,)})


def test_labels_that_moved_between_versions_are_told_from_luck() -> None:
    moved = label_shifts(_version(a=500, b=500), _version(a=650, b=340, c=10))
    assert [shift.label for shift in moved] == ["b", "a", "c"]
    assert [shift.is_sure for shift in moved[:2]] == [True, True]
    assert moved[0].low < 0.34 - 0.5 < moved[0].high < 0
    still = label_shifts(_version(a=50, b=50), _version(a=53, b=47))
    assert not any(shift.is_sure for shift in still)
    assert label_shifts(_version(a=1), _version(a=1).model_copy(update={"splits": ()})) == []


def test_the_newest_data_is_held_against_the_version_before(draw: Draw, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    ledger = Ledger.open(home.ledger_file)
    for size in (60, 90):
        golden.add_golden_task(ledger, golden.make_task(test_rows=size, seed=size))
    ledger.close()
    project(home)
    page = html(draw("data", home.path, task="tickets"))
    assert "cannot be told apart" in page
    assert "Drift from version 1 to 2" in said(draw("data", home.path, task="tickets"))


def test_every_metric_that_ranks_is_explained() -> None:
    from leaderboard.formulas import METRICS
    from storage.records import PRIMARY_METRICS

    ranking = {name for names in PRIMARY_METRICS.values() for name in names}
    assert ranking - {"entity_precision", "entity_recall"} <= set(METRICS)


def test_a_served_model_is_asked_from_the_page(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "tuneboard serve RUN" in draw("try").code[0].value
    with _a_model() as address:
        monkeypatch.setenv("TUNEBOARD_SERVE", address)
        monkeypatch.setenv("TUNEBOARD_SERVE_TOKEN", "right")
        test = draw("try")
        test.text_area[0].set_value("where is my <b>parcel</b>")
        test.button[0].click().run()
        page = html(test)
        assert "delivery 90.0 %, refund 10.0 %" in page
        assert "its base" in page
        monkeypatch.setenv("TUNEBOARD_SERVE_TOKEN", "wrong")
        assert "does not answer" in draw("try").warning[0].value
    assert "does not answer" in draw("try").warning[0].value


def test_a_review_is_one_page_that_loads_nothing(home: Home, snapshot: Path) -> None:
    board = Readings(home, snapshot)
    review = next(row for row in reader.reviews(snapshot) if row.state == "approved")
    page = printing.review_page(board, review)
    for word in (review.id, review.evidence_digest, reader.publication(snapshot).chain_head):
        assert word in page
    for check in reader.run_checks(snapshot, review.run_id):
        assert words.check(check.id) in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_board_leaves_as_a_file(home: Home, snapshot: Path, rows: list[BoardRow]) -> None:
    board = Readings(home, snapshot)
    lines = board.exported("tickets", "csv").decode().splitlines()
    assert len(lines) - 1 == reader.board_span(snapshot, "tickets", "macro_f1").runs
    assert rows[0].run_id in lines[1]
    assert board.exported("tickets", "parquet")[:4] == b"PAR1"


@contextmanager
def _a_model() -> Iterator[str]:
    """A server with the answers of one: the page is what is tried here."""
    said = {"answer": "delivery", "probabilities": {"delivery": 0.9, "refund": 0.1}}
    about = {"run": "r1", "task": "tickets", "method": "lora", "base": "tiny", "compares": True}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(about)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(said | {"milliseconds": 3.0, "base": said | {"milliseconds": 2.0}})

        def _send(self, found: dict[str, Any]) -> None:
            right = self.headers["Authorization"] == "Bearer right"
            content = json.dumps(found if right else {"error": "the token is needed"}).encode()
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
