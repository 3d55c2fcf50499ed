"""Two runs on the same rows, by how much they differ; each pair is computed once and remembered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from storage.board import Board
from storage.judgements import Difference
from storage.standings import Candidate, TaskBoard, known_difference
from trainer.evaluate.compare import PairedDifference, as_difference, paired_difference
from trainer.evaluate.judged import Judged
from trainer.evaluate.scoring import lower_is_better

Load = Callable[[Candidate, str], Judged]
"""Reads a run's predictions on a split."""


@dataclass(slots=True)
class Differences:
    """Paired differences of one task's primary metric, by the runs' ids.

    A difference depends on the two runs alone, which never change: what the board before had is
    taken from it. `made` holds all that were asked for, to be kept for the next time.
    """

    board: Board
    task: TaskBoard
    load: Load
    candidates: Mapping[str, Candidate]
    made: dict[tuple[str, str], Difference] = field(default_factory=dict)

    def get(self, run_id: str, against: str) -> Difference:
        """By how much a run is better than `against`, in units of the primary metric.

        Raises:
            ValueError: The two are not on the same rows.
        """
        pair = (run_id, against)
        if pair not in self.made:
            metric = self.task.task.primary_metric
            known = known_difference(self.board, run_id, against, metric)
            self.made[pair] = known or self._compute(run_id, against)
        return self.made[pair]

    def paired(self, run_id: str, against: str) -> PairedDifference:
        """The same as arithmetic takes it."""
        found = self.get(run_id, against)
        return PairedDifference(
            value=found.value, low=found.low, high=found.high, p=found.p, n=found.n, how=found.how
        )

    def _compute(self, run_id: str, against: str) -> Difference:
        task = self.task.task
        one, other = (
            self.load(self.candidates[name], self.task.split) for name in (run_id, against)
        )
        if lower_is_better(task.primary_metric):
            one, other = other, one
        found = paired_difference(one, other, task.primary_metric, positive=task.positive)
        return as_difference(found, against)
