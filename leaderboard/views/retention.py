"""What later stages made of earlier ones: the stage × task matrix."""

import streamlit as st

from leaderboard import listings
from leaderboard.readings import Readings
from leaderboard.views.opening import with_board


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
        "the new weights are at on that task's test, with the 95 % interval. The check "
        "`forgetting_tasks` on the run's page holds what was lost against the policy."
    )
