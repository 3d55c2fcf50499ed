"""Every decision as a link of one chain, and a button that proves it."""

import streamlit as st

from leaderboard import listings, words
from leaderboard.readings import Readings
from leaderboard.views.opening import with_board
from storage.board_rows import ChainRow
from storage.chain import GENESIS, hash_of_link


def show() -> None:
    """Draw the page."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Audit")
    found = board.chain()
    if not found:
        st.markdown("Nothing was decided yet.")
        return
    st.markdown(
        f"{words.plural(len(found), 'decision')}. Each holds the hash of the one before it, so "
        "that none can be altered or taken out without all later ones saying so."
    )
    if st.button("Verify the chain", icon=":material/verified_user:"):
        _verify(found, board.publication().chain_head)
    st.html(listings.chain(found[::-1]))
    st.caption(
        "This checks what the board was published from; `tuneboard verify` checks the ledger, "
        "and that each decision was one that its person could make."
    )


def _verify(found: list[ChainRow], head: str) -> None:
    problem = _problem(found, head)
    if problem:
        st.error(words.plain(problem), icon=":material/gpp_bad:")
    else:
        st.success(
            f"All {len(found)} links hold; the head is {found[-1].hash[:12]}.",
            icon=":material/verified_user:",
        )


def _problem(found: list[ChainRow], head: str) -> str:
    """What is wrong with the chain; empty where nothing is."""
    before = GENESIS
    for place, link in enumerate(found, 1):
        if link.seq != place:
            return f"Decision {place} is missing: {link.seq} stands in its place."
        if link.previous_hash != before:
            return f"Decision {link.seq} does not follow the one before it."
        if hash_of_link(link) != link.hash:
            return f"Decision {link.seq} is not as it was written."
        before = link.hash
    return "" if before == head else "The head of the chain is not the last decision's."
