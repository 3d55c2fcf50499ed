"""The board of a task: methods as rows, best first, with how sure we are."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from leaderboard import markup, tables, words
from leaderboard.board_table import board as board_table
from leaderboard.board_table import columns
from leaderboard.readings import Readings
from leaderboard.views.choosing import choose_task
from leaderboard.views.opening import with_board
from storage.board_reader import SORTS
from storage.board_rows import BoardFilter, BoardSpan, TaskRow
from storage.judgements import TaskNotes, Worth

PAGE_ROWS = 50


def show() -> None:
    """Draw the page; the address names the task and the page of rows."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    if not board.tasks():
        st.title("No task yet")
    task = choose_task(board, _first_page)
    if task is None:
        return
    span = board.board_span(task)
    judged = board.verdict(task.name)
    _header(board, task, judged[1].top if judged else "")
    if judged:
        _verdict(*judged)
    if not span.runs:
        st.info(
            f"No run of {task.name} has ended. Start one: "
            f"`/tune run task={task.name} method=tfidf`.",
            icon=":material/play_circle:",
        )
    else:
        _rows(board, task, span)
    if judged and judged[0].arms:
        _arms(judged[0], task)
    _elsewhere(board, task)
    if span.runs:
        _downloads(board, task)


def _downloads(board: Readings, task: TaskRow) -> None:
    left, right, _ = st.columns([1, 1, 4])
    for place, kind in ((left, "csv"), (right, "parquet")):
        place.download_button(
            f"Board as {kind.upper() if kind == 'csv' else 'Parquet'}",
            data=partial(board.exported, task.name, kind),
            file_name=f"{task.name}.{kind}",
            icon=":material/download:",
        )


def _first_page() -> None:
    """What is shown changed: begin at its top."""
    if "page" in st.session_state:
        st.session_state["page"] = 1


def _asked_for(task: TaskRow) -> str:
    return words.plural(task.labels, "label") if task.labels else "answers are written"


def _header(board: Readings, task: TaskRow, top: str) -> None:
    st.title(task.name)
    lead = (
        f"version {task.version} · ranked by {words.metric(task.primary_metric)} on "
        f"{_ranked_on(task)} · {_asked_for(task)}"
        f"{f' · owner {task.owner}' if task.owner else ''} · "
        f"updated {words.ago(board.publication().published_at)}"
    )
    st.html(f'<p class="tb-lead">{markup.text(lead)}</p>')
    if top:
        st.markdown(f"**{words.plain(top)}**")


def _ranked_on(task: TaskRow) -> str:
    if task.task.sealed:
        return f"validation ({words.plural(task.test_rows, 'test row')} sealed)"
    return words.plural(task.test_rows, "test row")


def _verdict(worth: Worth, notes: TaskNotes) -> None:
    """Whether fine-tuning was worth it, and what holds for the whole board."""
    icon = {
        "worth_it": ":material/check_circle:",
        "tie": ":material/balance:",
        "worse": ":material/trending_down:",
        "not_compared": ":material/help:",
    }[worth.verdict]
    missing = ", ".join(words.METHODS.get(name, name.upper()) for name in worth.missing)
    sentence = f"{worth.sentence} Not compared: {missing}." if missing else worth.sentence
    show = st.success if worth.verdict == "worth_it" else st.info
    show(words.plain(sentence), icon=icon)
    for note in notes.sentences:
        st.caption(words.plain(note))


def _arms(worth: Worth, task: TaskRow) -> None:
    """The decision table: what each way of doing the task costs and gains."""
    st.header("Was fine-tuning worth it?")
    st.html(tables.arms(worth, task.primary_metric))
    st.caption(
        "One run stands for each way, the best on validation; cheapest first. The cheapest is kept "
        "unless a dearer one is surely better, allowing for all of them, and by enough to matter."
    )


def _rows(board: Readings, task: TaskRow, span: BoardSpan) -> None:
    left, right = st.columns(2)
    with left:
        only = _filter()
    currency = board.currency()
    known = columns(task.primary_metric, currency)
    with right, st.expander("Columns and order", icon=":material/view_column:"):
        sort = _sort()
        chosen = _columns({key: column.label for key, column in known.items()})
    found = board.board_span(task, only).chosen
    page = _page(found)
    rows = board.board_rows(task, only, limit=PAGE_ROWS, offset=PAGE_ROWS * (page - 1), sort=sort)
    if found < span.runs:
        st.caption(f"{found:,} of {words.plural(span.runs, 'run')} are like this.")
    if rows:
        st.html(board_table(rows, span, task.primary_metric, currency, chosen))
    else:
        st.info("No run is like this. Take a filter away.", icon=":material/filter_alt:")
    st.caption(
        "Dots are measured values, bars 95 % intervals on a common scale. Differences are paired, "
        "on the same test rows. Places hold all runs against one another at once, so they ask for "
        "more than the one comparison with the baseline; a place such as 1–4 is the range that the "
        "rows allow. A group holds runs, by the mean of their seeds, that cannot be told apart: "
        "what may have the better place comes first, then the cheapest. Runs whose checks failed "
        "are kept; hover a flag for its value, its limit and the reason, or open the run."
    )


def _filter() -> BoardFilter:
    # Open where the address came with a filter, and left alone after that.
    opened = st.session_state.setdefault("filter_open", _is_filtered())
    with st.expander("Filter", icon=":material/filter_alt:", expanded=opened):
        return BoardFilter(
            methods=_several("Methods", "methods", list(words.METHODS)),
            statuses=_several("Status", "status", list(words.STATUS)),
            policies=_several("Policy", "policy", list(words.GATES)),
            words=st.text_input(
                "In the run's id, base or person",
                key="search",
                bind="query-params",
                max_chars=100,
                on_change=_first_page,
                width=320,
            ).strip(),
        )


def _is_filtered() -> bool:
    return any(name in st.query_params for name in ("methods", "status", "policy", "search"))


def _several(label: str, key: str, known: list[str]) -> tuple[str, ...]:
    # The words of the commands, unformatted: a bound widget writes what it shows into the address.
    chosen = st.pills(
        label,
        known,
        selection_mode="multi",
        key=key,
        bind="query-params",
        on_change=_first_page,
    )
    return tuple(chosen)


def _sort() -> str:
    # As above: the words of the address are what the widget shows.
    return str(
        st.selectbox(
            "Order",
            list(SORTS),
            key="sort",
            bind="query-params",
            on_change=_first_page,
            width=240,
            help="place: best first; newest; or the least latency, cost, training time or size.",
        )
    )


def _columns(known: Mapping[str, str]) -> tuple[str, ...]:
    chosen = st.pills(
        "Columns (none chosen: the usual ones)",
        list(known),
        selection_mode="multi",
        key="columns",
        bind="query-params",
    )
    st.caption(" · ".join(f"{key}: {label}" for key, label in known.items() if key != label))
    return tuple(chosen)


def _page(runs: int) -> int:
    """Which page of rows; 1 where all fit."""
    last = -(-runs // PAGE_ROWS)
    if last <= 1:
        return 1
    return int(
        st.number_input(f"Page, of {last}", 1, last, key="page", bind="query-params", width=160)
    )


def _elsewhere(board: Readings, task: TaskRow) -> None:
    rows = board.elsewhere(task.name)
    if not rows:
        return
    st.header("Without a result")
    st.html(tables.elsewhere(rows))
