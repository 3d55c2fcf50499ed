"""The checks that need more than one run: the board makes them, not the trainer."""

from collections.abc import Callable, Mapping, Sequence

from bot.hosts.board.comparable import not_comparable, primary, value
from bot.hosts.board.differences import Load
from storage.records import Check, Method, Outcome, TaskKind
from storage.standings import Candidate, Comparison, TaskBoard
from trainer.evaluate.amplification_against import amplification_against
from trainer.evaluate.board_checks import (
    beats_baseline,
    regression_set,
    test_reuse,
    test_size,
    underpowered,
)
from trainer.evaluate.compare import PairedDifference
from trainer.evaluate.contamination import Overlap, registered_overlap
from trainer.evaluate.judged import as_classes
from trainer.evaluate.luck import SEEDS_NEEDED

NO_RIGHT_OR_WRONG = {TaskKind.REGRESSION, TaskKind.TEXT}
ROWS_TO_COMPARE = 2
"""From two rows on, a difference of two models has a spread."""


def board_checks(
    task: TaskBoard,
    candidate: Candidate,
    paired: PairedDifference | None,
    against: str,
    comparison: Comparison,
) -> tuple[Check, ...]:
    """What a run cannot know about itself.

    Args:
        paired: The run minus the best baseline; for the best baseline, minus the next best.
        against: That baseline, as a person knows it; empty where there is none.
        comparison: All comparable runs of the task.
    """
    policy, n = task.task.policy, primary(task, candidate).n
    return (
        _baseline(task, candidate, paired, against, n),
        test_size(n, policy.minimum_test_rows, policy.confident_test_rows),
        underpowered(
            comparison.detectable, n, task.newest.policy.minimum_effect, task.task.primary_metric
        ),
        test_reuse(task.looks, n, task.newest.policy.looks_warn, task.newest.policy.looks_fail),
        *_seeds(candidate, comparison),
    )


def contamination(
    candidates: Sequence[Candidate],
    tests: Mapping[str, str],
    unknown: Sequence[str],
    between: Callable[[str, str], Overlap | None],
    limit: float,
) -> dict[str, Check]:
    """Each run's training texts, and those of the runs it goes on from, against every test set.

    Args:
        tests: Registered task to a run that has its test texts, where one is known.
        unknown: The other registered tasks.
        between: Which test rows of the second run are among what the first learnt from; None where
            that is not known.
        limit: The share of test rows that fails.
    """
    found = {}
    for candidate in candidates:
        if not candidate.manifest_digest:
            continue
        line = (candidate.run_id, *candidate.lineage)
        parts = {task: [between(run, tested) for run in line] for task, tested in tests.items()}
        known = {
            task: [part for part in asked if part is not None] if None not in asked else []
            for task, asked in parts.items()
        }
        found[candidate.run_id] = registered_overlap(known, unknown, limit)
    return found


def amplification(
    task: TaskBoard, load: Load, groups: Callable[[Candidate], Mapping[str, Sequence[str]]]
) -> dict[str, Check]:
    """Whether tuning made a model lean more than its untuned base did.

    The untuned base is the embedding run of the same base: the same weights, with nothing but a
    linear head on them. Sealed scores are not asked.
    """
    labelled = task.task.kind is TaskKind.CLASSIFICATION
    if not task.task.sensitive or task.task.sealed or not labelled:
        return {}
    alone = not_comparable(task)
    able = [c for c in task.candidates if c.run_id not in alone]
    limit = task.newest.policy.amplification_limit
    found = {}
    for candidate in able:
        if not candidate.method.is_tuned:
            continue
        base = next((c for c in able if _is_untuned(c, candidate)), None)
        found[candidate.run_id] = amplification_against(
            as_classes([load(candidate, "test")])[0],
            as_classes([load(base, "test")])[0] if base else None,
            groups(candidate),
            limit,
            f"embedding {base.run_id}" if base else "",
        )
    return found


def regression(task: TaskBoard, load: Load, blockers: Sequence[str]) -> dict[str, Check]:
    """Whether each run answers rightly what reviewers marked as blockers."""
    if not blockers or task.task.sealed or task.task.kind in NO_RIGHT_OR_WRONG:
        return {}
    alone, found = not_comparable(task), {}
    for candidate in task.candidates:
        if candidate.run_id in alone:
            continue
        judged = load(candidate, "test")
        right = dict(zip(judged.ids, judged.correct.tolist(), strict=True))
        known = [name for name in blockers if name in right]
        wrong = [name for name in known if not right[name]]
        found[candidate.run_id] = regression_set(wrong, len(known), len(blockers) - len(known))
    return found


def _is_untuned(candidate: Candidate, tuned: Candidate) -> bool:
    return candidate.method is Method.EMBEDDING and candidate.base == tuned.base


def not_compared(task: TaskBoard, apart: Mapping[str, str]) -> dict[str, tuple[Check, ...]]:
    """What stands in place of the comparison with the best baseline, where there was none."""
    return {
        c.run_id: (_no_comparison(apart[c.run_id]),) for c in task.candidates if c.run_id in apart
    }


def _baseline(
    task: TaskBoard,
    candidate: Candidate,
    paired: PairedDifference | None,
    against: str,
    n: int,
) -> Check:
    if against and n < ROWS_TO_COMPARE:
        return _no_comparison(
            f"{n} row is too little to compare two models; {ROWS_TO_COMPARE} are needed"
        )
    if candidate.method.is_baseline and paired is None:
        return _no_comparison("it is the only baseline, and there is none to hold it against")
    return beats_baseline(paired, against, metric=task.task.primary_metric)


def _seeds(candidate: Candidate, comparison: Comparison) -> Sequence[Check]:
    """Only training has a seed that matters; the other methods give the same each time."""
    if not candidate.method.is_tuned:
        return ()
    if found := comparison.seed_checks.get(candidate.run_id):
        return (found,)
    reason = f"One seed was run; {SEEDS_NEEDED} are needed to tell the luck of a seed."
    advice = "Run it again with two other seeds."
    outcome = Outcome.NOT_RUN
    return (Check(id="seed_variance", outcome=outcome, reason=reason, advice=advice),)


def _no_comparison(why: str) -> Check:
    return Check(id="beats_baseline", outcome=Outcome.NOT_RUN, reason=f"Not compared: {why}.")


def best_baselines(task: TaskBoard, comparable: Sequence[Candidate]) -> list[Candidate]:
    """The best run of each baseline method, best first; of equals, the one asked for first."""
    best: dict[Method, Candidate] = {}

    def order(candidate: Candidate) -> tuple[float, str]:
        return -value(task, candidate), candidate.run_id

    for candidate in sorted(comparable, key=order):
        if candidate.method.is_baseline:
            best.setdefault(candidate.method, candidate)
    return list(best.values())
