"""Whether a visitor sees the pages light or dark."""

import streamlit as st

from leaderboard.charts import DARK, LIGHT, Ink


def ink() -> Ink:
    """The ink for charts in the visitor's scheme."""
    return DARK if st.context.theme.type == "dark" else LIGHT
