"""Where each run stands in its task: comparable or not, against the best baseline, and its place.

Read `standings` first. A place is a range: all runs that the test rows cannot tell apart share it.
Runs that cannot be compared are kept, with the reason; runs whose checks failed are kept, too.
Everything is computed from what the runs left, with fixed seeds: the same runs give the same board.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from storage.board import Board
from storage.judgements import Difference, Standing
from storage.records import Check, Method, Metric, Outcome, RunState, digest_of
from storage.standings import Candidate, TaskBoard, keep_places, known_difference, known_places
from trainer.evaluate.board_checks import beats_baseline, test_size
from trainer.evaluate.compare import PairedDifference, paired_difference
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.standings import rank_ranges

SEEDS_NEEDED = 3
"""From three seeds on, the luck of a seed can be told from the method (evaluation practice)."""

PLACED_AT_MOST = 100
"""Runs of a task that are compared pairwise. Pairs grow with the square: beyond this the lower ones
would cost minutes and memory, and share one wide range anyway."""

ROWS_TO_COMPARE = 2
"""From two rows on, a difference of two models has a spread."""

Load = Callable[[Candidate], Predictions]


@dataclass(frozen=True, slots=True)
class Placed:
    """The standings of one task version, best first, and the checks that were made for them."""

    standings: tuple[Standing, ...]
    checks: Mapping[str, tuple[Check, ...]]


def standings(board: Board, task: TaskBoard, load: Load) -> Placed:
    """Place the runs of one version of a task.

    Args:
        board: Where earlier comparisons of the same runs are found; new places are noted there.
        load: Reads a run's predictions on the test split.
    """
    apart = alone = _not_comparable(task)
    comparable = [c for c in task.candidates if c.run_id not in apart]
    baseline = _best_baseline(comparable, task.task.primary_metric)
    differences = _differences(board, task, comparable, baseline, load)
    places, beyond = _places(board, task, comparable, apart, load)
    apart = _too_small(task) | beyond | apart
    if not task.is_newest:
        apart = {c.run_id: _old_version(task) for c in task.candidates} | apart
    checks = _not_compared(task, alone) | {
        c.run_id: _board_checks(c, task, differences.get(c.run_id), baseline) for c in comparable
    }
    return _placed(task, apart, checks, places, differences, baseline)


def unplaced(task: TaskBoard, why: str) -> Placed:
    """The runs of a task that could not be placed: no places, but every run with the reason."""
    apart = {c.run_id: why for c in task.candidates} | _not_comparable(task)
    return _placed(task, apart, _not_compared(task, apart))


def _placed(
    task: TaskBoard,
    apart: Mapping[str, str],
    checks: Mapping[str, tuple[Check, ...]],
    places: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    differences: Mapping[str, Difference] = MappingProxyType({}),
    baseline: Candidate | None = None,
) -> Placed:
    seeds = _seeds(task.candidates)
    found = [
        _standing(
            task,
            c,
            because=apart.get(c.run_id, ""),
            place=places.get(c.run_id),
            difference=differences.get(c.run_id),
            baseline=baseline,
            checks=c.checks + checks.get(c.run_id, ()),
            seeds=seeds[c.family],
        )
        for c in task.candidates
    ]
    return Placed(tuple(sorted(found, key=_order)), checks)


# --- who can be compared -------------------------------------------------------------------------


def _not_comparable(task: TaskBoard) -> dict[str, str]:
    """Runs that cannot be held against the others at all, and why."""
    reasons = {c.run_id: _alone_because(c, task) for c in task.candidates}
    rows = Counter(c.rows_digest for c in task.candidates if not reasons[c.run_id])
    usual = min(rows, key=lambda digest: (-rows[digest], digest), default="")
    for candidate in task.candidates:
        if not reasons[candidate.run_id] and candidate.rows_digest != usual:
            reasons[candidate.run_id] = "its predictions are not on the rows the other runs have"
    return {run_id: reason for run_id, reason in reasons.items() if reason}


def _alone_because(candidate: Candidate, task: TaskBoard) -> str:
    if candidate.state is RunState.FAILED:
        return f"the run failed: {candidate.reason}" if candidate.reason else "the run failed"
    if candidate.problem:
        return candidate.problem
    if not candidate.manifest_digest:
        return "it has no evidence"
    if candidate.test_digest != task.test_digest:
        return "it was measured on another test set than this version of the task has"
    primary = candidate.metric(task.task.primary_metric)
    if primary is None or primary.value is None:
        missing = primary.missing_because if primary else "the run did not measure it"
        return f"no {task.task.primary_metric}: {missing}"
    return ""


def _too_small(task: TaskBoard) -> dict[str, str]:
    """Runs measured on too few rows for a place."""
    minimum = task.task.policy.minimum_test_rows
    sizes = {c.run_id: _primary(c, task.task.primary_metric).n for c in task.candidates}
    return {
        run_id: f"{n} test rows; at least {minimum} are needed for a place"
        for run_id, n in sizes.items()
        if n < minimum
    }


def _old_version(task: TaskBoard) -> str:
    return (
        f"it was made on version {task.task.version} of the task; the board compares version "
        f"{task.newest.version}"
    )


def _primary(candidate: Candidate, name: str) -> Metric:
    """The metric that ranks, or why there is none."""
    if found := candidate.metric(name):
        return found
    why = candidate.problem or (
        "the run failed" if candidate.state is RunState.FAILED else "the run did not measure it"
    )
    return Metric(name=name, split="test", value=None, n=0, missing_because=why)


def _value(candidate: Candidate, name: str) -> float:
    value = _primary(candidate, name).value
    return float("-inf") if value is None else value


# --- comparisons ---------------------------------------------------------------------------------


def _best_baseline(comparable: Sequence[Candidate], metric: str) -> Candidate | None:
    """What fine-tuning has to beat; of equals, the one asked for first."""
    baselines = [c for c in comparable if c.method.is_baseline]
    return min(baselines, key=lambda c: (-_value(c, metric), c.run_id), default=None)


def _differences(
    board: Board,
    task: TaskBoard,
    comparable: Sequence[Candidate],
    baseline: Candidate | None,
    load: Load,
) -> dict[str, Difference]:
    """Each run minus the best baseline, on the same rows; made once for two runs."""
    if baseline is None:
        return {}
    return {
        c.run_id: known_difference(board, c.run_id, baseline.run_id, task.task.primary_metric)
        or _difference(task, load(c), load(baseline), baseline.run_id)
        for c in comparable
        if c is not baseline and _primary(c, task.task.primary_metric).n >= ROWS_TO_COMPARE
    }


def _difference(task: TaskBoard, run: Predictions, other: Predictions, against: str) -> Difference:
    metric, positive = task.task.primary_metric, task.task.positive
    found = paired_difference(run, other, metric, positive=positive)
    return Difference(
        against=against,
        value=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        n=found.n,
        how=found.how,
    )


def _places(
    board: Board,
    task: TaskBoard,
    comparable: Sequence[Candidate],
    apart: Mapping[str, str],
    load: Load,
) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Rank ranges of the comparable runs, and the runs that were too many for one."""
    small = _too_small(task)
    ranked = [c for c in comparable if c.run_id not in small] if task.is_newest else []
    metric = task.task.primary_metric
    ranked.sort(key=lambda c: (-_value(c, metric), c.run_id))
    ranked, rest = ranked[:PLACED_AT_MOST], ranked[PLACED_AT_MOST:]
    beyond = {
        c.run_id: f"not among the {PLACED_AT_MOST} best by {metric}; only those get a place"
        for c in rest
    }
    inputs = digest_of(
        [metric, task.task.positive, [(c.run_id, c.manifest_digest) for c in ranked]]
    )
    places = known_places(board, task.task, inputs)
    if places is None:
        places = _rank(task, ranked, load)
        keep_places(board, task.task, inputs, places)
    return places, beyond


