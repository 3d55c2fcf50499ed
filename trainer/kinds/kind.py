"""What the job asks of a kind of task."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from storage.records import Metric, Split
from trainer.checking import Checked
from trainer.data.schema import Example
from trainer.evaluate.arrays import FloatArray
from trainer.evidence import Scored
from trainer.stopping import StopRequest


class Kind(Protocol):
    """A fitted model of one kind of task, seen by the job."""

    def score(self, rows: Sequence[Example], stop: StopRequest) -> Scored:
        """What it says of rows, judged."""
        ...

    def ask(self, row: Example) -> object:
        """One request, as somebody who uses the model would make it."""
        ...

    def fingerprint(self, rows: Sequence[Example]) -> FloatArray:
        """Numbers, shape (rows, k), that a reloaded model must repeat."""
        ...

    def measure(self, scored: Mapping[Split, Scored]) -> tuple[Metric, ...]:
        """Every metric of every split."""
        ...

    def check(self, scored: Mapping[Split, Scored], stop: StopRequest) -> Checked:
        """Every check; what cannot be measured is `not_run` with the reason."""
        ...
