"""What a better number costs: the metric against latency, cost and size."""

import streamlit as st

from leaderboard import charts, listings, words
from leaderboard.readings import Readings
from leaderboard.scheme import ink
from leaderboard.views.choosing import all_rows, choose_task
from leaderboard.views.opening import with_board
from storage.board_rows import BoardRow
from trainer.evaluate.scoring import lower_is_better

AXES = {
    "latency": ("latency_p95_ms", "latency p95, ms"),
    "cost": ("cost_per_1000", "cost of 1,000 answers"),
    "training": ("train_seconds", "training, s"),
    "size": ("trainable_parameters", "parameters that were trained"),
}


def show() -> None:
    """Draw the page; the address names task and axis."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Trade-offs")
    task = choose_task(board)
    if task is None:
        return
    axis = st.segmented_control("Against", list(AXES), default="latency", key="axis")
    column, title = AXES[axis or "latency"]
    rows = [r for r in all_rows(board, task) if r.value is not None and r.ranked]
    shown = [row for row in rows if getattr(row, column) is not None]
    if not shown:
        st.info(f"No run has both: {title} was not measured.", icon=":material/scatter_plot:")
        return
    less = lower_is_better(task.primary_metric)
    best = _front(shown, column, less_is_better=less)
    metric, numbered = words.metric(task.primary_metric), [row.run_id for row in best]
    st.altair_chart(charts.tradeoff(shown, column, title, metric, numbered, ink()), width="stretch")
    st.caption(
        f"Each dot is a run, its bar the 95 % interval of {metric}. Runs in colour, with a number, "
        "are beaten by no other in both ways at once; grey ones are. "
        "A longer bar than the distance between two dots means that they cannot be told apart."
    )
    st.header("Not beaten in both")
    st.html(listings.front(best, task.primary_metric, column, board.currency()))
    left_out = len(rows) - len(shown)
    if left_out:
        st.caption(f"{words.plural(left_out, 'run')} without a measured value are not drawn.")


def _front(rows: list[BoardRow], column: str, *, less_is_better: bool) -> list[BoardRow]:
    """The runs that no other beats in both, the cheapest first: cheaper or equal, and better."""
    sign = -1.0 if less_is_better else 1.0
    ordered = sorted(rows, key=lambda r: (getattr(r, column), -sign * (r.value or 0.0)))
    best, found = float("-inf"), []
    for row in ordered:
        if sign * (row.value or 0.0) > best:
            best = sign * (row.value or 0.0)
            found.append(row)
    return found
