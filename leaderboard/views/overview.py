"""The first page: for each task in a sentence which model is good, and whether it was worth it."""

from datetime import datetime, timedelta

import streamlit as st

from leaderboard import listings, markup, tables, words
from leaderboard.board_table import axis
from leaderboard.markup import Figure
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
    # To the hour, so that what was read stays kept.
    since = now().replace(minute=0, second=0, microsecond=0) - WEEK
    st.html(f'<p class="tb-lead">{markup.text(_lead(board, tasks, since))}</p>')
    waiting = [row for row in board.reviews() if row.state == "in_review"]
    if waiting:
        st.header("Waiting for a decision")
        st.html(tables.reviews(waiting))
    for task in tasks:
        _card(board, task)
    if news := board.news(since):
        st.header("New in the last 7 days")
        st.html(listings.news(news))


def _lead(board: Readings, tasks: list[TaskRow], since: datetime) -> str:
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


def _card(board: Readings, task: TaskRow) -> None:
    """What a manager asks of one task."""
    st.html(f'<h2 class="tb-task">{markup.link(markup.board_address(task.name), task.name)}</h2>')
    rows = board.board_rows(task, limit=1)
    if not rows or rows[0].value is None:
        st.markdown(f"No result yet. `/tune run task={task.name} method=tfidf` starts a baseline.")
        return
    champion = board.in_production(task.name)
    st.html(markup.figures(_figures(board, task, rows[0], champion)))
    if judged := board.verdict(task.name):
        st.markdown(words.plain(f"{judged[1].top} {judged[0].sentence}".strip()))
    st.html(f'<p class="tb-lead">{_ways(task.name, rows[0], champion)}</p>')


def _ways(task: str, best: BoardRow, champion: ReviewRow | None) -> str:
    """Where to look next; what is first and what is in production side by side."""
    board = markup.link(markup.board_address(task), "All runs of this task")
    if champion is None:
        return board
    if best.run_id == champion.run_id:
        return f"What is first is in production. {board}"
    both = markup.compare_address(task, champion.run_id, best.run_id)
    link = markup.link(both, "Is it better than what is in production?")
    return f"What is first is not in production. {link} · {board}"


def _figures(
    board: Readings, task: TaskRow, best: BoardRow, champion: ReviewRow | None
) -> list[Figure]:
    flags = len(best.flags)
    noted = "no flag" if not flags else f"{words.plural(flags, 'flag')}: see its page"
    span = axis(board.board_span(task))
    return [
        Figure(
            f"First by {words.metric(task.primary_metric)}",
            words.method(best.method, best.base),
            f"{words.number(best.value)} ({words.interval(best.low, best.high)}); {noted}",
            markup.run_address(best.run_id),
            markup.bar(best.value, best.low, best.high, *span),
        ),
        _against_baseline(task, best),
        _in_production(champion),
        Figure(
            words.in_currency("Cost of 1,000 answers", board.currency()),
            words.cost(best.cost_per_1000),
            f"latency p95 {words.milliseconds(best.latency_p95_ms)}",
        ),
    ]


def _against_baseline(task: TaskRow, best: BoardRow) -> Figure:
    name = "Against the best baseline"
    if best.difference is None:
        if Method(best.method).is_baseline:
            return Figure(name, "is a baseline")
        return Figure(name, "not compared", "there is no baseline yet")
    between = words.points_interval(best.difference_low, best.difference_high, task.primary_metric)
    word = words.difference(best.difference_low, best.difference_high)
    return Figure(name, words.points(best.difference, task.primary_metric), f"{word}, {between}")


def _in_production(champion: ReviewRow | None) -> Figure:
    if champion is None:
        return Figure("In production", "nothing approved", "submit RUN asks for a review")
    return Figure(
        "In production",
        words.method(champion.method, champion.base),
        f"{champion.run_id}, {words.ago(champion.updated_at)}",
        markup.run_address(champion.run_id),
    )