def _rank(task: TaskBoard, ranked: Sequence[Candidate], load: Load) -> dict[str, tuple[int, int]]:
    if len(ranked) < 2:
        return {c.run_id: (1, 1) for c in ranked}
    ranges = rank_ranges(
        [load(c) for c in ranked], task.task.primary_metric, positive=task.task.positive
    )
    return {c.run_id: (r.low, r.high) for c, r in zip(ranked, ranges, strict=True)}


# --- one standing --------------------------------------------------------------------------------


def _board_checks(
    candidate: Candidate, task: TaskBoard, difference: Difference | None, baseline: Candidate | None
) -> tuple[Check, ...]:
    """What a run cannot know about itself."""
    policy = task.task.policy
    rows = max((m.n for m in candidate.metrics if m.split == "test"), default=0)
    size = test_size(rows, policy.minimum_test_rows, policy.confident_test_rows)
    if candidate.method.is_baseline:
        return (size,)
    if baseline and difference is None:
        why = f"{rows} test row is too little to compare two models; {ROWS_TO_COMPARE} are needed"
        return _no_comparison(why), size
    paired = (
        PairedDifference(
            value=difference.value,
            low=difference.low,
            high=difference.high,
            p=difference.p,
            n=difference.n,
            how=difference.how,
        )
        if difference
        else None
    )
    against = f"{baseline.method.value} ({baseline.run_id})" if baseline else ""
    return beats_baseline(paired, against, metric=task.task.primary_metric), size


