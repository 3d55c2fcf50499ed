"""Where each run stands in its task: comparable or not, against the best baseline, and its place.

Read `standings` first. A place is a range: all runs that the rows cannot tell apart share it, and
inside a tie group the cheapest of them comes first. Runs that cannot be compared are kept, with the
reason; runs whose checks failed are kept, too. Everything is computed from what the runs left, with
fixed seeds: the same runs give the same board.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from bot.hosts.board import comparable, worth
from bot.hosts.board.checks import ROWS_TO_COMPARE, best_baselines, board_checks, not_compared
from bot.hosts.board.comparison import choose_ranked, compare
from bot.hosts.board.differences import Differences, Load
from bot.hosts.board.sizes import ladders
from bot.settings import PriceSettings
from storage.board import Board
from storage.gate import gate
from storage.judgements import Difference, Gate, Standing, TargetReading, Waiver
from storage.records import Check, Metric, RunState, digest_of, now
from storage.standings import Candidate, Comparison, Placed, TaskBoard
from trainer.evaluate.compare import PairedDifference
from trainer.evaluate.luck import SEEDS_NEEDED
from trainer.evaluate.targets import read_target


@dataclass(frozen=True, slots=True)
class Around:
    """What standings depend on beside the task's runs.

    `more_checks` holds those that need more than the task's predictions: training texts against
    every registered test set, groups of people against the base. `blockers` are a task's
    examples that no run may get wrong.
    """

    prices: PriceSettings = field(default_factory=PriceSettings)
    more_checks: Mapping[str, tuple[Check, ...]] = field(default_factory=dict)
    waivers: Mapping[str, Sequence[Waiver]] = field(default_factory=dict)
    blockers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    today: date = field(default_factory=lambda: now().date())


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found about the runs of a task, by run."""

    apart: Mapping[str, str]
    checks: Mapping[str, tuple[Check, ...]]
    comparison: Comparison = field(default_factory=lambda: Comparison(places={}))
    differences: Mapping[str, Difference] = field(default_factory=dict)
    metrics: Mapping[str, tuple[Metric, ...]] = field(default_factory=dict)


def standings(board: Board, task: TaskBoard, load: Load, around: Around | None = None) -> Placed:
    """Place the runs of one version of a task.

    Args:
        board: Where earlier comparisons of the same runs are found; new ones are noted there.
        load: Reads a run's predictions on a split.
        around: What else the standings depend on.
    """
    around = around or Around()
    alone = comparable.not_comparable(task)
    able = [c for c in task.candidates if c.run_id not in alone]
    pairs = Differences(board, task, load, {c.run_id: c for c in able})
    small = comparable.too_small(task)
    ranked = [c for c in able if c.run_id not in small] if task.is_newest else []
    ranked, beyond = choose_ranked(task, ranked)
    comparison = compare(board, task, ranked, load)
    opponents = _opponents(task, able)
    prices = worth.prices_of(around.prices, task.task.name)
    metrics = worth.costs(task.candidates, prices)
    checks = {
        c.run_id: board_checks(
            task, c, *_held_against(task, pairs, c, opponents.get(c.run_id)), comparison
        )
        for c in able
    }
    for run_id, more in around.more_checks.items():
        if run_id in checks:
            checks[run_id] += more
    judged = _Judged(
        apart=comparable.of_old_version(task) | small | beyond | alone,
        checks=not_compared(task, alone) | checks,
        comparison=comparison,
        differences=_shown(task, pairs, able, opponents),
        metrics=metrics,
    )
    verdict = worth.worth(task, ranked, pairs, metrics, prices) if ranked else None
    rows = comparable.primary(task, ranked[0]).n if ranked else 0
    sizes = ladders(task, ranked, pairs)
    return Placed(
        task=task.task.name,
        task_version=task.task.version,
        standings=_in_order(task, judged, around),
        checks=judged.checks,
        metrics=metrics,
        differences=tuple((run_id, found) for (run_id, _), found in pairs.made.items()),
        worth=verdict,
        notes=worth.notes(task, comparison, rows, sizes) if ranked else None,
    )


def unplaced(task: TaskBoard, why: str) -> Placed:
    """The runs of a task that could not be placed: no places, but every run with the reason."""
    apart = {c.run_id: why for c in task.candidates} | comparable.not_comparable(task)
    judged = _Judged(apart, not_compared(task, apart))
    found = _in_order(task, judged, Around())
    return Placed(task.task.name, task.task.version, found, judged.checks)


# --- who is held against whom --------------------------------------------------------------------


def _opponents(task: TaskBoard, able: Sequence[Candidate]) -> dict[str, Candidate]:
    """The baseline that each run is held against: the best one, and for that one the next best."""
    best = best_baselines(task, able)
    if not best:
        return {}
    found = {c.run_id: best[0] for c in able if c is not best[0]}
    return found | ({best[0].run_id: best[1]} if len(best) > 1 else {})


def _held_against(
    task: TaskBoard, pairs: Differences, candidate: Candidate, opponent: Candidate | None
) -> tuple[PairedDifference | None, str]:
    if opponent is None:
        return None, ""
    name = f"{opponent.method.value} ({opponent.run_id})"
    if comparable.primary(task, candidate).n < ROWS_TO_COMPARE:
        return None, name
    return pairs.paired(candidate.run_id, opponent.run_id), name


def _shown(
    task: TaskBoard,
    pairs: Differences,
    able: Sequence[Candidate],
    opponents: Mapping[str, Candidate],
) -> dict[str, Difference]:
    """Every run but the best baseline, minus the best baseline: what the board shows."""
    best = next(iter(best_baselines(task, able)), None)
    return {
        c.run_id: pairs.get(c.run_id, best.run_id)
        for c in able
        if best and c is not best and comparable.primary(task, c).n >= ROWS_TO_COMPARE
    }


