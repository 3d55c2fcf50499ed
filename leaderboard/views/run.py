"""A run: what came out, how sure, what to look out for, and how it came about."""

from functools import partial

import streamlit as st

from leaderboard import markup, run_details, tables, words
from leaderboard.judged import judged
from leaderboard.markup import Figure
from leaderboard.readings import Readings
from leaderboard.signing_in import may_see_texts, sees_texts
from leaderboard.views import voting
from leaderboard.views.opening import with_board
from leaderboard.views.run_charts import draw_charts, draw_mistakes
from storage.board_rows import RunPage
from storage.model_card import model_card
from storage.records import Event, EvidenceSummary, Metric

LOG_LINES = 60
LIVE_EVERY = "2s"


def show() -> None:
    """Draw the page of the run that the address names."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    run_id = st.query_params.get("run_id", "")
    if not run_id:
        st.title("Which run?")
        st.markdown(
            "Open a run from [the board](./), from its message in Slack, or by its id: "
            "`/run?run_id=r1k2m3n4p5`."
        )
        return
    run = board.run_page(run_id)
    if run is None:
        st.title("No such run")
        st.markdown(
            f"The board knows no run {words.plain(run_id)}. A run that was just started appears "
            "within seconds; load the page again."
        )
        return
    _header(run)
    _state(run)
    if run.summary:
        _evidence(board, run, run.summary)
    _history(board, run)


def _header(run: RunPage) -> None:
    st.title(words.plain(words.method(run.method, run.base)))
    pills = [markup.pill(words.state(run.state), run.state)]
    pills += (
        [markup.pill(words.status(run.status), run.status)]
        if run.state == "succeeded" and run.status
        else []
    )
    pills += [markup.pill("provisional", "provisional")] if run.provisional else []
    st.html(
        f'<p class="tb-lead">{" ".join(pills)} &ensp;'
        f"{markup.link(markup.board_address(run.task), run.task)} version {run.task_version} · "
        f'<span class="tb-mono">{markup.text(run.run_id)}</span> · seed {run.seed} · '
        f"{markup.text(run.requested_by)}, {words.ago(run.created_at)}</p>"
    )


def _state(run: RunPage) -> None:
    """What to know about a run that has no result, or no place."""
    if run.state == "active":
        _progress(run)
    elif run.state == "queued":
        why = f" ({words.plain(run.reason)})" if run.reason else ""
        st.info(f"It waits for a free place{why}.", icon=":material/hourglass_empty:")
    elif run.state == "failed":
        st.error(words.plain(run.reason) or "The run failed.", icon=":material/error:")
    elif run.state == "cancelled":
        st.info(words.plain(run.reason) or "The run was cancelled.", icon=":material/cancel:")
    elif run.problem:
        st.error(
            f"Its evidence cannot be used: {words.plain(run.problem)}",
            icon=":material/broken_image:",
        )
    elif run.unranked_because:
        st.info(f"It has no place: {words.plain(run.unranked_because)}.", icon=":material/info:")


@st.fragment(run_every=LIVE_EVERY)
def _progress(run: RunPage) -> None:
    """How far the training is; drawn anew by itself until the board says that it ended."""
    with_board(partial(_draw_progress, run))


def _draw_progress(run: RunPage, board: Readings) -> None:
    page = board.run_page(run.run_id)
    if page is not None and page.state != run.state:
        st.rerun()  # it ended: the whole page is another
    event = board.newest_event(run.run_id, run.attempt)
    if event is None or event.step is None:
        st.info("It is being prepared.", icon=":material/sync:")
        return
    share, said = _told(event)
    st.progress(share, text=said)


def _told(event: Event) -> tuple[float, str]:
    """The share that is done, and step, loss and time left in words."""
    share = (event.step or 0) / event.steps if event.steps else 0.0
    parts = [f"step {event.step:,} of {event.steps:,}" if event.steps else f"step {event.step:,}"]
    parts += [f"loss {event.loss:.3f}"] if event.loss is not None else []
    parts += [f"{words.duration(event.eta_s)} to go"] if event.eta_s is not None else []
    return min(share, 1.0), " · ".join(parts)


def _evidence(board: Readings, run: RunPage, summary: EvidenceSummary) -> None:
    metrics = board.run_metrics(run.run_id)
    st.html(markup.figures(_figures(run, metrics)))
    for note in run.provisional:
        st.caption(f"Provisional: {words.plain(note)}.")
    if run.targets:
        st.header("Targets")
        st.html(tables.targets(run.targets))
    attention, rest = judged(board.run_checks(run.run_id), run.gate)
    if run.gate:
        st.header(f"Policy: {words.GATES[run.gate.status]} ({words.plain(run.gate.counts)})")
    if attention:
        st.html(attention)
    else:
        st.markdown("No check warns and none fails.")
    draw_charts(board, run, summary)
    _by_label(metrics)
    if by_group := tables.groups(tables.of_groups(metrics)):
        st.header("By group")
        st.html(by_group)
    if not run.sealed and sees_texts(board.home, run.spec.task):
        draw_mistakes(board, run)
    votes = board.votes(run.run_id)
    if votes.people:
        st.header("Blind votes")
        st.markdown(words.plain(voting.result(votes)))
    if rest:
        st.header("The other checks")
        st.html(rest)
    st.header("All numbers on test")
    st.html(tables.metrics(metrics))
    _origin(run, summary, metrics)
    if not run.sealed:
        st.download_button(
            "Model card",
            data=partial(model_card, board.home, run.run_id),
            file_name=f"{run.run_id}.md",
            mime="text/markdown",
            icon=":material/description:",
        )


def _by_label(metrics: list[Metric]) -> None:
    if by_label := tables.classes(metrics):
        st.header("By label")
        st.html(by_label)


def _figures(run: RunPage, metrics: list[Metric]) -> list[Figure]:
    named = {m.name: m for m in metrics if m.split == "test" and not m.group}
    first = named.get(run.primary_metric)
    shown = [(first, run.primary_metric)] if first else []
    shown += [(named[n], n) for n in ("accuracy", "macro_f1", "roc_auc") if n in named]
    unique = {name: metric for metric, name in shown}
    place = words.place(run.place_low, run.place_high)
    figures = [Figure("Place", place, "as far as the data tell" if run.ranked else "not ranked")]
    figures += [
        Figure(words.metric(name), words.number(m.value), _note(m), drawn=tables.drawn(m))
        for name, m in unique.items()
    ]
    return figures + tables.against_baseline(run)


def _note(metric: Metric) -> str:
    if metric.value is None:
        return metric.missing_because or ""
    return f"{words.interval(metric.low, metric.high)}, n = {metric.n:,}"


def _origin(run: RunPage, summary: EvidenceSummary, metrics: list[Metric]) -> None:
    st.header("How it came about")
    left, right = st.columns(2, gap="large")
    with left:
        st.html(markup.facts(_engine_facts(summary)))
    with right:
        facts = [*run_details.lineage(run.spec), *tables.costs(metrics), *_digests(run, summary)]
        st.html(markup.facts(facts))


def _engine_facts(summary: EvidenceSummary) -> list[tuple[str, str]]:
    base = summary.base
    settings = {name: value for name, value in summary.training.items() if value is not None}
    trained = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings.items()
    )
    pairs = [
        ("Engine", f"{summary.engine}: {summary.engine_reason}"),
        *[("Note", note) for note in summary.notes],
        ("Device", f"{summary.device}, {summary.dtype}"),
        ("Base", f"{base.name}, {base.parameters:,} parameters, {base.source}" if base else ""),
        ("Weights", base.weights_sha256[:12] if base else ""),
        ("Settings", trained),
        ("By default", ", ".join(summary.defaults)),
        ("Rows", ", ".join(f"{split} {rows:,}" for split, rows in summary.rows.items())),
        ("Time", ", ".join(f"{n} {words.duration(s)}" for n, s in summary.seconds.items())),
    ]
    return [(name, markup.text(value)) for name, value in pairs if value]


def _digests(run: RunPage, summary: EvidenceSummary) -> list[tuple[str, str]]:
    pairs = [
        ("Data", summary.dataset_digest),
        ("Test set", summary.test_digest),
        ("Evidence", run.evidence_digest),
    ]
    return [
        (name, f'<span class="tb-mono">{markup.text(digest[:12])}</span>')
        for name, digest in pairs
        if digest
    ]


def _history(board: Readings, run: RunPage) -> None:
    with st.expander("Every step of this run"):
        st.html(tables.steps(board.run_steps(run.run_id)))
    if found := run_details.environment(board.environment(run.run_id)):
        with st.expander("What it ran on"):
            st.html(markup.facts(found))
    # A log may name rows: it is for those who may read them.
    may_read = may_see_texts(board.home, run.spec.task)
    lines = board.log_tail(run.run_id, run.attempt, LOG_LINES) if run.attempt and may_read else []
    if lines:
        with st.expander(f"The end of the log of attempt {run.attempt}"):
            st.code("\n".join(lines), language=None, wrap_lines=True)
