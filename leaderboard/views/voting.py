"""A blind comparison: two answers without names, a choice, and only then whose they were."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from leaderboard import words
from leaderboard.readings import Readings
from leaderboard.signing_in import Visitor, opened_ledger, show_who, visitor
from storage.board_rows import VoteCount
from storage.errors import UserError
from storage.home import Home
from storage.votes import Chosen, vote
from trainer.evaluate.intervals import wilson

ROUND = "blind_round"
"""The two answers that wait for a choice; kept on the server, so that the page does not give them
away."""


def vote_here(
    board: Readings | None,
    home: Home,
    about: Mapping[str, Any],
    ask: Callable[[str], Mapping[str, Any]],
) -> None:
    """Ask both, show them in an order drawn by lot, and note what is preferred.

    Args:
        about: What the served model says of itself.
        ask: Gives the tuned answer of a text, with the base's below `base`.
    """
    run_id = str(about["run"])
    who = visitor(home)
    show_who(who)
    if who.person is None:
        st.caption("Votes are counted for people whom the settings name, once they are logged in.")
    with st.form("blind"):
        text = st.text_area("Text", max_chars=20_000, placeholder="Type a text", key="blind_text")
        sent = st.form_submit_button("Ask both", icon=":material/visibility_off:")
    if sent and text.strip():
        found = ask(text)
        answers = [("tuned", found), ("base", found["base"])]
        if secrets.randbelow(2):
            answers.reverse()
        st.session_state[ROUND] = {"run": run_id, "text": text, "answers": answers, "chosen": ""}
    _round(home, who)
    if board is not None:
        st.caption(words.plain(result(board.votes(run_id))))


def _round(home: Home, who: Visitor) -> None:
    now = st.session_state.get(ROUND)
    if not now:
        return
    for column, letter, (_, found) in zip(st.columns(2), "AB", now["answers"], strict=True):
        column.markdown(f"**{letter}**")
        column.markdown(words.plain(str(found["answer"]) or "nothing"))
    if now["chosen"]:
        _told(now)
        return
    first, second = (name for name, _ in now["answers"])
    choices = ((first, "A is better"), ("tie", "Neither"), (second, "B is better"))
    for column, (name, label) in zip(st.columns(3), choices, strict=True):
        column.button(label, on_click=_choose, args=(home, name), disabled=who.person is None)


def _told(now: Mapping[str, Any]) -> None:
    first, second = (
        "the tuned model" if name == "tuned" else "its base" for name, _ in now["answers"]
    )
    st.info(f"A was {first}, B was {second}. Your vote is counted.", icon=":material/visibility:")


def _choose(home: Home, chosen: Chosen) -> None:
    now = st.session_state[ROUND]
    try:
        person = visitor(home).person
        if person is None:
            return
        with opened_ledger(home) as ledger:
            question = hashlib.sha256(now["text"].encode()).hexdigest()
            vote(ledger, ledger.run(now["run"]), question, chosen, person)
    except UserError as error:
        st.error(words.plain(str(error)))
        return
    now["chosen"] = chosen


def result(found: VoteCount) -> str:
    """What blind votes say so far: the share that preferred the tuned model, with its interval."""
    decided, ties = found.tuned + found.base, words.plural(found.ties, "tie")
    if not decided:
        return f"No blind vote has preferred one yet ({ties})."
    between = wilson(found.tuned, decided)
    return (
        f"Blind votes: the tuned model was preferred in {found.tuned} of {decided} "
        f"({100 * found.tuned / decided:.0f} %, {100 * between.low:.0f} to "
        f"{100 * between.high:.0f} %), {ties}, by {words.plural(found.people, 'person')}. "
        "Votes of one person on like texts are less than they look."
    )
