"""What later stages made of earlier ones: the stage × task matrix."""

import streamlit as st

from leaderboard import listings
from leaderboard.readings import Readings
from leaderboard.views.opening import with_board

CHECKS = ("forgetting_tasks", "forgetting_text")


def show() -> None:
    """Draw the page."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Retention")
    found = board.stages()
    if not found:
        st.markdown(
            "No run goes on from another yet. `/tune run task=NAME method=lora from=run:ID "
            "scoring=label_words` does, and measures every earlier stage again."
        )
        return
    st.html(listings.stages(found))
    st.caption(
        "A row is a run that goes on from another, a column a task that was learnt before: what "
        "the new weights are at on that task's test, with the 95 % interval."
    )
    st.header("What was lost")
    runs = {row.run_id for row in found}
    checks = [
        row
        for task in dict.fromkeys(row.task for row in found)
        for row in board.task_checks(task, CHECKS)
        if row.run_id in runs
    ]
    st.html(listings.checks_by_run(checks, CHECKS))
    st.caption("Against the weights that the run began with; the reason stands on the run's page.")
