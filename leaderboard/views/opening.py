"""What every page does first: open the newest board, or say why there is none."""

from collections.abc import Callable

import streamlit as st
from pydantic import ValidationError

from leaderboard import words
from leaderboard.readings import Readings, open_board
from storage.board_reader import BoardGone
from storage.errors import UserError


def with_board(draw: Callable[[Readings], None]) -> None:
    """Draw with the newest publication; a page that cannot be drawn says so in words."""
    try:
        board = open_board()
        if board is None:
            _nothing_yet()
        else:
            draw(board)
    except (BoardGone, ValidationError):  # the second: a record of another version
        st.warning(
            "The board is being replaced, or was made by another version of Tuneboard. Load the "
            "page again; if this stays, run `tuneboard rebuild`.",
            icon=":material/sync_problem:",
        )
    except UserError as error:
        st.warning(words.plain(str(error)), icon=":material/search_off:")


def _nothing_yet() -> None:
    st.title("No board yet")
    st.markdown(
        "Nothing was published in this home. Register a task and start a run; the board appears as "
        "soon as the first one is known:"
    )
    st.code(
        "tuneboard task add tickets.toml\ntuneboard run task=tickets method=tfidf --wait",
        language="shell",
    )
