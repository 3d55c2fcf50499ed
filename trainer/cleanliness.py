"""Leakage, told whole: which test rows touch train, and what the score is without them."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.records import Check, Metric, Split, Task, TaskKind
from trainer.checks import leakage_exact, leakage_near
from trainer.data.contact import Contact, find_contact
from trainer.data.dataset import Dataset
from trainer.data.near import Near, nearest
from trainer.evaluate.arrays import BoolArray
from trainer.evaluate.contamination import inflation
from trainer.evaluate.judged import Judged
from trainer.evaluate.measure import measure
from trainer.evaluate.output_metrics import measure_outputs
from trainer.evaluate.outputs import Outputs

CLEAN = "subset:clean"
"""The group of metrics on test rows that neither are nor nearly are training rows."""


@dataclass(frozen=True, slots=True)
class Cleanliness:
    """Which of n test rows are, or nearly are, among the texts that are learnt from."""

    contact: Contact
    near: Near
    test: tuple[str, ...]
    learnt: tuple[str, ...]

    @property
    def hit(self) -> BoolArray:
        """Shape (n,). Rows that are left out of the clean subset."""
        return self.contact.any_text | self.near.hits


def look(dataset: Dataset, along: Sequence[Dataset] = ()) -> Cleanliness:
    """Hold every test text against the texts that will be learnt from, of other tasks too."""
    learnt = tuple(
        text
        for data in (dataset, *along)
        for split in (Split.TRAIN, Split.VALIDATION)
        for text in data.texts(split)
    )
    test = tuple(dataset.texts(Split.TEST))
    return Cleanliness(find_contact(dataset), nearest(test, learnt), test, learnt)


def clean_metrics(
    found: Cleanliness, test: Judged, task: Task, positive: str | None
) -> tuple[Metric, ...]:
    """Accuracy and the primary metric on the clean test rows; empty where none was hit."""
    if not found.hit.any() or found.hit.all():
        return ()
    wanted = {"accuracy", task.primary_metric}
    clean = test.take(~found.hit)
    every = (
        measure_outputs(clean, "test")
        if isinstance(clean, Outputs)
        else measure(clean, "test", positive)
    )
    return tuple(
        metric.model_copy(update={"group": CLEAN})
        for metric in every
        if metric.name in wanted and not metric.group
    )


def leakage_checks(
    found: Cleanliness, test: Judged, clean: Sequence[Metric], task: Task
) -> tuple[Check, ...]:
    """`leakage_exact` and `leakage_near`."""
    words, limit = _in_words(found, test, clean, task), task.policy.leakage_limit
    hit = found.contact.any_text.any()
    return (
        leakage_exact.check(found.contact, limit, words if hit else ""),
        leakage_near.check(
            found.near,
            found.contact.any_text,
            test.correct if _has_right_and_wrong(task) else None,
            (found.test, found.learnt),
            limit,
            words,
            quote=not task.has_sensitive_texts,
        ),
    )


def _in_words(found: Cleanliness, test: Judged, clean: Sequence[Metric], task: Task) -> str:
    """What the score is without the rows that were hit."""
    metric = next((m for m in clean if m.name == task.primary_metric), None)
    if metric is None or metric.value is None:
        return ""
    interval = "" if metric.low is None else f" [{metric.low:.4f}, {metric.high:.4f}]"
    lift = inflation(test.correct, found.hit) if _has_right_and_wrong(task) else None
    gained = (
        ""
        if lift is None
        else f"; accuracy on all rows is {100 * lift.value:+.2f} points "
        f"[{100 * lift.interval.low:+.2f}, {100 * lift.interval.high:+.2f}] above that on them"
    )
    return (
        f"On the {metric.n} clean rows {task.primary_metric} is {metric.value:.4f}{interval}"
        f"{gained}."
    )


def _has_right_and_wrong(task: Task) -> bool:
    """Whether an answer is right or wrong; a number is near or far, a text cheap or dear."""
    return task.kind not in {TaskKind.REGRESSION, TaskKind.TEXT}
