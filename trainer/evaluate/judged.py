"""What a model said on one split, of whatever kind: class probabilities, or judged answers."""

from collections.abc import Sequence

from trainer.evaluate.outputs import Outputs
from trainer.evaluate.predictions import Predictions

Judged = Predictions | Outputs


def as_classes(runs: Sequence[Judged]) -> tuple[Predictions, ...]:
    """The same, where only classes will do.

    Raises:
        ValueError: One of them is of another kind of task.
    """
    found = tuple(run for run in runs if isinstance(run, Predictions))
    if len(found) != len(runs):
        raise ValueError("this metric is of classes, and the answers are not")
    return found
