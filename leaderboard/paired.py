"""By how much one run is better than another on the same rows, from their folders."""

from pathlib import Path

import streamlit as st

from leaderboard.readings import Readings
from storage.board_rows import TaskRow
from storage.errors import CorruptFolder
from storage.home import Home
from storage.judgements import Difference
from trainer.evaluate.compare import as_difference, paired_difference
from trainer.evaluate.scoring import lower_is_better
from trainer.evaluate.stored import judged_rows


def paired(board: Readings, task: TaskRow, run_id: str, against: str) -> Difference | str:
    """The difference, turned so that more is better, or why it is not known."""
    return _paired(
        board.home.path, run_id, against, task.primary_metric, task.split, task.task.positive
    )


@st.cache_data(max_entries=200, ttl=3600, show_spinner="Comparing them row by row …")
def _paired(
    folder: Path, run_id: str, against: str, metric: str, split: str, positive: str | None
) -> Difference | str:
    home = Home(folder)
    try:
        one, other = (
            judged_rows(run, run.summary().labels, split)[0]
            for run in (home.run(run_id), home.run(against))
        )
        if lower_is_better(metric):
            one, other = other, one
        found = paired_difference(one, other, metric, positive=positive)
    except (CorruptFolder, ValueError) as error:
        return str(error)
    return as_difference(found, against)
