"""A run: what came out, how sure, what to look out for, and how it came about."""

import streamlit as st

from leaderboard import charts, markup, run_details, tables, words
from leaderboard.readings import Readings
from leaderboard.signing_in import sees_texts
from leaderboard.views import voting
from leaderboard.views.opening import with_board
from storage.board_rows import RunPage
from storage.records import EvidenceSummary, Metric

LOG_LINES = 60
FEWEST_FOR_CALIBRATION = 200
"""Test rows: twenty a dot."""
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
    _state(board, run)
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


def _state(board: Readings, run: RunPage) -> None:
    """What to know about a run that has no result, or no place."""
    if run.state == "active":
        _progress(board, run)
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


def _progress(board: Readings, run: RunPage) -> None:
    """How far the training is; redrawn by itself until the board says that it ended."""

    @st.fragment(run_every=LIVE_EVERY)
    def live() -> None:
        event = board.newest_event(run.run_id, run.attempt)
        if event is None or event.step is None:
            st.info("It is being prepared.", icon=":material/sync:")
            return
        share = event.step / event.steps if event.steps else 0.0
        parts = [
            f"step {event.step:,} of {event.steps:,}" if event.steps else f"step {event.step:,}"
        ]
        parts += [f"loss {event.loss:.3f}"] if event.loss is not None else []
        parts += [f"{words.duration(event.eta_s)} to go"] if event.eta_s is not None else []
        st.progress(min(share, 1.0), text=" · ".join(parts))

    live()


def _evidence(board: Readings, run: RunPage, summary: EvidenceSummary) -> None:
    metrics = board.run_metrics(run.run_id)
    st.html(markup.figures(_figures(run, metrics)))
    for note in run.provisional:
        st.caption(f"Provisional: {words.plain(note)}.")
    if run.targets:
        st.subheader("Targets")
        st.html(tables.targets(run.targets))
    if run.gate:
        st.subheader(f"Policy: {words.GATES[run.gate.status]} ({words.plain(run.gate.counts)})")
        st.html(tables.findings(run.gate))
    st.subheader("Checks")
    st.html(tables.checks(board.run_checks(run.run_id)))
    left, right = st.columns(2, gap="large")
    with left:
        _curves(board, run, summary)
    with right:
        if run.sealed:
            st.info("The test set is sealed until this run is put up for review.")
        else:
            _confusion(board, run, summary)
    if not run.sealed:
        _calibration(board, run)
    st.subheader("By label")
    st.html(tables.classes(metrics))
    if by_group := tables.groups(metrics):
        st.subheader("By group")
        st.html(by_group)
    if not run.sealed and sees_texts(board.home, run.spec.task):
        _mistakes(board, run)
    votes = board.votes(run.run_id)
    if votes.people:
        st.subheader("Blind votes")
        st.markdown(words.plain(voting.result(votes)))
    st.subheader("All numbers on test")
    st.html(tables.metrics(metrics))
    _origin(run, summary, metrics)


def _figures(run: RunPage, metrics: list[Metric]) -> list[tuple[str, str, str]]:
    named = {m.name: m for m in metrics if m.split == "test" and not m.group}
    first = named.get(run.primary_metric)
    shown = [(first, run.primary_metric)] if first else []
    shown += [(named[n], n) for n in ("accuracy", "macro_f1", "roc_auc") if n in named]
    unique = {name: metric for metric, name in shown}
    place = words.place(run.place_low, run.place_high)
    figures = [("Place", place, "as far as the data tell" if run.ranked else "not ranked")]
    figures += [(words.metric(name), words.number(m.value), _note(m)) for name, m in unique.items()]
    word = words.difference(run.difference_low, run.difference_high)
    between = words.points_interval(run.difference_low, run.difference_high, run.primary_metric)
    against = f"against {run.against_method}" if run.against_method else "no other baseline"
    if run.difference is not None:
        figures.append(
            (against, words.points(run.difference, run.primary_metric), f"{word}, {between}")
        )
    return figures


def _note(metric: Metric) -> str:
    if metric.value is None:
        return metric.missing_because or ""
    return f"{words.interval(metric.low, metric.high)}, n = {metric.n:,}"


def _curves(board: Readings, run: RunPage, summary: EvidenceSummary) -> None:
    st.subheader("Loss while training")
    points = board.curves(run.run_id)
    if not points:
        st.caption("This method does not train in steps.")
        return
    st.altair_chart(charts.curves(points, summary.best_step), width="stretch")
    st.caption(
        "Validation loss that turns up while train loss falls is overfitting. "
        f"The model of step {summary.best_step} was kept, of {summary.steps}."
    )


def _confusion(board: Readings, run: RunPage, summary: EvidenceSummary) -> None:
    if not summary.labels:  # answers that are written are not confused with one another
        return
    st.subheader("What is taken for what")
    rows = board.confusion(run.run_id)
    if not rows:
        st.caption("The predictions of this run are not here any more.")
        return
    st.altair_chart(charts.confusion(rows, summary.labels), width="stretch")
    st.caption("Test rows by true and predicted label. The shade is the share of the true label.")


def _calibration(board: Readings, run: RunPage) -> None:
    rows = board.calibration(run.run_id)
    if not rows:
        return
    st.subheader("How sure, and how often right")
    tested = sum(row.n for row in rows)
    if tested < FEWEST_FOR_CALIBRATION:
        st.caption(
            f"Not drawn: {words.plural(tested, 'test row')} in ten parts say nothing; "
            f"{FEWEST_FOR_CALIBRATION} are the least."
        )
        return
    left, _ = st.columns(2, gap="large")
    with left:
        st.altair_chart(charts.reliability(rows), width="stretch")
    st.caption(
        "Each dot is a tenth of the test rows, with the 95 % interval of how many were right. "
        "Below the dotted line the model is surer than it may be."
    )


def _mistakes(board: Readings, run: RunPage) -> None:
    st.subheader("Worst mistakes")
    found = board.mistakes(run.run_id)
    if not found:
        st.caption("No test row was predicted wrongly, or the predictions are not here any more.")
        return
    st.html(tables.mistakes(found))
    st.caption("Test rows that the model was surest to get right, and did not.")


def _origin(run: RunPage, summary: EvidenceSummary, metrics: list[Metric]) -> None:
    st.subheader("How it came about")
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
    may_read = sees_texts(board.home, run.spec.task)
    lines = board.log_tail(run.run_id, run.attempt, LOG_LINES) if run.attempt and may_read else []
    if lines:
        with st.expander(f"The end of the log of attempt {run.attempt}"):
            st.code("\n".join(lines), language=None, wrap_lines=True)
