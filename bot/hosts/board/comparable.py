"""Which runs can be held against one another, and why the others cannot. They are kept, too."""

from collections import Counter

from storage.records import Metric, RunState
from storage.standings import Candidate, TaskBoard
from trainer.evaluate.scoring import lower_is_better


def primary(task: TaskBoard, candidate: Candidate) -> Metric:
    """The metric that ranks, or why there is none."""
    name = task.task.primary_metric
    if found := candidate.metric(name, task.split):
        return found
    why = candidate.problem or (
        "the run failed" if candidate.state is RunState.FAILED else "the run did not measure it"
    )
    split = "validation" if task.task.sealed else "test"
    return Metric.model_validate(
        {"name": name, "split": split, "value": None, "n": 0, "missing_because": why}
    )


def value(task: TaskBoard, candidate: Candidate) -> float:
    """The number that ranks, more being better; minus infinity where there is none."""
    return rank_value(primary(task, candidate))


def rank_value(found: Metric) -> float:
    """A metric turned so that more is better; minus infinity where there is no number."""
    if found.value is None:
        return float("-inf")
    return -found.value if lower_is_better(found.name) else found.value


def not_comparable(task: TaskBoard) -> dict[str, str]:
    """Runs that cannot be held against the others at all, and why."""
    reasons = {c.run_id: _alone_because(c, task) for c in task.candidates}
    rows = Counter(c.rows_digest for c in task.candidates if not reasons[c.run_id])
    usual = min(rows, key=lambda digest: (-rows[digest], digest), default="")
    for candidate in task.candidates:
        if not reasons[candidate.run_id] and candidate.rows_digest != usual:
            reasons[candidate.run_id] = "its predictions are not on the rows the other runs have"
    return {run_id: reason for run_id, reason in reasons.items() if reason}


def too_small(task: TaskBoard) -> dict[str, str]:
    """Runs measured on too few rows for a place."""
    minimum = task.task.policy.minimum_test_rows
    sizes = {c.run_id: primary(task, c).n for c in task.candidates}
    return {
        run_id: f"{n} {task.split} rows; at least {minimum} are needed for a place"
        for run_id, n in sizes.items()
        if n < minimum
    }


def of_old_version(task: TaskBoard) -> dict[str, str]:
    """The reason why no run of a former version of a task has a place."""
    if task.is_newest:
        return {}
    why = (
        f"it was made on version {task.task.version} of the task; the board compares version "
        f"{task.newest.version}"
    )
    return {c.run_id: why for c in task.candidates}


def _alone_because(candidate: Candidate, task: TaskBoard) -> str:
    if candidate.state is RunState.FAILED:
        return f"the run failed: {candidate.reason}" if candidate.reason else "the run failed"
    if candidate.problem:
        return candidate.problem
    if not candidate.manifest_digest:
        return "it has no evidence"
    if candidate.test_digest != task.test_digest:
        return "it was measured on another test set than this version of the task has"
    found = primary(task, candidate)
    return f"no {found.name}: {found.missing_because}" if found.value is None else ""
