"""Numbers by group of people, of the runs of a task."""

import streamlit as st

from leaderboard import listings, words
from leaderboard.readings import Readings
from leaderboard.views.choosing import choose_task
from leaderboard.views.opening import with_board
from storage.board_rows import GroupRow


def show() -> None:
    """Draw the page; the address names the task."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Fairness")
    task = choose_task(board)
    if task is None:
        return
    found = board.groups(task.name)
    if not found:
        named = ", ".join(task.task.sensitive)
        st.markdown(
            f"No run has numbers for {words.plain(named)} yet."
            if named
            else "This task names no sensitive column, so groups were not compared. `sensitive = "
            '["region"]` in its file does that; a changed task is a new version.'
        )
        return
    for run_id in dict.fromkeys(row.run_id for row in found):
        _run([row for row in found if row.run_id == run_id])
    st.caption(
        'Groups of fewer rows than the policy asks for are shown and not judged. "No evidence of '
        'bias" is not "evidence of no bias": look at n and at the intervals.'
    )


def _run(rows: list[GroupRow]) -> None:
    first = rows[0]
    st.subheader(words.plain(words.method(first.method, first.base)))
    st.caption(f"{first.run_id}, seed {first.seed}")
    st.html(listings.group_rows(rows))
