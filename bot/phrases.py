"""Words for one thing: a run's spec, a number, a check, a policy. Shared by answers and cards."""

from collections.abc import Sequence

from storage.judgements import Gate, Standing
from storage.records import (
    Check,
    Event,
    EvidenceSummary,
    Metric,
    Outcome,
    Run,
    RunSpec,
    RunState,
)
from storage.run_folder import RunFolder

WORDS = {
    Outcome.PASS: "pass",
    Outcome.WARN: "warning",
    Outcome.FAIL: "FAIL",
    Outcome.NOT_RUN: "not run",
}

GATE_WORDS = {"eligible": "eligible", "needs_review": "needs review", "blocked": "BLOCKED"}
EFFECT_WORDS = {"block": "blocks:", "warn": "warns:", "waived": "waived:"}


def describe(spec: RunSpec) -> str:
    """`lora on minilm for tickets, seed 1`."""
    base = f" on {spec.base.name}" if spec.base else f" {spec.label}" if spec.label else ""
    asked = spec.training.model_dump(exclude_none=True)
    settings = "".join(f", {key} {value:g}" for key, value in asked.items())
    if spec.scoring != "auto":
        settings += f", scoring {spec.scoring}"
    if spec.subset is not None:
        settings += f", {100 * spec.subset:g} % of train"
    if spec.mix:
        others = ", ".join(f"{one.task.name}:{one.weight:g}" for one in spec.mix)
        settings += f", learnt with {others}"
    if spec.shared is not None:
        settings += f" in {spec.shared.run_id}"
    if spec.parent is not None:
        settings += f", from {spec.parent.run_id}"
    return f"{spec.method.value}{base} for {spec.task.name}, seed {spec.seed}{settings}"


def number(metric: Metric) -> str:
    """`0.947 (0.931–0.960)`, or why there is none."""
    if metric.value is None:
        return "not measured"
    interval = (
        f" ({metric.low:.3f}–{metric.high:.3f})"
        if metric.low is not None and metric.high is not None
        else ""
    )
    return f"{metric.value:.3f}{interval}"


def metric_line(metric: Metric) -> str:
    why = f": {metric.missing_because}" if metric.value is None else f", n = {metric.n:,}"
    return f"{metric.name} on {metric.split}: {number(metric)}{why}"


def stage_line(metric: Metric) -> str:
    """What an earlier stage's test says of this stage's weights."""
    task = metric.group.removeprefix("stage:")
    return f"after this stage {task} is at {metric.name} {number(metric)}, n = {metric.n:,}"


def check_line(check: Check) -> str:
    return f"{check.id}: {WORDS[check.outcome]}. {check.reason}"


def gate_lines(gate: Gate) -> list[str]:
    """What the policy says: the status with its counts, then what blocks, warns or is waived."""
    lines = [f"Policy: *{GATE_WORDS[gate.status]}* ({gate.counts})."]
    for finding in gate.findings:
        if finding.effect in {"block", "warn", "waived"}:
            lines.append(f"{EFFECT_WORDS[finding.effect]} {finding.id}: {finding.reason}")
        if finding.waiver:
            waiver = finding.waiver
            lines.append(f"waived by {waiver.person} until {waiver.until}: {waiver.reason}")
    return lines


def engine_line(summary: EvidenceSummary) -> str:
    return f"Engine: {summary.engine} on {summary.device}. {summary.engine_reason}"


def progress_line(event: Event, *, stage: bool = True) -> str:
    """The newest event of a live run in words, with or without the name of its stage."""
    parts = [event.stage or event.kind] if stage else []
    if event.step is not None and event.steps:
        parts.append(f"step {event.step} of {event.steps}")
    if event.loss is not None:
        parts.append(f"loss {event.loss:.3f}")
    if event.eta_s is not None:
        parts.append(f"about {event.eta_s:.0f} s left")
    said = [", ".join(parts)] if parts else []
    return ": ".join([*said, *([event.message] if event.message else [])])


def headline(spec: RunSpec, metrics: Sequence[Metric]) -> list[Metric]:
    """The numbers a person asks for first: the primary metric, then the usual ones.

    They are of the test split; of validation where those of test are sealed.
    """
    names = dict.fromkeys((spec.task.primary_metric, "accuracy", "macro_f1", "roc_auc"))
    whole = [m for m in metrics if not m.group]
    split = "test" if any(m.split == "test" for m in whole) else "validation"
    shown = {m.name: m for m in whole if m.split == split}
    return [shown[name] for name in names if name in shown]


def flag_words(checks: Sequence[Check]) -> list[str]:
    """The checks that did not pass, with their outcome."""
    flagged = [check for check in checks if check.outcome in {Outcome.WARN, Outcome.FAIL}]
    return [f"{check.id} {WORDS[check.outcome]}" for check in flagged]


def difference_words(row: Standing) -> str:
    """How a run stands to the best baseline, in points and words."""
    if row.difference is None:
        return "is a baseline" if row.method.is_baseline else "not compared"
    diff = row.difference
    word = "better" if diff.low > 0 else "worse" if diff.high < 0 else "cannot be told apart"
    return f"{diff.value:+.3f} ({diff.low:+.3f} to {diff.high:+.3f}), {word}"


def total_seconds(summary: EvidenceSummary) -> float:
    """From reading the data to complete evidence."""
    return round(sum(summary.seconds.values()), 3)


def newest_event(found: Run, folder: RunFolder) -> Event | None:
    """What an active run last reported."""
    if found.state is not RunState.ACTIVE or found.attempt == 0:
        return None
    events = folder.events(found.attempt).events
    return events[-1] if events else None
