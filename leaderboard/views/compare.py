"""Two to six runs of a task side by side, on the same rows."""

import streamlit as st

from leaderboard import charts, listings, markup, words
from leaderboard.readings import Readings
from leaderboard.views.choosing import all_rows, choose_runs, choose_task
from leaderboard.views.opening import with_board
from storage.board_rows import BoardRow, TaskRow
from storage.errors import CorruptFolder
from storage.judgements import Difference
from trainer.evaluate.compare import paired_difference
from trainer.evaluate.scoring import lower_is_better
from trainer.evaluate.stored import judged_rows

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
    st.subheader(f"Against {words.method(chosen[0].method, chosen[0].base)}")
    differences = [(row, _difference(board, task, row, chosen[0])) for row in chosen[1:]]
    st.html(listings.differences(differences, task.primary_metric))
    st.caption(
        f"Paired differences of {words.metric(task.primary_metric)} on the same {task.split} rows, "
        "with 95 % intervals, of each run against the first. They are single comparisons: the "
        "places of the board allow for all runs at once."
    )
    st.subheader("Numbers")
    st.html(listings.side_by_side([(row, board.run_metrics(row.run_id)) for row in chosen]))
    _curves(board, chosen)
    st.subheader("What was asked for")
    specs = [page.spec for row in chosen if (page := board.run_page(row.run_id))]
    st.html(listings.specs(specs, [row.run_id for row in chosen]))
    link = f"./examples?task={task.name}&runs={','.join(row.run_id for row in chosen[:4])}"
    st.html(f"<p>{markup.link(link, 'Which examples one lost that the other won')}</p>")


def _difference(
    board: Readings, task: TaskRow, row: BoardRow, against: BoardRow
) -> Difference | str:
    """By how much a run is better than another, or why that is not known."""
    try:
        one, other = (
            judged_rows(folder, folder.summary().labels, task.split)[0]
            for folder in (board.home.run(row.run_id), board.home.run(against.run_id))
        )
        if lower_is_better(task.primary_metric):
            one, other = other, one
        found = paired_difference(one, other, task.primary_metric, positive=task.task.positive)
    except (CorruptFolder, ValueError) as error:
        return str(error)
    return Difference(
        against=against.run_id,
        value=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        n=found.n,
        how=found.how,
    )


def _curves(board: Readings, chosen: list[BoardRow]) -> None:
    found = {row.run_id: board.curves(row.run_id) for row in chosen}
    if any(point.validation_loss is not None for points in found.values() for point in points):
        st.subheader("Validation loss")
        st.altair_chart(charts.validation_curves(found), width="stretch")
        st.caption("By step of training; a run that is not drawn was not trained in steps.")
