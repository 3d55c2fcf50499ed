"""The two messages that are edited in place: a run's and a review's. Pure: facts to blocks."""

from collections.abc import Sequence

from bot import phrases
from bot.slack import blocks
from bot.slack.blocks import Block
from bot.slack.drawn import Drawn
from bot.slack.facts import ReviewFacts, RunFacts
from bot.slack.steps import plan_block, steps_of
from bot.slack.views import RERUN
from storage.judgements import Standing
from storage.records import (
    Check,
    Decision,
    Metric,
    Outcome,
    ReviewState,
    RunState,
    Split,
    Verdict,
)

STATE_MARKS = {
    RunState.QUEUED: "⏳",
    RunState.ACTIVE: "⚙️",
    RunState.SUCCEEDED: "✅",
    RunState.FAILED: "❌",
    RunState.CANCELLED: "⏹️",
}
REVIEW_MARKS = {
    ReviewState.IN_REVIEW: "🔎",
    ReviewState.APPROVED: "✅",
    ReviewState.REJECTED: "⛔",
    ReviewState.WITHDRAWN: "↩️",
    ReviewState.EXPIRED: "⌛",
}
CHECK_MARKS = {
    Outcome.PASS: "✓",
    Outcome.WARN: "⚠",
    Outcome.FAIL: "✗",
    Outcome.NOT_RUN: "–",
}


def run_card(facts: RunFacts) -> Block:
    """A run from queue to verdict, as `text` and `blocks`."""
    run, spec = facts.run, facts.run.spec
    headline = f"{STATE_MARKS[run.state]} *{phrases.describe(spec)}*"
    body = [blocks.section(f"{headline}\nRun `{run.id}` is *{run.state.value}*.")]
    body.append(
        blocks.fields(
            [
                ("Task", f"{spec.task.name} (version {spec.task.version})"),
                ("Method", spec.method.value),
                ("Base", spec.base.name if spec.base else "none"),
                ("Asked by", run.requested_by),
                ("Engine", facts.engine or "not chosen yet"),
                ("Attempt", str(run.attempt) if run.attempt else "not started"),
            ]
        )
    )
    body.append(plan_block(steps_of(facts)))
    body += blocks.sections([*_notices(facts), *_results(facts)])
    body.append(blocks.actions(*_run_buttons(facts)))
    return {"text": _run_text(facts), "blocks": body}


def review_card(facts: ReviewFacts) -> Block:
    """The evidence in one view, with what may be decided, as `text` and `blocks`."""
    review, run = facts.review, facts.run
    title = (
        f"{REVIEW_MARKS[review.state]} Review `{review.id}` of run `{review.run_id}` is "
        f"*{review.state.value.replace('_', ' ')}*."
    )
    body = [
        blocks.section(f"{title}\n{phrases.describe(run.run.spec)}"),
        *blocks.sections(_evidence_lines(run)),
        *blocks.sections([*_champion_lines(facts), *_worth_lines(facts)]),
        *blocks.sections(phrases.gate_lines(run.gate) if run.gate else []),
        *blocks.sections(_check_lines(run.checks) or ["No checks."]),
        *blocks.sections(mistake_lines(facts.drawn) if facts.drawn else []),
        *blocks.sections([decision_words(decision) for decision in facts.decisions]),
    ]
    if facts.is_open:
        body += [blocks.reason_field()]
    body.append(blocks.actions(*_review_buttons(facts)))
    body.append(blocks.context(_fine_print(facts)))
    text = f"{title} {phrases.describe(run.run.spec)}, asked for by {review.requested_by}."
    return {"text": blocks.escape(text), "blocks": body}


def check_words(check: Check) -> str:
    """One check with its value and limit: `⚠ overfit_gap: warning, 0.072 (limit 0.050). …`."""
    value = "" if check.value is None else f", {check.value:.3g}"
    limit = "" if check.limit is None else f" (limit {check.limit:.3g})"
    word = phrases.WORDS[check.outcome]
    return f"{CHECK_MARKS[check.outcome]} *{check.id}*: {word}{value}{limit}. {check.reason}"


