"""What was approved for use: the newest model of each task, what it followed, and the way back."""

import streamlit as st

from leaderboard import markup, tables, words
from leaderboard.readings import Readings
from leaderboard.views.opening import with_board
from storage.board_rows import ReviewRow


def show() -> None:
    """Draw the page."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Production")
    approved = [row for row in board.reviews() if row.state == "approved"]
    if not approved:
        st.markdown("Nothing is approved yet. `/tune submit RUN` asks for a review.")
        return
    for task in sorted({row.task for row in approved}):
        _task([row for row in approved if row.task == task], task)


def _task(rows: list[ReviewRow], task: str) -> None:
    """The newest approval is the champion; the one before it is the way back."""
    newest, *earlier = sorted(rows, key=lambda row: row.updated_at, reverse=True)
    st.html(f'<h2 class="tb-task">{markup.link(markup.board_address(task), task)}</h2>')
    back = earlier[0] if earlier else None
    figures = [
        (
            "Champion",
            words.method(newest.method, newest.base),
            f"{newest.run_id}, approved {words.ago(newest.updated_at)}",
        ),
        (
            "Way back",
            words.method(back.method, back.base) if back else "none yet",
            f"{back.run_id}, the approval before" if back else "there was no approval before",
        ),
    ]
    st.html(markup.figures(figures))
    st.html(tables.reviews([newest, *earlier]))
