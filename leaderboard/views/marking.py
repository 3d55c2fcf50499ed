"""Reviewers say of a test example whether an answer to it may ever be wrong again."""

from collections.abc import Sequence

import streamlit as st

from leaderboard import words
from leaderboard.signing_in import opened_ledger, show_who, visitor
from storage.board_rows import ExampleRow
from storage.errors import UserError
from storage.home import Home
from storage.marks import WORDS, mark_example

SAID = "marked"
SHOWN = 80


def mark_here(home: Home, run_id: str, found: Sequence[ExampleRow]) -> None:
    """A form for reviewers who are logged in; for others, how it is done."""
    st.header("Mark an example")
    if answer := st.session_state.pop(SAID, None):
        kind, text = answer
        (st.success if kind == "done" else st.error)(words.plain(text))
    who = visitor(home)
    if not who.can_log_in:
        st.caption(
            f"In the terminal or in Slack: `mark {run_id} ROW blocker REASON`. Every later run "
            "must answer a blocker rightly; the check `regression_set` says whether it does."
        )
        return
    show_who(who)
    if not who.is_reviewer:
        return
    rows = {row.example_id: row for row in found}
    with st.form("mark"):
        st.selectbox(
            "Example",
            list(rows),
            format_func=lambda one: f"row {rows[one].row}: {rows[one].text[:SHOWN]}",
            key="marked_example",
        )
        st.radio("It is", WORDS, horizontal=True, key="mark_word")
        st.text_input("Reason (required)", max_chars=500, key="mark_reason")
        st.form_submit_button("Mark", on_click=_mark, args=(home, run_id))


def _mark(home: Home, run_id: str) -> None:
    """Asks who it is once more: rights may be gone since the form was drawn."""
    given = st.session_state
    try:
        person = visitor(home).person
        if person is None:
            given[SAID] = ("refused", "You are not logged in any more.")
            return
        with opened_ledger(home) as ledger:
            run = ledger.run(run_id)
            made = mark_example(
                ledger,
                run,
                str(given["marked_example"]),
                str(given["mark_word"]),
                person,
                str(given["mark_reason"]),
            )
    except UserError as error:
        given[SAID] = ("refused", str(error))
        return
    given[SAID] = ("done", f"Marked as {made.mark}. The board follows within seconds.")
