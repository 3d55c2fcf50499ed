"""The board of a task as a table: which columns there are, and what stands in each. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from leaderboard import words
from leaderboard.markup import bar, link, pill, run_address, table, text, word_of
from leaderboard.tables import cell, flags, gate, number, sub, unbroken
from storage.board_rows import BoardRow, BoardSpan
from storage.judgements import SeedPool
from storage.records import PRIMARY_METRICS, Method, TaskKind


@dataclass(frozen=True, slots=True)
class Column:
    """A column that may be chosen: its heading, its cells, and whether it is there unasked."""

    label: str
    of: Callable[[BoardRow], str]
    usual: bool = True


def columns(primary: str, currency: str = "") -> Mapping[str, Column]:
    """The columns besides place, method and the metric that ranks, by the word for an address.

    Where macro F1 ranks, accuracy stands beside it instead of it again.
    """
    found = {}
    if primary in PRIMARY_METRICS[TaskKind.CLASSIFICATION]:
        if primary == "macro_f1":
            found["accuracy"] = Column(words.metric("accuracy"), _accuracy)
        else:
            found["macro_f1"] = Column(words.metric("macro_f1"), _macro_f1)
        if primary != "roc_auc":
            found["roc_auc"] = Column(words.metric("roc_auc"), _roc_auc)
    return found | {
        "difference": Column("Against the best baseline", lambda row: _difference(row, primary)),
        "flags": Column("Flags", lambda row: flags(row.flags, measured=row.value is not None)),
        "policy": Column("Policy", lambda row: gate(row.gate)),
        "latency": Column("Latency p95", lambda row: cell(words.milliseconds(row.latency_p95_ms))),
        "cost": Column(words.in_currency("Cost", currency), _cost),
        "training": Column("Training", lambda row: cell(words.duration(row.train_seconds))),
        "size": Column("Parameters trained", _size, usual=False),
        "by": Column("By", lambda row: f"{text(row.requested_by)}{_age(row.finished_at)}"),
    }


def board(
    rows: Sequence[BoardRow],
    span: BoardSpan,
    primary: str,
    currency: str = "",
    chosen: Sequence[str] = (),
) -> str:
    """The board of a task.

    Args:
        chosen: Which columns are shown; the usual ones where empty, costs only if there are any.
    """
    priced = any(row.cost_per_1000 is not None for row in rows)
    known = columns(primary, currency)
    shown = [
        column
        for key, column in known.items()
        if (key in chosen if chosen else column.usual and (key != "cost" or priced))
    ]
    heads = ["Place", "Method", words.metric(primary), *(column.label for column in shown)]
    cells = [
        [_place(row), _method(row), _primary(row, span), *(column.of(row) for column in shown)]
        for row in rows
    ]
    return table(heads, cells, "tb-board")


def _place(row: BoardRow) -> str:
    place = f'<span class="tb-place">{words.place(row.place_low, row.place_high)}</span>'
    return place + sub(f"group {row.tie_group}" if row.tie_group else "")


def _size(row: BoardRow) -> str:
    return cell(words.amount("trainable_parameters", row.trainable_parameters))


def _method(row: BoardRow) -> str:
    status = row.state if row.state == "failed" else row.status
    pills = [pill(words.status(status), status)]
    pills += [pill("provisional", "provisional")] if row.provisional else []
    pills += [pill("sealed", "provisional")] if row.sealed else []
    notes = [*row.provisional, row.unranked_because, *row.notes, _pool(row.seeds)]
    reached = [r for r in row.targets if r.colour != "green"]
    notes += [f"target {words.metric(r.metric)}: {r.colour.replace('_', ' ')}" for r in reached]
    engine = f"{row.engine}, " if row.engine and row.method == "lora" else ""
    return (
        f"{link(run_address(row.run_id), words.method(row.method, row.base))}<br>{' '.join(pills)}"
        f"{sub(f'{engine}seed {row.seed}')}{''.join(sub(note) for note in notes if note)}"
    )


def _pool(seeds: SeedPool | None) -> str:
    if seeds is None:
        return ""
    return (
        f"{len(seeds.seeds)} seeds pooled: {words.number(seeds.mean)} "
        f"({words.interval(seeds.low, seeds.high)}), deviation {words.number(seeds.sd)}"
    )


def _primary(row: BoardRow, span: BoardSpan) -> str:
    if row.value is None:
        return sub(words.MISSING)
    drawn = bar(row.value, row.low, row.high, *axis(span))
    interval = unbroken(f"{words.interval(row.low, row.high)} · n = {row.n:,}")
    return f'<span class="tb-strong">{words.number(row.value)}</span>{drawn}{interval}'


def axis(span: BoardSpan) -> tuple[float, float]:
    """From where to where intervals are drawn: what the board spans, and a little air."""
    if span.low is None or span.high is None:
        return 0.0, 1.0
    air = max(0.05 * (span.high - span.low), 0.005)
    return span.low - air, span.high + air


def _accuracy(row: BoardRow) -> str:
    return number(row.accuracy, row.accuracy_low, row.accuracy_high)


def _macro_f1(row: BoardRow) -> str:
    return number(row.macro_f1, row.macro_f1_low, row.macro_f1_high)


def _roc_auc(row: BoardRow) -> str:
    return number(row.roc_auc, row.roc_auc_low, row.roc_auc_high)


def _difference(row: BoardRow, metric: str) -> str:
    if row.difference is None:
        best = Method(row.method).is_baseline and row.ranked and not row.against
        return sub("is the best baseline" if best else "not compared")
    between = words.points_interval(row.difference_low, row.difference_high, metric)
    return (
        f'<span class="tb-num">{words.points(row.difference, metric)}</span> '
        f"{word_of(row.difference_low, row.difference_high)}{sub(between)}"
    )


def _cost(row: BoardRow) -> str:
    answers = cell(words.cost(row.cost_per_1000)) + unbroken("per 1,000 answers")
    trained = "" if row.cost_run is None else f"{words.cost(row.cost_run)} to train"
    return answers + sub(trained)


def _age(moment: datetime) -> str:
    return f'<span class="tb-sub tb-age">{text(words.ago(moment))}</span>'
