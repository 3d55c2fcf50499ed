"""What one run did, to look at: losses, confusion, how sure against how often right, mistakes."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from leaderboard import charts, tables, words
from leaderboard.readings import Readings
from leaderboard.scheme import ink
from storage.board_rows import RunPage
from storage.records import EvidenceSummary

FEW_LABELS = 4
FEWEST_FOR_CALIBRATION = 200
"""Test rows: twenty a dot."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart with what to see on it; None where there is nothing to draw, and the caption why."""

    title: str
    chart: Any
    caption: str


def draw_charts(board: Readings, run: RunPage, summary: EvidenceSummary) -> None:
    """The pictures that there are beside each other, where the labels leave room for three."""
    losses = _curves(board, run, summary)
    found = [losses]
    if run.sealed:
        st.info("The test set is sealed until this run is put up for review.")
    else:
        found += [_confusion(board, run, summary), _calibration(board, run)]
    drawn = [picture for picture in found if picture]
    abreast = 3 if len(drawn) == 3 and len(summary.labels) <= FEW_LABELS else 2
    for place in range(0, len(drawn), abreast):
        columns = st.columns(abreast, gap="large")
        for column, picture in zip(columns, drawn[place : place + abreast], strict=False):
            with column:
                _draw(picture)

    if losses is None:
        st.caption("There is no curve of losses: this method does not train in steps.")


def _draw(picture: Picture) -> None:
    st.header(picture.title)
    if picture.chart is not None:
        st.altair_chart(picture.chart, width="stretch")
    st.caption(picture.caption)


def draw_mistakes(board: Readings, run: RunPage) -> None:
    """The surest mistakes, with their texts: only for those who may read them."""
    st.header("Worst mistakes")
    found = board.mistakes(run.run_id)
    if not found:
        st.caption("No test row was predicted wrongly, or the predictions are not here any more.")
        return
    st.html(tables.mistakes(found))
    st.caption("Test rows that the model was surest to get right, and did not.")


def _curves(board: Readings, run: RunPage, summary: EvidenceSummary) -> Picture | None:
    points = board.curves(run.run_id)
    if not points:  # the method does not train in steps
        return None
    return Picture(
        "Loss while training",
        charts.curves(points, summary.best_step, ink()),
        "Validation loss that turns up while train loss falls is overfitting. "
        f"The model of step {summary.best_step} was kept, of {summary.steps}.",
    )


def _confusion(board: Readings, run: RunPage, summary: EvidenceSummary) -> Picture | None:
    if not summary.labels:  # answers that are written are not confused with one another
        return None
    title = "What is taken for what"
    rows = board.confusion(run.run_id)
    if not rows:
        return Picture(title, None, "The predictions of this run are not here any more.")
    return Picture(
        title,
        charts.confusion(rows, summary.labels, ink()),
        "Test rows by true and predicted label. The shade is the share of the true label.",
    )


def _calibration(board: Readings, run: RunPage) -> Picture | None:
    rows = board.calibration(run.run_id)
    if not rows:
        return None
    title = "How sure, and how often right"
    tested = sum(row.n for row in rows)
    if tested < FEWEST_FOR_CALIBRATION:
        return Picture(
            title,
            None,
            f"Not drawn: {words.plural(tested, 'test row')} in ten parts say nothing; "
            f"{FEWEST_FOR_CALIBRATION} are the least.",
        )
    return Picture(
        title,
        charts.reliability(rows, ink()),
        "Each dot is a tenth of the test rows, with the 95 % interval of how many were right. "
        "Below the dotted line the model is surer than it may be.",
    )
