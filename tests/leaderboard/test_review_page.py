"""The review page: evidence and decisions; it only reads."""

from pathlib import Path

import pytest
from pages import Draw, html, said

from leaderboard import words
from storage import board_reader as reader
from storage.board_rows import BoardRow, ReviewRow
from storage.chain import head
from storage.home import Home
from storage.ledger import Ledger


def _review(snapshot: Path, state: str) -> ReviewRow:
    return next(row for row in reader.reviews(snapshot) if row.state == state)


def test_the_list_shows_what_waits_first(draw: Draw, snapshot: Path) -> None:
    test = draw("review")
    assert "1 review" in said(test)
    page = html(test)
    places = [page.index(row.id) for row in reader.reviews(snapshot)]
    assert places == sorted(places)
    assert reader.reviews(snapshot)[0].state == "in_review"


def test_an_open_review_says_who_decides_and_where(draw: Draw, snapshot: Path) -> None:
    review = _review(snapshot, "in_review")
    text = said(draw("review", review_id=review.id))
    assert f"tuneboard approve {review.id} REASON" in text
    assert "other than ana" in text


@pytest.mark.parametrize(
    ("state", "reason"),
    [("approved", "beats the baseline, no flags"), ("rejected", "it overfits")],
)
def test_a_decision_is_shown_with_its_reason(
    draw: Draw, snapshot: Path, state: str, reason: str
) -> None:
    review = _review(snapshot, state)
    page = html(draw("review", review_id=review.id))
    assert reason in page
    assert "ruth" in page
    assert review.evidence_digest in page


def test_a_review_stands_beside_what_it_would_replace(draw: Draw, snapshot: Path) -> None:
    approved, waiting = _review(snapshot, "approved"), _review(snapshot, "in_review")
    page = html(draw("review", review_id=waiting.id))
    assert f"compare?task=tickets&amp;runs={approved.run_id},{waiting.run_id}" in page
    assert "no other run of this task is approved" in html(draw("review", review_id=approved.id))


def test_the_number_of_a_review_is_that_of_the_board(
    draw: Draw, snapshot: Path, rows: list[BoardRow]
) -> None:
    review = _review(snapshot, "in_review")
    row = next(row for row in rows if row.run_id == review.run_id)
    page = html(draw("review", review_id=review.id))
    assert f'tb-value">{words.number(row.value)}<' in page
    assert f"{words.interval(row.low, row.high)}, n = {row.n:,}" in page


def test_the_head_of_the_chain_is_the_ledgers(draw: Draw, snapshot: Path, home: Home) -> None:
    ledger = Ledger.open(home.ledger_file)
    newest = head(ledger)
    ledger.close()
    assert newest in html(draw("review", review_id=_review(snapshot, "approved").id))


def test_an_unknown_review_is_said(draw: Draw) -> None:
    assert draw("review", review_id="v0nope").title[0].value == "No such review"


def test_a_home_without_reviews_says_how_to_submit(draw: Draw, tmp_path: Path) -> None:
    import golden

    golden.make_big_board(Home(tmp_path), 1)
    assert "/tune submit RUN" in said(draw("review", folder=tmp_path))