def _not_compared(task: TaskBoard, apart: Mapping[str, str]) -> dict[str, tuple[Check, ...]]:
    """What stands in place of the comparison with the best baseline, where there was none."""
    return {
        c.run_id: (_no_comparison(apart[c.run_id]),)
        for c in task.candidates
        if c.run_id in apart and not c.method.is_baseline
    }


def _no_comparison(why: str) -> Check:
    return Check(id="beats_baseline", outcome=Outcome.NOT_RUN, reason=f"Not compared: {why}.")


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
    n, policy = _primary(candidate, task.task.primary_metric).n, task.task.policy
    words = []
    if candidate.method is Method.LORA and seeds < SEEDS_NEEDED:
        words.append("single seed" if seeds == 1 else f"{seeds} seeds of {SEEDS_NEEDED}")
    if n < policy.confident_test_rows:
        words.append(f"low confidence: {n} test rows, {policy.confident_test_rows} are asked for")
    return tuple(words)


def _status(candidate: Candidate) -> str:
    if candidate.review in {"in_review", "approved", "rejected"}:
        return candidate.review
    if candidate.state is RunState.FAILED:
        return "failed"
    return "baseline" if candidate.method.is_baseline else "candidate"


def _evidence_digest(
    task: TaskBoard, candidate: Candidate, difference: Difference | None, baseline: Candidate | None
) -> str:
    """As `storage.reviews.evidence_digest` makes it, from what was verified when taken in."""
    if not candidate.manifest_digest:
        return ""
    others = {baseline.run_id: baseline.manifest_digest} if baseline and difference else {}
    return digest_of([candidate.manifest_digest, task.newest.policy.digest(), others])


def _standing(
    task: TaskBoard,
    candidate: Candidate,
    *,
    because: str,
    place: tuple[int, int] | None,
    difference: Difference | None,
    baseline: Candidate | None,
    checks: tuple[Check, ...],
    seeds: int,
) -> Standing:
    seconds = candidate.metric("train_seconds", "run")
    return Standing(
        run_id=candidate.run_id,
        task=task.task.name,
        task_version=task.task.version,
        method=candidate.method,
        base=candidate.base,
        seed=candidate.seed,
        requested_by=candidate.requested_by,
        ranked=not because,
        unranked_because=because,
        place_low=place[0] if place and not because else None,
        place_high=place[1] if place and not because else None,
        provisional=_provisional(task, candidate, seeds),
        primary=_primary(candidate, task.task.primary_metric),
        metrics=candidate.metrics,
        difference=difference,
        checks=checks,
        status=_status(candidate),
        engine=candidate.engine,
        engine_reason=candidate.engine_reason,
        train_seconds=seconds.value if seconds else None,
        evidence_digest=_evidence_digest(task, candidate, difference, baseline),
        finished_at=candidate.finished_at,
    )


def _order(standing: Standing) -> tuple[bool, float, str]:
    """Ranked before unranked, then the better number; of equals, the one asked for first."""
    value = standing.primary.value
    return not standing.ranked, float("inf") if value is None else -value, standing.run_id
