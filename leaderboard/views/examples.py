"""Test examples, and what several runs said of each."""

import streamlit as st

from leaderboard import listings, words
from leaderboard.readings import Readings
from leaderboard.signing_in import sees_texts
from leaderboard.views.choosing import all_rows, choose_runs, choose_task
from leaderboard.views.marking import mark_here
from leaderboard.views.opening import with_board
from storage.board_rows import Slice

MOST_RUNS = 4
PAGE_ROWS = 25
ALL = "all test rows"


def show() -> None:
    """Draw the page; the address names task and runs."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Examples")
    task = choose_task(board)
    if task is None:
        return
    if task.task.sealed:
        st.info(
            "The test set of this task is sealed: its examples are not shown. Look at the "
            "validation examples on a run's page.",
            icon=":material/lock:",
        )
        return
    if not sees_texts(board.home, task.task):
        return
    chosen = choose_runs(all_rows(board, task), MOST_RUNS)
    if not chosen:
        st.info("Choose a run.", icon=":material/rule:")
        return
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    asked = left.text_input("Words in the text", placeholder="refund", max_chars=200)
    with middle:
        part = _part(board, chosen[0].run_id)
    wrong = right.toggle("Only where a run was wrong", value=True)
    page = int(st.number_input("Page", 1, 400, key="page", width=160))
    found = board.examples(
        tuple(row.run_id for row in chosen),
        words=asked,
        part=part,
        wrong_only=wrong,
        limit=PAGE_ROWS,
        offset=PAGE_ROWS * (page - 1),
    )
    if not found:
        st.markdown("No example is like this.")
        return
    marks = {mark.example_id: mark for mark in board.marks(task.name)}
    st.html(listings.examples(found, chosen, marks))
    st.caption(
        f"Those that most runs had wrong come first, {words.plural(PAGE_ROWS, 'row')} a page. "
        "Texts are shown as they are in the file, and cut after 500 characters."
    )
    mark_here(board.home, chosen[0].run_id, found)


def _part(board: Readings, run_id: str) -> Slice | None:
    """The slice of the rows that is chosen: a right answer, or a group of people."""
    known = {f"{one.column or 'right answer'}: {one.value}": one for one in board.slices(run_id)}
    # The words of the address are what the widget shows.
    chosen = st.selectbox("Slice", [ALL, *known], key="slice", bind="query-params")
    return known.get(chosen)
