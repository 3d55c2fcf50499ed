"""Two to six runs of a task side by side, on the same rows."""

import streamlit as st

from leaderboard import charts, listings, markup, words
from leaderboard.paired import paired
from leaderboard.readings import Readings
from leaderboard.scheme import ink
from leaderboard.views.choosing import all_rows, choose_runs, choose_task
from leaderboard.views.opening import with_board
from storage.board_rows import BoardRow

MOST = 6


def show() -> None:
    """Draw the page; the address names task and runs."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Compare")
    task = choose_task(board)
    if task is None:
        return
    chosen = choose_runs(all_rows(board, task), MOST)
    if len(chosen) < 2:
        st.info("Choose two runs or more.", icon=":material/compare_arrows:")
        return
    first = chosen[0]
    st.header(f"Against {words.plain(words.method(first.method, first.base))}")
    st.caption(f"{first.run_id}, seed {first.seed}: the first that is chosen")
    differences = [(row, paired(board, task, row.run_id, first.run_id)) for row in chosen[1:]]
    st.html(listings.differences(differences, task.primary_metric))
    st.caption(
        f"Paired differences of {words.metric(task.primary_metric)} on the same {task.split} rows, "
        "with 95 % intervals on a common scale whose middle is no difference. They are single "
        "comparisons: the places of the board allow for all runs at once."
    )
    st.header("Numbers")
    st.html(listings.side_by_side([(row, board.run_metrics(row.run_id)) for row in chosen]))
    _curves(board, chosen)
    st.header("What was asked for")
    specs = [page.spec for row in chosen if (page := board.run_page(row.run_id))]
    st.html(listings.specs(specs, [row.run_id for row in chosen]))
    link = markup.examples_address(task.name, *(row.run_id for row in chosen[:4]))
    said = markup.link(link, "Which examples one lost that the other won")
    st.html(f'<p class="tb-lead">{said}</p>')


def _curves(board: Readings, chosen: list[BoardRow]) -> None:
    found = {row.run_id: board.curves(row.run_id) for row in chosen}
    if any(point.validation_loss is not None for points in found.values() for point in points):
        st.header("Validation loss")
        st.altair_chart(charts.validation_curves(found, ink()), width="stretch")
        st.caption("By step of training; a run that is not drawn was not trained in steps.")
