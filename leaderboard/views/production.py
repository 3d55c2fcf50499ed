"""What was approved for use: the newest model of each task, until when, and the way back."""

from datetime import UTC, datetime

import streamlit as st

from leaderboard import markup, tables, words
from leaderboard.markup import Figure
from leaderboard.readings import Readings
from leaderboard.views.opening import with_board
from storage.board_rows import ReviewRow
from storage.judgements import approval_end
from storage.records import now


def show() -> None:
    """Draw the page."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Production")
    approved = board.approved()
    if not approved:
        st.markdown("Nothing is approved yet. `/tune submit RUN` asks for a review.")
        return
    days = {task.name: task.task.policy.approval_days for task in board.tasks()}
    for task in sorted({row.task for row in approved}):
        _task([row for row in approved if row.task == task], task, days.get(task))


def _task(rows: list[ReviewRow], task: str, days: int | None) -> None:
    """The newest approval is the champion; the one before it is the way back."""
    newest, *earlier = rows
    st.html(f'<h2 class="tb-task">{markup.link(markup.board_address(task), task)}</h2>')
    back = earlier[0] if earlier else None
    end = approval_end(newest.updated_at.replace(tzinfo=UTC), days)
    figures = [
        Figure(
            "Champion",
            words.method(newest.method, newest.base),
            f"{newest.run_id}, approved {words.ago(newest.updated_at)}",
            markup.run_address(newest.run_id),
        ),
        Figure("Holds until", *_end(end)),
        _way_back(back),
    ]
    st.html(markup.figures(figures))
    if end and end <= now():
        st.warning(
            f"This approval ended on {end:%Y-%m-%d}. Put the run up for review anew: "
            f"`/tune submit {newest.run_id}`.",
            icon=":material/event_busy:",
        )
    st.html(tables.reviews([newest, *earlier]))


def _way_back(back: ReviewRow | None) -> Figure:
    if back is None:
        return Figure("Way back", "none yet", "there was no approval before")
    return Figure(
        "Way back",
        words.method(back.method, back.base),
        f"{back.run_id}, the approval before",
        markup.run_address(back.run_id),
    )


def _end(end: datetime | None) -> tuple[str, str]:
    if end is None:
        return "no end is set", "approval_days in the task's policy sets one"
    left = f"{words.plural((end - now()).days, 'day')} left"
    return f"{end:%Y-%m-%d}", "it has ended" if end <= now() else left
