"""The leaderboard: lists the pages. Start it with

    TUNEBOARD_HOME=DIR streamlit run leaderboard/app.py

Pages are found by address, so that chat can link to them: /?task=…, /run?run_id=…,
/review?review_id=…
"""

from pathlib import Path

import streamlit as st

from leaderboard.views import board, review, run

PAGES = {"board": board.show, "run": run.show, "review": review.show}


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(
        page_title="Tuneboard", page_icon=Path(__file__).with_name("icon.svg"), layout="wide"
    )
    st.html(Path(__file__).with_name("style.css"))
    pages = [
        st.Page(board.show, title="Board", icon=":material/leaderboard:", default=True),
        st.Page(run.show, title="Run", icon=":material/timeline:", url_path="run"),
        st.Page(review.show, title="Reviews", icon=":material/verified:", url_path="review"),
    ]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":
    main()
