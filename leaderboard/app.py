"""The leaderboard: lists the pages. Start it with

    TUNEBOARD_HOME=DIR streamlit run leaderboard/app.py

Pages are found by address, so that chat can link to them: /board?task=…, /run?run_id=…,
/review?review_id=…
"""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from leaderboard.signing_in import return_to_place
from leaderboard.views import (
    about,
    audit,
    board,
    compare,
    data,
    examples,
    fairness,
    overview,
    production,
    queue,
    retention,
    review,
    run,
    tradeoffs,
    tryit,
)

PAGES: dict[str, Callable[[], None]] = {
    "overview": overview.show,
    "board": board.show,
    "run": run.show,
    "compare": compare.show,
    "tradeoffs": tradeoffs.show,
    "examples": examples.show,
    "data": data.show,
    "fairness": fairness.show,
    "retention": retention.show,
    "try": tryit.show,
    "review": review.show,
    "production": production.show,
    "queue": queue.show,
    "audit": audit.show,
    "about": about.show,
}
MENU = {
    "Results": {
        "overview": ("Overview", ":material/home:"),
        "board": ("Board", ":material/leaderboard:"),
        "run": ("Run", ":material/timeline:"),
        "compare": ("Compare", ":material/compare_arrows:"),
        "tradeoffs": ("Trade-offs", ":material/scatter_plot:"),
    },
    "Evidence": {
        "examples": ("Examples", ":material/rule:"),
        "data": ("Data", ":material/database:"),
        "fairness": ("Fairness", ":material/diversity_3:"),
        "retention": ("Retention", ":material/history:"),
        "try": ("Try it", ":material/chat:"),
    },
    "Decisions": {
        "review": ("Reviews", ":material/verified:"),
        "production": ("Production", ":material/rocket_launch:"),
        "audit": ("Audit", ":material/link:"),
    },
    "More": {
        "queue": ("Queue and cost", ":material/hourglass_empty:"),
        "about": ("About the numbers", ":material/functions:"),
    },
}


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(
        page_title="Tuneboard", page_icon=Path(__file__).with_name("icon.svg"), layout="wide"
    )
    st.html(Path(__file__).with_name("style.css"))
    return_to_place()
    pages = {
        section: [
            st.Page(PAGES[name], title=title, icon=icon, url_path=name, default=name == "overview")
            for name, (title, icon) in entries.items()
        ]
        for section, entries in MENU.items()
    }
    chosen = st.navigation(pages, position="top")
    st.html(_menu())
    chosen.run()


def _menu() -> str:
    """The pages for a narrow window, where Streamlit's own list has headings that are no items."""
    items = "".join(
        f'<li><a href="./{"" if name == "overview" else name}">{title}</a></li>'
        for entries in MENU.values()
        for name, (title, _) in entries.items()
    )
    return f'<details class="tb-menu"><summary>Pages</summary><nav><ul>{items}</ul></nav></details>'


if __name__ == "__main__":
    main()
