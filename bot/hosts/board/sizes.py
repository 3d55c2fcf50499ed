"""Whether more training rows are likely to pay: runs that differ in nothing but how many they had.

The last step of the ladder decides, as a paired difference between the largest size and the one
before. Learning curves flatten, so the next doubling is hardly worth more than the last one was;
a step that gave nothing is no reason to label more rows.
"""

from collections import defaultdict
from collections.abc import Sequence

from bot.hosts.board.comparable import primary, rank_value
from bot.hosts.board.differences import Differences
from storage.standings import Candidate, TaskBoard
from trainer.evaluate.units import amount, bare

ENOUGH_MORE = 1.5
"""The largest size has at least so many times the rows of the one before."""


def ladders(
    task: TaskBoard, comparable: Sequence[Candidate], differences: Differences
) -> list[str]:
    """A sentence for each spec that was trained on several sizes of train."""
    families: dict[str, dict[int, Candidate]] = defaultdict(dict)
    for candidate in sorted(comparable, key=lambda c: c.run_id):
        if candidate.trained_rows and candidate.size_family:
            sizes = families[candidate.size_family]
            kept = sizes.get(candidate.trained_rows)
            if kept is None or _value(task, candidate) > _value(task, kept):
                sizes[candidate.trained_rows] = candidate
    found = (list(dict(sorted(sizes.items())).values()) for sizes in families.values())
    return [_sentence(task, ladder, differences) for ladder in found if len(ladder) > 1]


def _value(task: TaskBoard, candidate: Candidate) -> float:
    """Of several seeds of a size the best on validation stands for it, as elsewhere."""
    return rank_value(
        candidate.metric(task.task.primary_metric, "validation") or primary(task, candidate)
    )


def _sentence(task: TaskBoard, ladder: Sequence[Candidate], differences: Differences) -> str:
    metric, minimum = task.task.primary_metric, task.newest.policy.minimum_effect
    *_, before, last = ladder
    steps = ", ".join(f"{c.trained_rows:,} rows {primary(task, c).value:.3f}" for c in ladder)
    base = f" of {last.base}" if last.base else ""
    gain = differences.get(last.run_id, before.run_id)
    if last.trained_rows < ENOUGH_MORE * before.trained_rows:
        verdict = "the sizes are too close to tell whether more rows would pay"
    elif gain.low > 0 and gain.value >= minimum:
        verdict = "more rows are likely to pay"
    elif gain.high < minimum:
        verdict = "more rows of this kind are not likely to pay"
    else:
        verdict = "whether more rows would pay cannot be told on this test set"
    return (
        f"Size ladder, {last.method.words}{base}: {metric.replace('_', ' ')} is {steps}. The last "
        f"step gained {amount(gain.value, metric, signed=True)} "
        f"({bare(gain.low, metric, signed=True)} to {bare(gain.high, metric, signed=True)}): "
        f"{verdict}."
    )