def mistake_lines(found: Drawn) -> list[str]:
    """The surest mistakes: what was true, what was said, and the text where it may be shown."""
    lines = [
        f"• true *{one['gold']}*, answered *{one['predicted']}*"
        + (f": {one['text']}" if one["text"] else "")
        for one in found.mistakes
    ]
    return [f"Surest mistakes on {found.split}:", *lines] if lines else []


def decision_words(decision: Decision) -> str:
    verb = "approved" if decision.verdict is Verdict.APPROVE else "rejected"
    return f"*{decision.person}* {verb}: {decision.reason}"


# --- inside ---------------------------------------------------------------------------------------


def _run_text(facts: RunFacts) -> str:
    """The card in one line, for notifications and screen readers."""
    run = facts.run
    parts = [f"{run.id} is {run.state.value}: {phrases.describe(run.spec)}"]
    parts += [phrases.progress_line(facts.progress)] if facts.progress else []
    parts += [phrases.metric_line(metric) for metric in _headline(facts)[:1]]
    parts += [run.reason] if run.state is RunState.FAILED else []
    return blocks.cap(blocks.escape("; ".join(parts)), blocks.TEXT_LIMIT)


def _notices(facts: RunFacts) -> list[str]:
    run = facts.run
    lines = [f"Place {facts.place} in the queue."] if facts.place else []
    lines += ["It saves and ends."] if run.cancel_requested and not run.state.ended else []
    lines += [run.reason] if run.state in {RunState.FAILED, RunState.CANCELLED} else []
    return lines


def _results(facts: RunFacts) -> list[str]:
    if facts.summary is None:
        return [facts.note] if facts.note else []
    lines = [facts.note] if facts.note else []
    lines += _metric_lines(facts)
    lines += phrases.gate_lines(facts.gate)[:1] if facts.gate else []
    return lines + _check_lines(facts.checks)


def _check_lines(checks: Sequence[Check]) -> list[str]:
    """Flags in full, worst first; what passed and what was not measured by name."""
    failed, warned, passed, missing = (
        [check for check in checks if check.outcome is outcome]
        for outcome in (Outcome.FAIL, Outcome.WARN, Outcome.PASS, Outcome.NOT_RUN)
    )
    lines = [check_words(check) for check in (*failed, *warned)]
    lines += [f"✓ passed: {', '.join(check.id for check in passed)}"] if passed else []
    lines += [f"– not run: {', '.join(check.id for check in missing)}"] if missing else []
    return lines


def _metric_lines(facts: RunFacts) -> list[str]:
    lines = [phrases.metric_line(metric) for metric in _headline(facts)]
    if facts.standing:
        lines.append(f"Against the best baseline: {phrases.difference_words(facts.standing)}.")
    return [f"*{lines[0]}*", *lines[1:]] if lines else ["No numbers."]


def _headline(facts: RunFacts) -> Sequence[Metric]:
    return phrases.headline(facts.run.spec, facts.metrics)


def _run_buttons(facts: RunFacts) -> list[Block]:
    run = facts.run
    page = blocks.link("Run's page", f"{facts.board_url}/run?run_id={run.id}", 1)
    board = blocks.link("Board", f"{facts.board_url}/?task={run.spec.task.name}", 2)
    if run.state.ended:
        return [page, board, blocks.button("Run again…", RERUN, run.id)]
    if run.cancel_requested:
        return [page, board]
    question = "The run saves what it has and ends."
    return [blocks.button("Cancel", blocks.CANCEL_RUN, run.id, "danger", question), page, board]


def _review_buttons(facts: ReviewFacts) -> list[Block]:
    url = f"{facts.run.board_url}/review?review_id={facts.review.id}"
    page = blocks.link("Evidence", url, 1)
    if not facts.is_open:
        return [page]
    return [
        blocks.button("Approve", blocks.APPROVE, facts.review.id, "primary", _promotion(facts)),
        blocks.button("Reject", blocks.REJECT, facts.review.id, "danger"),
        blocks.button("Ask…", blocks.ASK, facts.review.id),
        *([blocks.button("Waive…", blocks.WAIVE, facts.review.id)] if _waivable(facts) else []),
        page,
    ]


