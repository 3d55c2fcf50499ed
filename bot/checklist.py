"""The seven steps of a task, from a prompt to a tested model, and which are done.

The order is a good practice, not a rule of the software: the cheapest way first, the data, one
training as it comes, a comparison, tuning, and a test before anybody approves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from storage import reviews
from storage.judgements import BoardSummary
from storage.ledger import Ledger
from storage.records import Method, ReviewState, Run, RunState
from storage.tasks import RegisteredTask

PROMPTED = frozenset({Method.ZERO_SHOT, Method.FEW_SHOT})
TUNED_TRIES = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One of the seven, and what to write next where it is not done."""

    name: str
    done: bool
    next: str = ""


def steps_of(item: RegisteredTask, ledger: Ledger, summary: BoardSummary | None) -> list[Step]:
    """The steps of one task."""
    name = item.task.name
    runs = ledger.runs(task=name, states=(RunState.SUCCEEDED,), limit=1000)
    tuned = [run for run in runs if run.spec.method.is_trained]
    rows = summary.standings.get(name, ()) if summary else ()
    compared = any(row.difference for row in rows)
    baselines = [run for run in runs if run.spec.method.is_baseline]
    reviewed = _reviewed(runs, ledger)
    base = next((run.spec.base.name for run in tuned if run.spec.base), "minilm")
    prompt = f"run task={name} method=zero_shot base={base}"
    train = f"run task={name} method=lora base={base}"
    return [
        Step("Use case: metric, owner and targets", _has_use_case(item), "task add FILE"),
        Step("Data: read, checked, split", True),
        Step("A prompt or another baseline", bool(baselines) or _any(runs, PROMPTED), prompt),
        Step("One training with the defaults", bool(tuned), train),
        Step("Compared on the same rows", compared, f"top {name}"),
        Step("Tuned, or seeds repeated", len(tuned) >= TUNED_TRIES, f"{train} seed=2"),
        Step("Tested and reviewed before use", reviewed, "submit RUN"),
    ]


def _has_use_case(item: RegisteredTask) -> bool:
    return bool(item.task.owner or item.task.targets)


def _any(runs: Sequence[Run], methods: frozenset[Method]) -> bool:
    return any(run.spec.method in methods for run in runs)


def _reviewed(runs: Sequence[Run], ledger: Ledger) -> bool:
    ids = {run.id for run in runs}
    decided = {ReviewState.APPROVED, ReviewState.REJECTED}
    return any(r.run_id in ids and r.state in decided for r in reviews.reviews(ledger))
