"""Rows of the board as HTML tables. Pure: rows in, markup out."""

from collections.abc import Iterable, Sequence

from leaderboard import words
from leaderboard.markup import Figure, bar, link, outcome, pill, run_address, table, text
from leaderboard.markup import review_address as review_at
from storage.board_rows import (
    DecisionRow,
    ElsewhereRow,
    Flag,
    GroupRow,
    Mistake,
    ReviewRow,
    RunPage,
    Step,
)
from storage.judgements import Arm, Gate, TargetReading, Worth
from storage.records import Metric, Outcome
from trainer.evaluate.units import UNBOUNDED


def gate(found: Gate | None) -> str:
    """What the policy says: icon, word and counts."""
    if found is None:
        return sub("not judged")
    kind = {"eligible": Outcome.PASS, "needs_review": Outcome.WARN, "blocked": Outcome.FAIL}
    blocking = ", ".join(_flag_word(f.id, f.outcome) for f in found.findings if f.effect == "block")
    return (
        outcome(kind[found.status], words.GATES[found.status]) + sub(blocking) + sub(found.counts)
    )


def targets(found: Sequence[TargetReading]) -> str:
    """Each target with what was measured; colour, icon and word say the same."""
    cells = [
        [
            outcome(TARGET_OUTCOMES[reading.colour], reading.colour.replace("_", " ")),
            f'<span class="tb-strong">{text(words.metric(reading.metric))}</span>',
            number(reading.value, reading.low, reading.high),
            cell(f"{reading.green:g}"),
            cell(f"{reading.red:g}"),
            text(reading.reason),
        ]
        for reading in found
    ]
    return table(["Target", "Metric", "Measured", "Green", "Red", "Why"], cells)


TARGET_OUTCOMES = {
    "green": Outcome.PASS,
    "amber": Outcome.WARN,
    "red": Outcome.FAIL,
    "not_measured": Outcome.NOT_RUN,
}


def arms(worth: Worth, primary: str) -> str:
    """The decision table: every way of doing a task, cheapest first."""
    cells = [
        [
            f"{link(run_address(arm.run_id), words.method(arm.method.value, arm.base))}"
            f"{sub('kept' if arm.run_id == worth.recommended else '')}",
            number(arm.primary.value, arm.primary.low, arm.primary.high),
            _arm_difference(arm, primary),
            cell(words.cost(arm.cost)),
            cell(words.cost(arm.cost_per_1000)),
            cell(words.milliseconds(arm.latency_p95_ms)),
        ]
        for arm in worth.arms
    ]
    columns = ["Way", words.metric(primary), "Against the one kept", "Cost in all"]
    return table([*columns, "Per 1,000 answers", "Latency p95"], cells)


def _arm_difference(arm: Arm, metric: str) -> str:
    if arm.difference is None:
        return sub("–")
    found = arm.difference
    return (
        f'<span class="tb-num">{words.points(found.value, metric)}</span> {text(arm.words)}'
        f"{sub(words.points_interval(found.low, found.high, metric))}"
    )


def cell(value: str) -> str:
    quiet = value == words.MISSING
    return f'<span class="{"tb-sub" if quiet else "tb-num"}">{text(value)}</span>'


def sub(value: str) -> str:
    return f'<span class="tb-sub">{text(value)}</span>' if value else ""


def unbroken(value: str) -> str:
    """A quiet line that is not broken, such as an interval."""
    return f'<span class="tb-sub tb-num">{text(value)}</span>' if value else ""