# --- one standing --------------------------------------------------------------------------------


def _in_order(task: TaskBoard, judged: _Judged, around: Around) -> tuple[Standing, ...]:
    seeds = _seeds(task.candidates)
    manifests = {c.run_id: c.manifest_digest for c in task.candidates}
    found = [
        _standing(task, c, judged, around, seeds[c.family], manifests) for c in task.candidates
    ]
    return tuple(sorted(found, key=_order))


def _standing(
    task: TaskBoard,
    candidate: Candidate,
    judged: _Judged,
    around: Around,
    seeds: int,
    manifests: Mapping[str, str],
) -> Standing:
    run_id = candidate.run_id
    because = judged.apart.get(run_id, "")
    low, high, group = judged.comparison.places.get(run_id, (None, None, None))
    difference = judged.differences.get(run_id)
    checks = candidate.checks + tuple(judged.checks.get(run_id, ()))
    metrics = candidate.metrics + judged.metrics.get(run_id, ())
    seconds = candidate.metric("train_seconds", "run")
    shown = not because
    return Standing(
        run_id=run_id,
        task=task.task.name,
        task_version=task.task.version,
        method=candidate.method,
        base=candidate.base,
        seed=candidate.seed,
        requested_by=candidate.requested_by,
        ranked=shown,
        unranked_because=because,
        place_low=low if shown else None,
        place_high=high if shown else None,
        tie_group=group if shown else None,
        provisional=_provisional(task, candidate, seeds),
        primary=comparable.primary(task, candidate),
        metrics=metrics,
        difference=difference,
        checks=checks,
        status=_status(candidate),
        engine=candidate.engine,
        engine_reason=candidate.engine_reason,
        train_seconds=seconds.value if seconds else None,
        evidence_digest=_evidence_digest(task, candidate, difference, manifests),
        finished_at=candidate.finished_at,
        seeds=judged.comparison.seeds.get(run_id),
        targets=_targets(task, candidate, metrics),
        gate=_gate(task, candidate, checks, metrics, around),
        sealed=task.task.sealed and not candidate.opened,
        published_best=run_id in judged.comparison.published,
    )


def _gate(
    task: TaskBoard,
    candidate: Candidate,
    checks: Sequence[Check],
    metrics: Sequence[Metric],
    around: Around,
) -> Gate | None:
    """What the policy makes of a run; None where there is no evidence, or it is kept back."""
    if not candidate.manifest_digest or (task.task.sealed and not candidate.opened):
        return None
    given = around.waivers.get(candidate.run_id, ())
    policy, licence = task.newest.policy, task.task.licence
    return gate(policy, checks, metrics, given, around.today, licence)


def _targets(
    task: TaskBoard, candidate: Candidate, metrics: Sequence[Metric]
) -> tuple[TargetReading, ...]:
    if not candidate.manifest_digest:
        return ()
    by_name = {m.name: m for m in metrics if m.split in {task.split, "run"}}
    return tuple(
        read_target(name, target, by_name.get(name)) for name, target in task.newest.targets.items()
    )


def _seeds(candidates: Sequence[Candidate]) -> Mapping[str, int]:
    """How many seeds of each spec have a result."""
    found: dict[str, set[int]] = defaultdict(set)
    for candidate in candidates:
        found[candidate.family] |= {candidate.seed} if candidate.manifest_digest else set()
    return {family: len(seeds) for family, seeds in found.items()}


def _provisional(task: TaskBoard, candidate: Candidate, seeds: int) -> tuple[str, ...]:
    """Why the number may still move, in words."""
    if not candidate.manifest_digest:
        return ()
    n, policy = comparable.primary(task, candidate).n, task.task.policy
    words = []
    if candidate.method.is_tuned and seeds < SEEDS_NEEDED:
        words.append("single seed" if seeds == 1 else f"{seeds} seeds of {SEEDS_NEEDED}")
    if n < policy.confident_test_rows:
        words.append(
            f"low confidence: {n} {task.split} rows, {policy.confident_test_rows} are asked for"
        )
    return tuple(words)


def _status(candidate: Candidate) -> str:
    if candidate.review in {"in_review", "approved", "rejected"}:
        return candidate.review
    if candidate.state is RunState.FAILED:
        return "failed"
    return "baseline" if candidate.method.is_baseline else "candidate"


def _evidence_digest(
    task: TaskBoard,
    candidate: Candidate,
    difference: Difference | None,
    manifests: Mapping[str, str],
) -> str:
    """As `storage.reviews.evidence_digest` makes it, from what was verified when taken in."""
    if not candidate.manifest_digest:
        return ""
    others = {difference.against: manifests[difference.against]} if difference else {}
    return digest_of([candidate.manifest_digest, task.newest.policy.digest(), others])


def _order(standing: Standing) -> tuple[bool, int, int, float, float, float, str]:
    """Ranked first, by tie group and best possible place; then the cheapest, the better number.

    Seeds of one spec share a group by their mean, so a group may hold a seed that is surely behind.
    """
    costs = {m.name: m.value for m in standing.metrics if m.split == "run"}
    value = standing.primary.value
    return (
        not standing.ranked,
        standing.tie_group or 0,
        standing.place_low or 0,
        _or_infinity(costs.get("cost_per_1000")),
        _or_infinity(costs.get("latency_mean_ms")),
        float("inf") if value is None else -value,
        standing.run_id,
    )


def _or_infinity(value: float | None) -> float:
    return float("inf") if value is None else value
