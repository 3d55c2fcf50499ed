"""Tasks of texts, entities and numbers: what a model writes, judged; of plain text, its cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.errors import InternalError
from storage.records import Check, Metric, Outcome, RunSpec, Split, TaskKind
from trainer.checking import Checked
from trainer.checks import (
    bias_amplification,
    bias_groups,
    calibration,
    counterfactual,
    forgetting_tasks,
    forgetting_text,
    lexical_support,
    membership,
    overfit_gap,
    overfit_upturn,
    stereotypes,
    underfit,
)
from trainer.checks.recipe import recipe_of
from trainer.data.dataset import Dataset
from trainer.data.schema import Example
from trainer.data.tokens import overlong
from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.lexical import Answer
from trainer.evaluate.output_metrics import BOUNDED, SHARES, measure_outputs, score
from trainer.evaluate.outputs import (
    Asked,
    Outputs,
    judge_extraction,
    judge_generation,
    judge_regression,
)
from trainer.evidence import Scored
from trainer.methods.fitting import Author, Fitted
from trainer.reloading import token_costs
from trainer.stopping import StopRequest

OF_LABELS = (bias_groups.ID, bias_amplification.ID, counterfactual.ID, calibration.ID, underfit.ID)
"""Checks that ask for labels or their probabilities."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A fitted model that writes."""

    spec: RunSpec
    dataset: Dataset
    fitted: Fitted

    @property
    def model(self) -> Author:
        if not isinstance(self.fitted.model, Author):
            raise InternalError("a task without labels was fitted with a model that gives them")
        return self.fitted.model

    def score(self, rows: Sequence[Example], stop: StopRequest) -> Scored:
        costs = self.model.costs(rows, stop)
        losses = np.asarray(costs.nats / np.maximum(costs.tokens, 1), np.float64)
        ids, clusters = tuple(row.id for row in rows), self.dataset.clusters(rows)
        kind = self.spec.task.kind
        if kind is TaskKind.TEXT:
            sizes = np.array([len(row.text.encode()) for row in rows], np.float64)
            columns = {"bits": costs.nats / np.log(2), "size_bytes": sizes}
            return Scored(tuple(rows), Outputs(kind, columns, ids, clusters), losses)
        written = self.model.write(rows, stop)
        columns = self._judge(rows, written.texts, written.finished)
        return Scored(tuple(rows), Outputs(kind, columns, ids, clusters, written.texts), losses)

    def ask(self, row: Example) -> object:
        if self.spec.task.kind is TaskKind.TEXT:
            return self.model.costs([row])
        return self.model.write([row])

    def fingerprint(self, rows: Sequence[Example]) -> FloatArray:
        return token_costs(self.model, rows)

    def measure(self, scored: Mapping[Split, Scored]) -> tuple[Metric, ...]:
        return tuple(
            metric
            for split, part in scored.items()
            for metric in measure_outputs(_outputs(part), split.value)
        )

    def check(self, scored: Mapping[Split, Scored], stop: StopRequest) -> Checked:
        policy, fitted = self.spec.task.policy, self.fitted
        return Checked(
            (
                self._gap(scored),
                self._upturn(),
                self._membership(scored),
                *(self._of_labels(name) for name in OF_LABELS),
                stereotypes.check(fitted.sentence_pairs),
                forgetting_text.check(fitted.text_losses, policy),
                forgetting_tasks.check(fitted.retention, policy),
                lexical_support.check(
                    self._sourced(scored[Split.TEST]), quote=not self.spec.task.has_sensitive_texts
                ),
                overlong(self.dataset.version.quality, policy.overlong_limit),
            )
        )

    def _judge(
        self, rows: Sequence[Example], texts: Sequence[str], finished: Sequence[bool]
    ) -> dict[str, FloatArray]:
        asked = [Asked(row.text, (row.label, *row.others)) for row in rows]
        task = self.spec.task
        if task.kind is TaskKind.EXTRACTION:
            return judge_extraction(asked, texts, finished)
        if task.kind is TaskKind.REGRESSION:
            known = [float(row.label) for row in self.dataset.splits[Split.TRAIN]]
            return judge_regression(asked, texts, min(known), max(known))
        return judge_generation(asked, texts, finished, task.answer_pattern)

    def _gap(self, scored: Mapping[Split, Scored]) -> Check:
        """O1 on the primary metric, where it is a number from 0 to 1 of each row."""
        name = self.spec.task.primary_metric
        limit = self.spec.task.policy.overfit_gap_limit
        if name not in SHARES | BOUNDED:
            reason = f"{name} is no share: whether it was overfitted is read from validation loss."
            return Check(id=overfit_gap.ID, outcome=Outcome.NOT_RUN, limit=limit, reason=reason)
        train, validation = (
            score(_outputs(scored[split]), name).added for split in (Split.TRAIN, Split.VALIDATION)
        )
        recipe = recipe_of(self.fitted.training, self.fitted.steps, self.fitted.best_step)
        return overfit_gap.check_values(train, validation, name, limit, recipe)

    def _upturn(self) -> Check:
        losses, best = self.fitted.validation_losses, self.fitted.best_step
        limit = self.spec.task.policy.upturn_limit
        if losses is None or best is None:
            reason = "Nothing was trained: there is no validation curve that could turn up."
            return Check(id=overfit_upturn.ID, outcome=Outcome.NOT_RUN, limit=limit, reason=reason)
        recipe = recipe_of(self.fitted.training, self.fitted.steps, best)
        return overfit_upturn.check(
            losses.losses, losses.steps, losses.ids, best, limit, losses.correct, recipe
        )

    def _membership(self, scored: Mapping[Split, Scored]) -> Check:
        train, validation = scored[Split.TRAIN].losses, scored[Split.VALIDATION].losses
        if train is None or validation is None:
            raise InternalError("a model that writes gives the cost of every answer")
        by_chance = self.spec.task.data.validation is None
        return membership.check(
            train, validation, self.spec.task.policy, divided_by_chance=by_chance
        )

    def _of_labels(self, name: str) -> Check:
        kind = self.spec.task.kind.value
        reason = f"This check is of labels, and tasks of kind {kind} have none."
        return Check(id=name, outcome=Outcome.NOT_RUN, reason=reason)

    def _sourced(self, test: Scored) -> tuple[Answer, ...] | None:
        """Answers beside what they were asked with, where the task says that it supports them."""
        found = _outputs(test)
        if not self.spec.task.grounded or not found.written:
            return None
        return tuple(
            Answer(said, {row.id: row.text})
            for said, row in zip(found.written, test.rows, strict=True)
        )


def _outputs(part: Scored) -> Outputs:
    if not isinstance(part.judged, Outputs):
        raise InternalError("labels were scored where answers are written")
    return part.judged
