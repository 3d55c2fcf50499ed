"""Tables of the smaller pages: comparisons, data, people, decisions. Pure: rows in, markup out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leaderboard import words
from leaderboard.drift import Shift
from leaderboard.markup import (
    board_address,
    difference_bar,
    link,
    outcome,
    pill,
    run_address,
    table,
    text,
    word_of,
)
from storage.board_rows import (
    BoardRow,
    ChainRow,
    CheckRow,
    ElsewhereRow,
    ExampleRow,
    MarkRow,
    NewsRow,
    Said,
    StageRow,
    UsageRow,
    VersionRow,
)
from storage.judgements import Difference
from storage.records import DatasetVersion, Metric, RunSpec

FIRST = ("accuracy", "macro_f1", "roc_auc", "log_loss", "latency_p95_ms", "cost_per_1000")
"""Of the numbers that two runs share, those that are shown first."""


def differences(found: Sequence[tuple[BoardRow, Difference | str]], metric: str) -> str:
    """Each run against the first of a comparison."""
    known = [one for _, one in found if not isinstance(one, str)]
    reach = max((abs(end) for one in known for end in (one.low, one.high)), default=0.0)
    cells = []
    for row, difference in found:
        name = link(run_address(row.run_id), words.method(row.method, row.base))
        name += sub(f"seed {row.seed} · {row.run_id}")
        if isinstance(difference, str):
            cells.append([name, sub(words.MISSING), sub(difference), ""])
            continue
        between = words.points_interval(difference.low, difference.high, metric)
        drawn = difference_bar(difference.value, difference.low, difference.high, reach)
        cells.append(
            [
                name,
                num(words.points(difference.value, metric)) + drawn + sub(between),
                word_of(difference.low, difference.high),
                f'<span class="tb-num">p = {difference.p:.2g}</span>{sub(f"n = {difference.n:,}")}',
            ]
        )
    return table(["Run", "Difference", "In words", "Test"], cells)


def front(found: Sequence[BoardRow], metric: str, column: str, currency: str) -> str:
    """The runs that no other beats both in the metric and in what it takes, by their numbers."""
    cells = [
        [
            num(str(number)),
            link(run_address(row.run_id), words.method(row.method, row.base))
            + sub(f"seed {row.seed} · {row.run_id}"),
            num(words.number(row.value))
            + sub(f"{words.interval(row.low, row.high)} · n = {row.n:,}"),
            num(words.amount(column, getattr(row, column))),
            text(words.place(row.place_low, row.place_high)),
        ]
        for number, row in enumerate(found, start=1)
    ]
    took = words.metric(column).capitalize()
    if column.startswith("cost_"):
        took = words.in_currency(took, currency)
    return table(["#", "Run", words.metric(metric), took, "Place"], cells)


def side_by_side(found: Sequence[tuple[BoardRow, Sequence[Metric]]]) -> str:
    """The numbers that runs share, a column a run."""
    by_run = [
        {m.name: m for m in metrics if m.split in {"test", "run"} and not m.group}
        for _, metrics in found
    ]
    shared = set(by_run[0]).intersection(*by_run[1:])
    names = [n for n in dict.fromkeys((*FIRST, *by_run[0])) if n in shared]
    columns = ["Metric", *(f"{words.method(r.method, r.base)}, seed {r.seed}" for r, _ in found)]
    cells = [
        [f'<span class="tb-strong">{text(words.metric(name))}</span>']
        + [_number(numbers[name]) for numbers in by_run]
        for name in names
    ]
    return table(columns, cells)


def specs(found: Sequence[RunSpec], run_ids: Sequence[str]) -> str:
    """What differs in what was asked for, a column a run."""
    flat = [_flat(spec.model_dump(mode="json", exclude={"task", "mix"})) for spec in found]
    keys = dict.fromkeys(key for one in flat for key in one)
    rows = [(key, [one.get(key) for one in flat]) for key in keys]
    cells = [
        [text(key), *(text("default" if value is None else value) for value in values)]
        for key, values in rows
        if len({str(value) for value in values}) > 1
    ]
    if not cells:
        return sub("Nothing differs.")
    return table(["Setting", *run_ids[: len(found)]], cells)


def news(found: Iterable[NewsRow]) -> str:
    """What became the best of a task, and what was decided."""
    cells = [
        [
            pill(row.what, "succeeded" if row.what == "new best" else row.what),
            link(run_address(row.run_id), words.method(row.method, row.base))
            + sub(f"seed {row.seed} · {row.run_id}"),
            link(board_address(row.task), row.task),
            text(row.reason)
            if row.value is None
            else num(words.number(row.value)) + sub(words.interval(row.low, row.high)),
            f"{text(row.person)}{sub(words.ago(row.happened_at))}",
        ]
        for row in found
    ]
    return table(["What", "Run", "Task", "Number or reason", "By"], cells)


def waiting(found: Iterable[ElsewhereRow]) -> str:
    """Runs that have not ended, in the order of the queue."""
    cells = [
        [
            pill(words.state(row.state), row.state),
            link(run_address(row.run_id), words.method(row.method, row.base))
            + sub(f"seed {row.seed}, attempt {row.attempt}" if row.attempt else f"seed {row.seed}"),
            link(board_address(row.task), row.task),
            text(row.reason),
            f"{text(row.requested_by)}{sub(words.ago(row.created_at))}",
        ]
        for row in found
    ]
    return table(["State", "Run", "Task", "Why", "By"], cells)


def usage(found: Iterable[UsageRow], currency: str = "") -> str:
    """What each person used, by task."""
    cells = [
        [
            text(row.person),
            link(board_address(row.task), row.task),
            _cell(f"{row.runs:,}") + sub(f"{row.failed} failed" if row.failed else ""),
            _cell(words.duration(row.seconds)),
            _cell(words.cost(row.cost)),
        ]
        for row in found
    ]
    return table(
        ["Person", "Task", "Runs", "Machine time", words.in_currency("Cost", currency)],
        cells,
    )


def chain(found: Iterable[ChainRow]) -> str:
    """Decisions with both links of the chain."""
    cells = [
        [
            _cell(str(row.seq)),
            pill(
                "approved" if row.verdict == "approve" else "rejected",
                "approved" if row.verdict == "approve" else "rejected",
            ),
            link(run_address(row.run_id), row.run_id) + sub(row.review_id),
            f"{text(row.person)}{sub(words.moment(row.decided_at))}",
            text(row.reason),
            f'<span class="tb-mono">{text(row.hash[:12])}</span>'
            + sub(f"after {row.previous_hash[:12] or 'none'}"),
        ]
        for row in found
    ]
    return table(["#", "Decision", "Run", "By", "Reason", "Link"], cells)


def splits(found: DatasetVersion) -> str:
    """Rows and labels of each split."""
    cells = [
        [
            f'<span class="tb-strong">{text(part.split.value)}</span>',
            _cell(f"{part.rows:,}"),
            text(_counts(part.class_counts)),
        ]
        for part in found.splits
    ]
    return table(["Split", "Rows", "Labels"], cells)


def versions(found: Iterable[VersionRow]) -> str:
    """Versions of a task, the newest first."""
    cells = [
        [
            _cell(str(row.version)),
            f'<span class="tb-mono">{text(row.dataset.content_digest[:12])}</span>',
            _cell("/".join(f"{part.rows:,}" for part in row.dataset.splits)),
            f"{text(row.added_by)}{sub(words.moment(row.added_at))}",
        ]
        for row in found
    ]
    return table(["Version", "Data", "Train/validation/test", "Registered"], cells)


def shifts(found: Iterable[Shift]) -> str:
    """How the labels moved between two versions."""
    cells = [
        [
            f'<span class="tb-strong">{text(shift.label)}</span>',
            _cell(f"{100 * shift.before:.1f} %"),
            _cell(f"{100 * shift.after:.1f} %"),
            _cell(f"{100 * (shift.after - shift.before):+.1f} pt".replace("-", "−"))
            + sub(f"{100 * shift.low:+.1f} to {100 * shift.high:+.1f}".replace("-", "−")),
            text("moved" if shift.is_sure else "cannot be told apart"),
        ]
        for shift in found
    ]
    return table(["Label", "Before", "After", "Difference", "In words"], cells)


def files(found: DatasetVersion) -> str:
    """The files of a version, with their hashes."""
    cells = [
        [
            text(file.role),
            text(file.path.rpartition("/")[2]),
            _cell(f"{file.rows:,}"),
            f'<span class="tb-mono">{text(file.sha256[:16])}</span>',
        ]
        for file in found.files
    ]
    return table(["Role", "File", "Rows", "SHA-256"], cells)


def checks_by_run(found: Sequence[CheckRow], ids: Sequence[str]) -> str:
    """Some checks of the runs of a task: a row a run, a column a check; its reason on hovering."""
    runs: dict[str, dict[str, CheckRow]] = {}
    for row in found:
        runs.setdefault(row.run_id, {})[row.id] = row
    cells = []
    for run_id, of in runs.items():
        one = next(iter(of.values()))
        name = link(run_address(run_id), words.method(one.method, one.base)) + sub(
            f"seed {one.seed}"
        )
        cells.append([name, *(_checked(of.get(identity)) for identity in ids)])
    return table(["Run", *(words.check(identity) for identity in ids)], cells)


def _checked(row: CheckRow | None) -> str:
    if row is None:
        return sub("not asked")
    said = outcome(row.outcome, title=row.reason)
    if row.value is None:
        return said
    limit = "" if row.limit is None else f", limit {words.figure(row.limit)}"
    between = ""
    if row.low is not None and row.high is not None:
        between = f"{words.figure(row.low)} to {words.figure(row.high)}, "
    return said + num(f"{words.figure(row.value)}{limit}") + sub(f"{between}n = {row.n:,}")


def stages(found: Sequence[StageRow]) -> str:
    """The stage × task matrix: a row a run, a column an earlier task."""
    asked = list(dict.fromkeys(row.asked for row in found))
    runs: Mapping[str, list[StageRow]] = {
        run_id: [row for row in found if row.run_id == run_id]
        for run_id in dict.fromkeys(row.run_id for row in found)
    }
    cells = []
    for run_id, rows in runs.items():
        name = link(run_address(run_id), words.method(rows[0].method, rows[0].base))
        line = [name + sub(f"learnt {rows[0].task}")]
        for task in asked:
            shown = [
                f"{num(words.number(row.value))} {text(words.metric(row.name))}"
                + sub(f"{words.interval(row.low, row.high)} · n = {row.n:,}")
                for row in rows
                if row.asked == task
            ]
            line.append("".join(shown) or sub("not asked"))
        cells.append(line)
    return table(["Run", *asked], cells)


def examples(
    found: Iterable[ExampleRow], runs: Sequence[BoardRow], marks: Mapping[str, MarkRow]
) -> str:
    """Examples with what each run said, right or wrong in words, and what reviewers said of it."""
    columns = ["Text", "Right", *(f"{words.method(r.method, r.base)}, seed {r.seed}" for r in runs)]
    cells = []
    for row in found:
        by_run = {said.run_id: said for said in row.said}
        cells.append(
            [f"{text(row.text)}{sub(f'row {row.row}')}{_mark(marks.get(row.example_id))}"]
            + [text(row.gold)]
            + [_said(by_run.get(run.run_id)) for run in runs]
        )
    return table(columns, cells)


def _mark(found: MarkRow | None) -> str:
    if found is None:
        return ""
    return sub(f"{found.mark}, says {found.person}: {found.reason}")


def num(value: str) -> str:
    return f'<span class="tb-num">{text(value)}</span>'


def answers(tuned: Mapping[str, Any], base: Mapping[str, Any] | None) -> str:
    """What a model and its base say of one text, with the likeliest labels."""
    columns = ["", "Answer", "How sure", "Took"]
    cells = [
        [
            f'<span class="tb-strong">{name}</span>',
            text(found["answer"]) or sub("nothing"),
            text(_shares(found.get("probabilities") or {})) or sub("–"),
            _cell(words.milliseconds(found["milliseconds"])),
        ]
        for name, found in (("tuned", tuned), ("its base", base))
        if found is not None
    ]
    return table(columns, cells)


def _shares(found: Mapping[str, float], most: int = 4) -> str:
    likeliest = sorted(found.items(), key=lambda pair: -pair[1])[:most]
    return ", ".join(f"{label} {100 * share:.1f} %" for label, share in likeliest)


def sub(value: str) -> str:
    return f'<span class="tb-sub">{text(value)}</span>' if value else ""


def _said(said: Said | None) -> str:
    if said is None:
        return sub("not asked")
    mark, kind = ("✓", "tb-pass") if said.right else ("✗", "tb-fail")
    return f'<span class="tb-outcome {kind}">{mark} {text(said.predicted)}</span>'


def _number(metric: Metric) -> str:
    if metric.value is None:
        return sub(metric.missing_because or words.MISSING)
    if metric.split == "run":
        return _cell(words.amount(metric.name, metric.value))
    return (
        f'<span class="tb-num">{words.number(metric.value)}</span>'
        f"{sub(words.interval(metric.low, metric.high))}"
    )


def _cell(value: str) -> str:
    return f'<span class="{"tb-sub" if value == words.MISSING else "tb-num"}">{text(value)}</span>'


def _counts(counts: Mapping[str, int], most: int = 12) -> str:
    shown = sorted(counts.items(), key=lambda pair: -pair[1])
    listed = ", ".join(f"{label} {count:,}" for label, count in shown[:most])
    more = len(shown) - most
    return (listed + (f" and {more} more" if more > 0 else "")) or "answers are written"


def _flat(value: Mapping[str, Any]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, item in value.items():
        found |= _flat(item) if isinstance(item, dict) else {key: item}
    return found
