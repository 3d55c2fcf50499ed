"""The first page: for each task in a sentence which model is good, and whether it was worth it."""

from datetime import timedelta

import streamlit as st

from leaderboard import markup, tables, words
from leaderboard.readings import Readings
from leaderboard.views import board as board_page
from leaderboard.views.opening import with_board
from storage.board_rows import BoardRow, ReviewRow, TaskRow
from storage.records import Method, now

WEEK = timedelta(days=7)


def show() -> None:
    """Draw the page; an address with a task is the board of it, as older links have it."""
    if "task" in st.query_params:
        board_page.show()
    else:
        with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Overview")
    tasks = board.tasks()
    if not tasks:
        st.markdown("No task yet. Register one: `tuneboard task add FILE`, or in Slack.")
        return
    st.html(f'<p class="tb-lead">{markup.text(_lead(board, tasks))}</p>')
    found = board.reviews()
    waiting = [row for row in found if row.state == "in_review"]
    if waiting:
        st.subheader("Waiting for a decision")
        st.html(tables.reviews(waiting))
    for task in tasks:
        _card(board, task, [row for row in found if row.task == task.name])


def _lead(board: Readings, tasks: list[TaskRow]) -> str:
    since = now().replace(minute=0, second=0, microsecond=0) - WEEK
    week = board.week(since)
    ended = sum(row.succeeded for row in week)
    failed = sum(row.failed for row in week)
    decided = sum(row.decided for row in week)
    training = sum(task.active for task in tasks)
    return (
        f"In the last 7 days: {words.plural(ended, 'run')} finished, {failed} failed, "
        f"{words.plural(decided, 'review')} decided · now {training} training, "
        f"{sum(task.queued for task in tasks)} waiting · "
        f"updated {words.ago(board.publication().published_at)}"
    )


def _card(board: Readings, task: TaskRow, reviews: list[ReviewRow]) -> None:
    """What a manager asks of one task."""
    st.html(f'<h2 class="tb-task">{markup.link(markup.board_address(task.name), task.name)}</h2>')
    rows = board.board_rows(task, (), 1, 0)
    if not rows or rows[0].value is None:
        st.markdown(f"No result yet. `/tune run task={task.name} method=tfidf` starts a baseline.")
        return
    st.html(markup.figures(_figures(task, rows[0], reviews, board.currency())))
    judged = board.verdict(task.name)
    if judged:
        st.markdown(words.plain(judged[0].sentence))
    if approved := _approved(reviews):
        st.html(f'<p class="tb-lead">{_against_production(task.name, rows[0], approved)}</p>')


def _approved(reviews: list[ReviewRow]) -> ReviewRow | None:
    """What was approved last: what is in production."""
    return next((row for row in reviews if row.state == "approved"), None)


def _against_production(task: str, best: BoardRow, approved: ReviewRow) -> str:
    """Whether what is first is what is in production, with the way to both side by side."""
    if best.run_id == approved.run_id:
        return "What is first is in production."
    address = f"./compare?task={task}&runs={best.run_id},{approved.run_id}"
    link = markup.link(address, "Is it better than what is in production?")
    return f"What is first is not in production yet. {link}"


def _figures(
    task: TaskRow, best: BoardRow, reviews: list[ReviewRow], currency: str
) -> list[tuple[str, str, str]]:
    metric = words.metric(task.primary_metric)
    value = f"{words.number(best.value)} ({words.interval(best.low, best.high)})"
    approved = _approved(reviews)
    champion = ("In production", "nothing approved", "submit RUN asks for a review")
    if approved:
        champion = (
            "In production",
            words.method(approved.method, approved.base),
            f"{approved.run_id}, {words.ago(approved.updated_at)}",
        )
    flags = len(best.flags)
    note = "no flag" if not flags else f"{words.plural(flags, 'flag')}: see its page"
    return [
        (f"First by {metric}", words.method(best.method, best.base), f"{value}; {note}"),
        (
            "Against the best baseline",
            words.points(best.difference, task.primary_metric)
            if best.difference is not None
            else ("is a baseline" if Method(best.method).is_baseline else "not compared"),
            words.difference(best.difference_low, best.difference_high)
            if best.difference is not None
            else ("" if Method(best.method).is_baseline else "there is no baseline yet"),
        ),
        champion,
        (
            f"Cost of 1,000 answers{f' ({currency})' if currency else ''}",
            words.cost(best.cost_per_1000),
            f"latency p95 {words.milliseconds(best.latency_p95_ms)}",
        ),
    ]
