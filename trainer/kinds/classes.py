"""Tasks of labels: class probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from storage.errors import InternalError
from storage.records import Metric, RunSpec, Split
from trainer.checking import Checked, CheckInputs, run_checks
from trainer.data.dataset import Dataset
from trainer.data.schema import Example
from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.judged import as_classes
from trainer.evaluate.measure import measure, measure_groups, measure_scaled
from trainer.evaluate.metrics import example_log_losses
from trainer.evaluate.predictions import Predictions
from trainer.evidence import Scored
from trainer.methods.fitting import Classifier, Fitted
from trainer.stopping import StopRequest


@dataclass(frozen=True, slots=True)
class Classes:
    """A fitted classifier."""

    spec: RunSpec
    dataset: Dataset
    fitted: Fitted

    @property
    def model(self) -> Classifier:
        if not isinstance(self.fitted.model, Classifier):
            raise InternalError("a task of labels was fitted with a model that gives none")
        return self.fitted.model

    @property
    def positive(self) -> str | None:
        return self.spec.task.positive if len(self.dataset.labels) == 2 else None

    def score(self, rows: Sequence[Example], stop: StopRequest) -> Scored:
        found = Predictions(
            labels=self.dataset.labels,
            gold=self.dataset.gold(rows),
            probabilities=self.model.probabilities([row.text for row in rows]),
            ids=tuple(row.id for row in rows),
            clusters=self.dataset.clusters(rows),
        )
        losses = example_log_losses(found.probabilities, found.gold)
        return Scored(tuple(rows), found, losses)

    def ask(self, row: Example) -> object:
        return self.model.probabilities([row.text])

    def fingerprint(self, rows: Sequence[Example]) -> FloatArray:
        return self.model.probabilities([row.text for row in rows])

    def measure(self, scored: Mapping[Split, Scored]) -> tuple[Metric, ...]:
        found: list[Metric] = []
        by_split = {split: as_classes([part.judged])[0] for split, part in scored.items()}
        for split, predictions in by_split.items():
            found += measure(predictions, split.value, self.positive)
        if self.dataset.sensitive:
            groups = self.dataset.groups(scored[Split.TEST].rows)
            favourable = self.spec.task.favourable
            found += measure_groups(by_split[Split.TEST], "test", groups, favourable)
        return (*found, *measure_scaled(by_split[Split.VALIDATION], by_split[Split.TEST]))

    def check(self, scored: Mapping[Split, Scored], stop: StopRequest) -> Checked:
        inputs = CheckInputs(
            self.spec, self.dataset, scored, self.fitted, self.model.probabilities, stop
        )
        return run_checks(inputs)