def number(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return sub(words.MISSING)
    between = unbroken(words.interval(low, high))
    return f'<span class="tb-num">{words.number(value)}</span>{between}'


def against_baseline(run: RunPage) -> list[Figure]:
    """How a run stands to the best baseline; nothing where it was not compared."""
    if run.difference is None:
        return []
    word = words.difference(run.difference_low, run.difference_high)
    between = words.points_interval(run.difference_low, run.difference_high, run.primary_metric)
    points = words.points(run.difference, run.primary_metric)
    name = f"against {run.against_method}, the best baseline"
    return [Figure(name, points, f"{word}, {between}")]


def drawn(metric: Metric) -> str:
    """A share with its interval on the whole axis; nothing for what is no share."""
    if metric.value is None or not 0.0 <= metric.value <= 1.0 or metric.name in UNBOUNDED:
        return ""
    return bar(metric.value, metric.low, metric.high, 0.0, 1.0)


def flags(found: Sequence[Flag], *, measured: bool = True) -> str:
    """Icon and word of each check that did not pass, with value, limit and reason on hovering."""
    if not found:
        return sub("none" if measured else "nothing to check")
    return "".join(_flag(flag) for flag in found)


def _flag(flag: Flag) -> str:
    reason = f"{flag.reason}{against_limit(flag.value, flag.limit)}"
    return outcome(flag.outcome, _flag_word(flag.id, flag.outcome), reason)


def _flag_word(identity: str, found: Outcome) -> str:
    if identity != "beats_baseline":
        return words.check(identity)
    return "below the baseline" if found is Outcome.FAIL else "baseline not beaten"


def against_limit(value: float | None, limit: float | None) -> str:
    """` (measured 0.102, limit 0.05)`."""
    if value is None:
        return ""
    return f" (measured {value:.4g}" + (")" if limit is None else f", limit {limit:.4g})")


def elsewhere(rows: Iterable[ElsewhereRow]) -> str:
    """Runs of a task that have no result."""
    cells = [
        [
            pill(words.state(row.state), row.state),
            f"{link(run_address(row.run_id), words.method(row.method, row.base))}"
            f"{sub(f'seed {row.seed}')}",
            text(row.reason or "waits for a free place"),
            f"{text(row.requested_by)}{sub(words.ago(row.updated_at))}",
        ]
        for row in rows
    ]
    return table(["State", "Run", "Why", "By"], cells)


def metrics(found: Sequence[Metric]) -> str:
    """All numbers of the whole test split with their intervals."""
    rows = [m for m in found if m.split == "test" and not m.group]
    cells = [
        [
            f'<span class="tb-strong">{text(words.metric(m.name))}</span>',
            number(m.value, m.low, m.high) if m.value is not None else sub(m.missing_because or ""),
            cell(f"{m.n:,}"),
            sub(m.how),
        ]
        for m in rows
    ]
    return table(["Metric", "On test", "n", "How the interval was made"], cells)


def costs(found: Sequence[Metric]) -> list[tuple[str, str]]:
    """What belongs to no split, as names and ready values."""
    return [
        (words.metric(m.name).capitalize(), cell(words.amount(m.name, m.value)))
        for m in found
        if m.split == "run"
    ]


def classes(found: Sequence[Metric]) -> str:
    """Precision, recall and F1 of each label on test, with the interval of F1 drawn."""
    by_label: dict[str, dict[str, Metric]] = {}
    for m in found:
        if m.split == "test" and m.group.startswith("label:"):
            by_label.setdefault(m.group.removeprefix("label:"), {})[m.name] = m
    cells = [
        [
            f'<span class="tb-strong">{text(label)}</span>',
            _class_f1(of.get("f1")),
            *[_classnumber(of.get(name)) for name in ("precision", "recall")],
            cell(words.amount("support", of["support"].value if "support" in of else None)),
        ]
        for label, of in by_label.items()
    ]
    return table(["Label", "F1", "Precision", "Recall", "Test rows"], cells)


def _class_f1(metric: Metric | None) -> str:
    if metric is None or metric.value is None:
        return _classnumber(metric)
    return (
        f'<span class="tb-strong">{words.number(metric.value)}</span>'
        f"{bar(metric.value, metric.low, metric.high, 0.0, 1.0)}{sub(_why(metric))}"
    )


def _classnumber(metric: Metric | None) -> str:
    if metric is None or metric.value is None:
        return sub((metric.missing_because if metric else None) or words.MISSING)
    return f'<span class="tb-num">{words.number(metric.value)}</span>{sub(_why(metric))}'


def _why(metric: Metric) -> str:
    return metric.how if metric.low is None else words.interval(metric.low, metric.high)


def groups(found: Iterable[Metric | GroupRow]) -> str:
    """Numbers by group of people: a row a group, a column a number; empty where there is none."""
    by_group: dict[str, dict[str, Metric | GroupRow]] = {}
    for one in found:
        by_group.setdefault(one.group, {})[one.name] = one
    names = list(dict.fromkeys(name for of in by_group.values() for name in of))
    cells = [
        [
            f'<span class="tb-strong">{text(words.group(group))}</span>',
            cell(f"{max(one.n for one in of.values()):,}"),
            *[_group_number(of.get(name)) for name in names],
        ]
        for group, of in by_group.items()
    ]
    heads = [words.metric(name.replace(":", ": ", 1)) for name in names]
    return table(["Group", "n", *heads], cells) if cells else ""


def _group_number(found: Metric | GroupRow | None) -> str:
    if found is None or found.value is None:
        return sub((found.missing_because if found else None) or words.MISSING)
    return (
        f'<span class="tb-num">{words.number(found.value)}</span>'
        f"{bar(found.value, found.low, found.high, 0.0, 1.0)}"
        f"{sub(words.interval(found.low, found.high))}"
    )


def of_groups(found: Iterable[Metric]) -> list[Metric]:
    """Of a run's numbers, those on test of groups of people or of some rows."""
    return [m for m in found if m.split == "test" and m.group and not m.group.startswith("label:")]


def mistakes(found: Iterable[Mistake]) -> str:
    """The surest mistakes, each with its text."""
    cells = [
        [
            f"{text(m.text)}{sub(f'row {m.row}')}",
            text(m.gold),
            text(m.predicted),
            cell(f"{100 * m.confidence:.0f} %"),
        ]
        for m in found
    ]
    return table(["Text", "True label", "Predicted", "Sure to"], cells)


def steps(found: Iterable[Step]) -> str:
    """What happened to a run, one step a row."""
    cells = [
        [
            text(words.moment(step.happened_at)),
            text(_subject(step)),
            text(
                f"{step.before_state} → {step.after_state}"
                if step.before_state
                else step.after_state
            ),
            text(step.actor),
            text(step.reason),
        ]
        for step in found
    ]
    return table(["When", "What", "Step", "Who", "Why"], cells)


def _subject(step: Step) -> str:
    return f"attempt {step.subject.partition('/')[2]}" if step.kind == "attempt" else step.kind


def reviews(found: Iterable[ReviewRow]) -> str:
    """Reviews, what waits first."""
    cells = [
        [
            pill(words.status(row.state), row.state),
            link(review_at(row.id), words.method(row.method, row.base)) + sub(f"seed {row.seed}"),
            text(row.task),
            text(f"{row.approvals} of {row.approvals_needed}"),
            f"{text(row.requested_by)}{sub(words.ago(row.created_at))}",
        ]
        for row in found
    ]
    return table(["State", "Run", "Task", "Approvals", "Submitted by"], cells)


def decisions(found: Iterable[DecisionRow]) -> str:
    """Decisions with their reasons and their links of the chain."""
    cells = [
        [
            pill("approved" if row.verdict == "approve" else "rejected", _verdict_kind(row)),
            text(row.person),
            text(row.reason),
            text(words.moment(row.decided_at)),
            f'<span class="tb-mono">{row.seq} · {text(row.hash[:12])}</span>',
        ]
        for row in found
    ]
    return table(["Decision", "By", "Reason", "When", "Link of the chain"], cells)


def _verdict_kind(row: DecisionRow) -> str:
    return "approved" if row.verdict == "approve" else "rejected"
