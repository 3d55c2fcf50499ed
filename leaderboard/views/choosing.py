"""What several pages ask first: of which task, and which runs. The address keeps the answer."""

from collections.abc import Callable, Iterable

import streamlit as st

from leaderboard import words
from leaderboard.readings import Readings
from storage.board_rows import BoardRow, TaskRow

MOST_RUNS = 500


def choose_task(board: Readings, on_change: Callable[[], None] | None = None) -> TaskRow | None:
    """The task that the address names, else the one with the most results; None without tasks.

    It stands in the address always: which task has the most results may be another tomorrow.
    """
    tasks = board.tasks()
    if not tasks:
        st.markdown("No task yet. Register one: `tuneboard task add FILE`, or in Slack.")
        return None
    names = [task.name for task in tasks]
    if (asked := st.query_params.get("task")) and asked not in names:
        st.warning(
            f"There is no task {words.plain(repr(asked))} on this board.",
            icon=":material/search_off:",
        )
    most = max(range(len(tasks)), key=lambda place: tasks[place].standings)
    place = names.index(asked) if asked in names else most
    chosen = st.selectbox("Task", names, index=place, key="task", on_change=on_change, width=320)
    st.query_params["task"] = chosen
    return tasks[names.index(chosen)]


def choose_runs(rows: list[BoardRow], most: int, fewest: int = 2) -> list[BoardRow]:
    """Some runs of a board, the first of it where the address names none."""
    known = {row.run_id: row for row in rows if row.value is not None}
    named_there = list(dict.fromkeys(filter(None, st.query_params.get("runs", "").split(","))))
    asked = [name for name in named_there if name in known][:most]
    if gone := [name for name in named_there if name not in known]:
        st.warning(
            f"No run with a result is called {words.plain(', '.join(gone))} here.",
            icon=":material/search_off:",
        )
    default = asked or _best_ways(known.values())[:fewest]
    chosen = st.multiselect(
        f"Runs, up to {most}",
        list(known),
        default=default,
        max_selections=most,
        format_func=lambda run_id: named(known[run_id]),
        placeholder="Choose runs",
    )
    st.query_params["runs"] = ",".join(chosen)
    return [known[run_id] for run_id in chosen]


def _best_ways(rows: Iterable[BoardRow]) -> list[str]:
    """The first run of each method and base: seeds of one way say little side by side."""
    ways: dict[tuple[str, str], str] = {}
    for row in rows:
        ways.setdefault((row.method, row.base), row.run_id)
    return list(ways.values())


def named(row: BoardRow) -> str:
    return f"{words.method(row.method, row.base)}, seed {row.seed} ({row.run_id})"


def all_rows(board: Readings, task: TaskRow) -> list[BoardRow]:
    """The board of a task, its best 500."""
    return board.board_rows(task, limit=MOST_RUNS)
