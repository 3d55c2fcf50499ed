"""The arms of a task, what they cost, and whether fine-tuning was worth it; the board's notes."""

from collections.abc import Mapping, Sequence

from bot.hosts.board.comparable import primary, rank_value
from bot.hosts.board.differences import Differences
from bot.settings import PriceSettings
from storage.judgements import TaskNotes, Worth
from storage.records import Method, Metric
from storage.standings import Candidate, Comparison, TaskBoard
from trainer.evaluate.costs import Prices, Time, cost_metrics, total_cost
from trainer.evaluate.units import amount
from trainer.evaluate.worth import Way, judge

ANSWERS = 1000
"""Answers whose machine time counts beside training where nobody said how many are expected."""


def prices_of(settings: PriceSettings, task: str) -> Prices:
    """The prices as they hold for a task."""
    return Prices(
        hour={"cpu": settings.cpu_hour, "cuda": settings.gpu_hour},
        monthly_requests=settings.task_requests.get(task, settings.monthly_requests),
        currency=settings.currency,
    )


def costs(candidates: Sequence[Candidate], prices: Prices) -> dict[str, tuple[Metric, ...]]:
    """`cost_run` and `cost_per_1000` of each run that has evidence, unless it brings its own."""
    return {
        c.run_id: tuple(m for m in cost_metrics(_time(c), prices) if not c.metric(m.name, "run"))
        for c in candidates
        if c.manifest_digest
    }


def worth(
    task: TaskBoard,
    comparable: Sequence[Candidate],
    differences: Differences,
    metrics: Mapping[str, tuple[Metric, ...]],
    prices: Prices,
) -> Worth:
    """The verdict over the best run of each method and base, chosen on validation."""
    chosen = [_way(task, c, metrics.get(c.run_id, ()), prices) for c in _arms(task, comparable)]
    return judge(
        chosen,
        differences.paired,
        task.task.primary_metric,
        task.newest.policy.minimum_effect,
    )


def notes(
    task: TaskBoard, comparison: Comparison, rows: int, more: Sequence[str] = ()
) -> TaskNotes:
    """What holds for the whole board, as numbers and in words."""
    ranked = len(comparison.places)
    tied = [run for run, (low, _, _) in comparison.places.items() if low == 1]
    return TaskNotes(
        detectable=comparison.detectable,
        optimism=comparison.optimism,
        selected_of=ranked,
        looks=task.looks,
        top=_top(task, comparison, ranked, len(tied)),
        sentences=(*_sentences(task, comparison, rows), *more),
    )


def _top(task: TaskBoard, comparison: Comparison, ranked: int, tied: int) -> str:
    if ranked == 1:
        return "One run has a place; there is nothing to compare it with yet."
    if tied == 1:
        return f"One run is surely the best of the {ranked} that have a place."
    luck = ""
    if comparison.optimism:
        luck = (
            "; whoever picks one by its number here sees up to "
            f"{amount(comparison.optimism, task.task.primary_metric)} too much"
        )
    return (
        f"{tied} of {ranked} runs cannot be told apart at the top: any of them may be the best"
        f"{luck}."
    )


def _sentences(task: TaskBoard, comparison: Comparison, rows: int) -> list[str]:
    found = []
    if comparison.detectable is not None:
        found.append(
            f"{rows:,} {task.split} rows find a difference of "
            f"{amount(comparison.detectable, task.task.primary_metric)} in 80 of 100 cases; "
            "smaller ones are mostly missed."
        )
    if task.task.sealed:
        found.append("The test set is sealed: runs are compared on validation.")
    have = "run has" if task.looks == 1 else "runs have"
    found.append(f"{task.looks:,} {have} met these test rows.")
    return found


def _arms(task: TaskBoard, comparable: Sequence[Candidate]) -> list[Candidate]:
    """Of each method and base, the run that is best on validation."""
    best: dict[tuple[str, str], Candidate] = {}
    name = task.task.primary_metric

    def order(candidate: Candidate) -> tuple[float, str]:
        found = candidate.metric(name, "validation") or primary(task, candidate)
        return -rank_value(found), candidate.run_id

    for candidate in sorted(comparable, key=order):
        best.setdefault((candidate.method.value, candidate.base), candidate)
    return list(best.values())


def _way(task: TaskBoard, candidate: Candidate, added: Sequence[Metric], prices: Prices) -> Way:
    def number(name: str) -> float | None:
        own = candidate.metric(name, "run")
        found = own or next((m for m in added if m.name == name), None)
        return found.value if found else None

    per_1000, time = number("cost_per_1000"), _time(candidate)
    answers = (time.answer_ms or 0.0) / 1000 * (prices.monthly_requests or ANSWERS)
    return Way(
        run_id=candidate.run_id,
        name=_name(candidate),
        method=candidate.method,
        base=candidate.base,
        primary=primary(task, candidate),
        cost=total_cost(number("cost_run"), per_1000, prices.monthly_requests),
        cost_per_1000=per_1000,
        latency_p95_ms=number("latency_p95_ms"),
        machine_seconds=(time.seconds or 0.0) + answers,
    )


def _name(candidate: Candidate) -> str:
    if candidate.method is Method.EXTERNAL:
        return candidate.base  # the name it was imported under
    base = f" of {candidate.base}" if candidate.base else ""
    return f"{candidate.method.words}{base}"


def _time(candidate: Candidate) -> Time:
    latency = candidate.metric("latency_mean_ms", "run")
    return Time(
        device=candidate.device,
        seconds=candidate.seconds,
        answer_ms=latency.value if latency else None,
        answers_timed=latency.n if latency else 0,
    )
