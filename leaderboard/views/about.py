"""What each number means: formula, source, and how the interval was made."""

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import streamlit as st

from leaderboard import formulas, markup, words


def show() -> None:
    """Draw the page."""
    st.title("About the numbers")
    st.markdown(
        "Every number has n and a 95 % interval; *not measured* is never 0 and never a pass. How "
        "an interval was made stands beside it on the run's page."
    )
    st.caption(f"tuneboard {version('tuneboard')}. Each run's page names the code it was made by.")
    st.header("Metrics")
    rows = [
        [
            f'<span class="tb-strong">{markup.text(words.metric(name))}</span>'
            f'<span class="tb-sub tb-mono">{markup.text(name)}</span>',
            markup.text(entry.meaning),
            f'<span class="tb-mono">{markup.text(entry.formula)}</span>',
            markup.text(entry.source),
        ]
        for name, entry in formulas.METRICS.items()
    ]
    st.html(markup.table(["Metric", "Means", "Formula", "Source"], rows))
    st.header("Flags")
    if text := _flags():
        st.markdown(text)
    else:
        st.markdown("docs/flags.md, with the measured rates, is not part of this installation.")


def _flags() -> str:
    """The page about flags: from the installed package, or from the repository."""
    inside = files("leaderboard") / "flags.md"
    beside = Path(__file__).parents[2] / "docs" / "flags.md"
    for place in (inside, beside):
        if place.is_file():
            return place.read_text(encoding="utf-8").partition("\n")[2]
    return ""