def _promotion(facts: ReviewFacts) -> str:
    """What approving does, to be confirmed."""
    spec = facts.run.run.spec
    before = f" in place of {facts.champion.id}" if facts.champion else ""
    needed = facts.review.approvals_needed
    made = sum(decision.verdict is Verdict.APPROVE for decision in facts.decisions)
    then = "goes to production" if made + 1 >= needed else f"has {made + 1} of {needed} approvals"
    return blocks.cap(f"Run {facts.run.run.id} for {spec.task.name} {then}{before}.", 300)


def _waivable(facts: ReviewFacts) -> bool:
    """Whether something blocks or warns that a reviewer may waive."""
    gate = facts.run.gate
    return gate is not None and any(found.effect in {"block", "warn"} for found in gate.findings)


def _evidence_lines(facts: RunFacts) -> list[str]:
    lines = _metric_lines(facts)
    summary = facts.summary
    if summary is None:
        return [*lines, "The evidence cannot be read."]
    rows = ", ".join(f"{split} {summary.rows.get(split, 0):,}" for split in Split)
    lines.append(f"Data `{summary.dataset_digest[:12]}`: {rows} rows.")
    if summary.base:
        lines.append(f"Base {summary.base.name}, weights `{summary.base.weights_sha256[:12]}`.")
    seconds = phrases.total_seconds(summary)
    lines.append(f"{phrases.engine_line(summary)} {seconds:,.0f} s in all.")
    return [*lines, *_cost_lines(facts.standing)]


def _cost_lines(standing: Standing | None) -> list[str]:
    """What the run cost and what a thousand answers cost, or why that is not known."""
    found = {m.name: m for m in standing.metrics} if standing else {}
    run, answer = found.get("cost_run"), found.get("cost_per_1000")
    if run is None or run.value is None:
        return [f"Cost not measured: {run.missing_because}."] if run and run.missing_because else []
    thousand = f", {answer.value:.2g} for 1,000 answers" if answer and answer.value else ""
    return [f"Cost: {run.value:.2g} for the run{thousand} ({run.how})."]


def _champion_lines(facts: ReviewFacts) -> list[str]:
    """How it stands to the run in production, and what was asked for differently."""
    if facts.champion is None:
        return ["Nothing of this task is in production yet."]
    name = f"In production: `{facts.champion.id}` ({phrases.describe(facts.champion.spec)})."
    found = facts.drawn.against if facts.drawn else None
    if not found or found["run"] != facts.champion.id:
        return [f"{name} It is being compared."]
    if "why_not" in found:
        return [f"{name} Not compared: {found['why_not']}"]
    gain = found["difference"]
    word = "better" if gain["low"] > 0 else "worse" if gain["high"] < 0 else "cannot be told apart"
    asked = [f"{key} {new} / {old}" for key, (new, old) in found["asked"].items()]
    return [
        f"{name} Against it on the same {gain['n']:,} {found['split']} rows: {gain['value']:+.3f} "
        f"{found['metric']} ({gain['low']:+.3f} to {gain['high']:+.3f}), {word}.",
        *([f"Asked for differently (this / production): {', '.join(asked)}."] if asked else []),
    ]


def _worth_lines(facts: ReviewFacts) -> list[str]:
    return [f"Was fine-tuning worth it? {facts.worth}"] if facts.worth else []


def _fine_print(facts: ReviewFacts) -> str:
    review = facts.review
    approvals = sum(d.verdict is Verdict.APPROVE for d in facts.decisions)
    return (
        f"Submitted by {review.requested_by}; {approvals} of {review.approvals_needed} approvals. "
        f"Evidence `{review.evidence_digest[:12]}`. "
        f"Head of the decision chain `{facts.head[:12]}`."
    )
