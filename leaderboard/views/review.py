"""Reviews: what waits, the evidence of one, what was decided, and the decision itself."""

import streamlit as st

from leaderboard import markup, printing, tables, words
from leaderboard.judged import judged
from leaderboard.markup import Figure
from leaderboard.paired import paired
from leaderboard.readings import Readings
from leaderboard.signing_in import may_see_texts, say_texts_are_hidden
from leaderboard.views.deciding import decide_here
from leaderboard.views.opening import with_board
from leaderboard.views.run_charts import draw_charts, draw_mistakes
from storage.board_rows import ReviewRow, RunPage


def show() -> None:
    """Draw the review that the address names, or the list."""
    with_board(_draw)


def _draw(board: Readings) -> None:
    review_id = st.query_params.get("review_id")
    if not review_id:
        _list(board)
        return
    found = board.reviews(review_id)
    if not found:
        st.title("No such review")
        st.markdown(
            f"The board knows no review {words.plain(review_id)}. A review that was just opened "
            "appears within seconds; load the page again."
        )
        return
    _one(board, found[0])


def _list(board: Readings) -> None:
    st.title("Reviews")
    found = board.reviews()
    if not found:
        st.markdown(
            "Nothing was submitted yet. Who launched a run puts it up for review with "
            "`/tune submit RUN`, or `tuneboard submit RUN`; somebody else decides."
        )
        return
    waiting = sum(row.state == "in_review" for row in found)
    st.markdown(f"**{words.plural(waiting, 'review')}** waiting for a decision.")
    st.html(tables.reviews(found))


def _one(board: Readings, review: ReviewRow) -> None:
    run = board.run_page(review.run_id)
    st.title(f"Review of {words.plain(words.method(review.method, review.base))}")
    st.html(
        f'<p class="tb-lead">{markup.pill(words.status(review.state), review.state)} &ensp;'
        f"{markup.link(markup.board_address(review.task), review.task)} · "
        f"{markup.link(markup.run_address(review.run_id), review.run_id)} · seed {review.seed} · "
        f"submitted by {markup.text(review.requested_by)}, {words.ago(review.created_at)}</p>"
    )
    if run is not None:
        _evidence(board, run)
    _decisions(board, review)
    st.download_button(
        "As one page, to print or keep",
        data=lambda: printing.review_page(board, review),
        file_name=f"review-{review.id}.html",
        mime="text/html",
        icon=":material/print:",
    )


def _evidence(board: Readings, run: RunPage) -> None:
    st.html(markup.figures(_figures(board, run)))
    for note in run.provisional:
        st.caption(f"Provisional: {words.plain(note)}.")
    if worth := board.verdict(run.task):
        st.markdown(words.plain(worth[0].sentence))
    attention, rest = judged(board.run_checks(run.run_id), run.gate)
    if run.gate:
        st.header(f"Policy: {words.GATES[run.gate.status]} ({words.plain(run.gate.counts)})")
    if attention:
        st.html(attention)
    else:
        st.markdown("No check warns and none fails.")
    if run.summary:
        draw_charts(board, run, run.summary)
    if may_see_texts(board.home, run.spec.task):
        if not run.sealed:
            draw_mistakes(board, run)
    else:  # who looks, and the way to log in, stand beside the decision
        say_texts_are_hidden()
    if rest:
        st.header("The other checks")
        st.html(rest)


def _figures(board: Readings, run: RunPage) -> list[Figure]:
    metrics = {
        m.name: m
        for m in board.run_metrics(run.run_id)
        if m.split in {"test", "run"} and not m.group
    }
    figures = [Figure("Place", words.place(run.place_low, run.place_high), run.unranked_because)]
    if primary := metrics.get(run.primary_metric):
        note = f"{words.interval(primary.low, primary.high)}, n = {primary.n:,}"
        value = words.number(primary.value)
        figures.append(Figure(words.metric(primary.name), value, note, drawn=tables.drawn(primary)))
    figures += tables.against_baseline(run)
    figures.append(_against_production(board, run))
    cost = metrics.get("cost_per_1000")
    named = words.in_currency("Cost of 1,000 answers", board.currency())
    figures.append(Figure(named, words.cost(cost.value if cost else None)))
    return figures


def _against_production(board: Readings, run: RunPage) -> Figure:
    """The paired difference to what it would replace."""
    name = "Against what is in production"
    champion = board.in_production(run.task, besides=run.run_id)
    task = next((task for task in board.tasks() if task.name == run.task), None)
    if champion is None or task is None:
        return Figure(name, "nothing is", "no other run of this task is approved")
    address = markup.compare_address(run.task, champion.run_id, run.run_id)
    found = paired(board, task, run.run_id, champion.run_id)
    if isinstance(found, str):
        return Figure(name, "not compared", found, address)
    word = words.difference(found.low, found.high)
    between = words.points_interval(found.low, found.high, task.primary_metric)
    said = words.method(champion.method, champion.base)
    points = words.points(found.value, task.primary_metric)
    return Figure(name, points, f"{word}, {between}; {said}", address)


def _decisions(board: Readings, review: ReviewRow) -> None:
    st.header("Decisions")
    found = board.decisions(review.id)
    if found:
        st.html(tables.decisions(found))
    decide_here(board.home, review)
    head = board.publication().chain_head
    st.html(
        markup.facts(
            [
                ("Evidence", f'<span class="tb-mono">{markup.text(review.evidence_digest)}</span>'),
                (
                    "Head of the chain",
                    f'<span class="tb-mono">{markup.text(head or "none")}</span>',
                ),
            ]
        )
    )
    st.caption(
        "A decision is bound to this digest of the evidence and refused if a file changes. "
        "`tuneboard verify` walks along the chain of all decisions and must end at this head."
    )
