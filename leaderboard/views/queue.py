"""What runs and waits, and what everybody's runs used."""

import streamlit as st

from leaderboard import listings, words
from leaderboard.readings import Readings
from leaderboard.views.opening import with_board

LIVE_EVERY = "5s"


def show() -> None:
    """Draw the page."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Queue and cost")
    _waiting()
    _used(board)


@st.fragment(run_every=LIVE_EVERY)
def _waiting() -> None:
    """What trains and waits now; drawn anew by itself."""
    with_board(_draw_waiting)


def _draw_waiting(board: Readings) -> None:
    waiting = board.waiting()
    if waiting:
        active = sum(row.state == "active" for row in waiting)
        st.markdown(f"{active} training, {len(waiting) - active} waiting, in this order.")
        st.html(listings.waiting(waiting))
    else:
        st.markdown("Nothing is training and nothing waits.")


def _used(board: Readings) -> None:
    st.header("What was used")
    found = board.usage()
    if not found:
        st.markdown("No run was started yet.")
        return
    currency = board.currency()
    st.html(listings.usage(found, currency))
    spent = words.duration(sum(row.seconds for row in found))
    runs = words.plural(sum(row.runs for row in found), "run")
    st.caption(
        f"{runs}, {spent} of machine time, failed and repeated attempts included. Costs "
        "are of finished runs, where tuneboard.toml has prices."
    )
