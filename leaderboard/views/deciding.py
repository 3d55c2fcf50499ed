"""Approve or reject a review on its page, by the same rules as in chat."""

import streamlit as st

from leaderboard import words
from leaderboard.signing_in import Visitor, opened_ledger, show_who, visitor
from storage.board_rows import ReviewRow
from storage.deciding import decide_now
from storage.errors import UserError
from storage.home import Home
from storage.records import ReviewState, Verdict
from storage.reviews import get

MOST_CHARACTERS = 1000
VERBS = {"Approve": Verdict.APPROVE, "Reject": Verdict.REJECT}
SAID = "decided"
"""Where the answer to a click waits for the page to be drawn again."""


def decide_here(home: Home, review: ReviewRow) -> None:
    """What a visitor may do about an open review, or where to do it."""
    found = visitor(home)
    if answer := st.session_state.pop(SAID, None):
        kind, text = answer
        (st.success if kind == "done" else st.error)(words.plain(text))
    with opened_ledger(home) as ledger:
        state = get(ledger, review.id).state
    if state is not ReviewState.IN_REVIEW:
        if review.state == "in_review":
            st.info(f"The review is {state.value}; this page follows within seconds.")
        return
    if not found.can_log_in:
        _elsewhere(review)
        return
    show_who(found)
    if found.person is not None:
        _form(home, review, found)


def _form(home: Home, review: ReviewRow, found: Visitor) -> None:
    """Shown to everybody who is known: the rules say who may, and why not."""
    with st.form("decide", clear_on_submit=False):
        st.text_area(
            "Reason (required)",
            key="reason",
            max_chars=MOST_CHARACTERS,
            placeholder="It stays in the chain of decisions, with your name.",
        )
        left, right, _ = st.columns([1, 1, 3])
        left.form_submit_button(
            "Approve",
            icon=":material/check:",
            type="primary",
            on_click=_decide,
            args=(home, review.id, "Approve"),
        )
        right.form_submit_button(
            "Reject",
            icon=":material/close:",
            on_click=_decide,
            args=(home, review.id, "Reject"),
        )
    st.caption(
        "Refused for your own run, where the policy blocks it, and where evidence, policy or the "
        "best baseline changed since it was submitted."
    )


def _decide(home: Home, review_id: str, word: str) -> None:
    """Asks who it is once more: the form may have been drawn for somebody else's rights."""
    try:
        person = visitor(home).person
        if person is None:
            st.session_state[SAID] = ("refused", "You are not logged in any more.")
            return
        reason = str(st.session_state.get("reason", ""))
        with opened_ledger(home) as ledger:
            made = decide_now(ledger, home, review_id, person, VERBS[word], reason)
    except UserError as error:
        st.session_state[SAID] = ("refused", str(error))
        return
    text = f"{word} of {review_id} is recorded; the review is {made.review.state.value}."
    st.session_state[SAID] = ("done", text)


def _elsewhere(review: ReviewRow) -> None:
    needed = f"{review.approvals} of {words.plural(review.approvals_needed, 'approval')}"
    st.info(
        f"{needed} so far. A reviewer other than {review.requested_by} decides in Slack, on "
        f"the review's card, or in the terminal: `tuneboard approve {review.id} REASON` or "
        f"`tuneboard reject {review.id} REASON`. A reason is required.",
        icon=":material/gavel:",
    )
