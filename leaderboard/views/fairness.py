"""Fairness: what the checks of bias say of each run of a task, and its numbers by group."""

import streamlit as st

from leaderboard import listings, tables, words
from leaderboard.readings import Readings
from leaderboard.views.choosing import all_rows, choose_runs, choose_task
from leaderboard.views.opening import with_board
from storage.board_rows import BoardRow, TaskRow

CHECKS = (
    "bias_groups",
    "bias_counterfactual",
    "bias_amplification",
    "bias_amplification_base",
    "stereotypes",
)
MOST_RUNS = 6


def show() -> None:
    """Draw the page; the address names task and runs."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Fairness")
    task = choose_task(board)
    if task is None:
        return
    found = board.task_checks(task.name, CHECKS)
    if not found:
        st.markdown(
            f"No run of {words.plain(task.name)} has been checked yet. Start one: "
            f"`/tune run task={task.name} method=tfidf`."
        )
        return
    st.header("What the checks say")
    st.html(listings.checks_by_run(found, CHECKS))
    st.caption(
        "Hover a word for the reason; the run's page has it in full. Not run means that nothing "
        'is known, and "no evidence of bias" is not "evidence of no bias": look at n and at the '
        "intervals."
    )
    st.header("Numbers by group")
    _groups(board, task)


def _groups(board: Readings, task: TaskRow) -> None:
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
    measured = {row.run_id for row in found}
    chosen = choose_runs(
        [row for row in all_rows(board, task) if row.run_id in measured], MOST_RUNS
    )
    for row in chosen:
        _run(row)
        st.html(tables.groups(one for one in found if one.run_id == row.run_id))
    st.caption(
        "Shares of the test rows of a group, with 95 % intervals. Groups of fewer rows than the "
        "policy asks for are shown and not judged."
    )


def _run(row: BoardRow) -> None:
    st.subheader(words.plain(words.method(row.method, row.base)))
    st.caption(f"{row.run_id}, seed {row.seed}")
