"""The data of a task: versions, what was found in the files, splits, and the size ladder."""

import streamlit as st

from leaderboard import charts, listings, markup, words
from leaderboard.drift import label_shifts
from leaderboard.markup import Figure
from leaderboard.readings import Readings
from leaderboard.scheme import ink
from leaderboard.views.choosing import choose_task
from leaderboard.views.opening import with_board
from storage.board_rows import TaskRow, VersionRow
from storage.records import DataQuality

MOST_SHIFTS = 20
"""Labels whose drift is shown, the largest first."""


def show() -> None:
    """Draw the page; the address names the task."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    st.title("Data")
    task = choose_task(board)
    if task is None:
        return
    versions = board.versions(task.name)
    newest = versions[0]
    st.html(
        f'<p class="tb-lead">version {newest.version} · '
        f'<span class="tb-mono">{markup.text(newest.dataset.content_digest[:12])}</span> · '
        f"licence {markup.text(task.task.licence or 'not given')} · registered by "
        f"{markup.text(newest.added_by)}, {words.ago(newest.added_at)}</p>"
    )
    st.html(markup.figures(_quality(newest.dataset.quality)))
    for note in newest.dataset.quality.notes:
        st.caption(words.plain(note))
    st.header("Splits")
    st.html(listings.splits(newest.dataset))
    _versions(versions)
    _ladder(board, task)
    st.header("Files")
    st.html(listings.files(newest.dataset))


def _quality(found: DataQuality) -> list[Figure]:
    folded = f"{found.duplicates_exact:,} exact; {found.kept_out_of_train:,} kept out of train"
    return [
        Figure("Rows read", f"{found.rows_read:,}", f"{found.rows_used:,} used"),
        Figure("Duplicates", f"{found.duplicates_folded:,}", folded),
        Figure("Empty rows", f"{found.empty_rows:,}", "left out"),
        Figure(
            "Conflicting labels", f"{found.conflicting_labels:,}", "texts with more than one label"
        ),
    ]


def _versions(versions: list[VersionRow]) -> None:
    if len(versions) < 2:
        return
    st.header("Versions")
    st.html(listings.versions(versions))
    st.caption(
        "Numbers on different test sets are never put side by side: each version has its own board."
    )
    shifts = label_shifts(versions[1].dataset, versions[0].dataset)[:MOST_SHIFTS]
    if shifts:
        st.header(f"Drift from version {versions[1].version} to {versions[0].version}")
        st.html(listings.shifts(shifts))
        st.caption(
            "Shares of all rows of a version; intervals hold for all labels at once. Where the "
            "labels moved, a model that was right on the old version may not be on the new one."
        )


def _ladder(board: Readings, task: TaskRow) -> None:
    rows = board.ladder(task)
    if not rows:
        return
    st.header("Would more data pay?")
    st.altair_chart(charts.ladder(rows, words.metric(task.primary_metric), ink()), width="stretch")
    judged = board.verdict(task.name)
    for sentence in judged[1].sentences if judged else ():
        if sentence.startswith("Size ladder"):
            st.markdown(words.plain(sentence))
    st.caption(
        "One line a spec; dots are runs on a share of the training rows, bars 95 % intervals."
    )
