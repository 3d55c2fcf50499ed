"""Language models are taught lessons: one task's rows, or several tasks' at once.

A lesson is what one task brings: rows to learn, validation, and how the taught model answers it.
A run of a mix teaches all its lessons in one training; the runs that share it load what was learnt
and answer their own task.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from storage.records import TaskKind
from trainer.data.mixing import repeated
from trainer.engines.batches import load_reader
from trainer.engines.objectives import Completion, Evaluated, Objective, OfAnswers
from trainer.engines.protocol import Device
from trainer.methods.fitting import Along, Author, Classifier, FitRequest, Fitted, ValidationLosses
from trainer.methods.training import Workshop, open_workshop
from trainer.stopping import StopRequest


class Report(Protocol):
    """Tells how a model was trained."""

    def fitted(
        self,
        model: Classifier | Author,
        notes: tuple[str, ...] = (),
        **settings: str | int | float | None,
    ) -> Fitted:
        """A fitted model with its training."""
        ...


@dataclass(frozen=True, slots=True)
class Pupil:
    """A language model on its device, before it is taught."""

    model: Any
    device: Device
    dtype: str
    pad_id: int


class Lesson(Protocol):
    """What one task teaches."""

    @property
    def rows(self) -> Sequence[Completion]:
        """Training rows."""
        ...

    @property
    def objective(self) -> Objective:
        """These rows, with the task's validation."""
        ...

    def finish(self, model: Any, report: Report) -> Fitted:
        """The taught model as one that answers this task."""
        ...


def lesson_of(request: FitRequest, pupil: Pupil) -> Lesson:
    """The lesson of a request's task."""
    from trainer.methods import words, written

    if request.spec.task.kind is TaskKind.CLASSIFICATION:
        return words.lesson(request, pupil)
    return written.lesson(request, pupil)


def fit(request: FitRequest) -> Fitted:
    """Teach a language model; the best step is kept by validation loss."""
    from trainer.methods import shared

    if request.spec.shared is not None:
        return shared.fit(request)
    workshop = open_workshop(request, head=False)
    base = request.base_files
    pad_id = load_reader(base.folder, base.token_limit).pad_id
    prepared = workshop.prepare(pad_id, None)
    pupil = Pupil(prepared.model, workshop.device, prepared.dtype, pad_id)
    own = lesson_of(request, pupil)
    if not request.along:
        return own.finish(prepared.model, workshop.train(prepared, own.objective))
    mixed = _mixed(request, own, [lesson_of(one.request, pupil) for one in request.along], pupil)
    fitted = own.finish(prepared.model, workshop.train(prepared, mixed))
    return replace(_divided(fitted, mixed), notes=(*fitted.notes, _told(request.along, workshop)))


@dataclass(frozen=True, slots=True)
class MixedObjective(OfAnswers):
    """The answers of several tasks; in validation each task counts the same, whatever its size.

    Attributes:
        parts: The tasks' own objectives, for their validation rows.
    """

    names: tuple[str, ...]
    parts: tuple[Objective, ...]

    def evaluate(self, model: Any, stop: StopRequest) -> Evaluated:
        """Losses are scaled so that their mean is the mean of the tasks' means."""
        found = [part.evaluate(model, stop) for part in self.parts]
        losses = [one.losses * scale for one, scale in zip(found, self._scales(), strict=True)]
        return Evaluated(
            np.concatenate(losses),
            np.concatenate([one.correct for one in found]),
            float(np.mean([one.value for one in found])),
        )

    def divided(self, losses: ValidationLosses) -> dict[str, ValidationLosses]:
        """Each task's own losses again."""
        ends = np.cumsum([len(part.ids) for part in self.parts])[:-1]
        parts = zip(
            self.names,
            self.parts,
            self._scales(),
            np.split(losses.losses, ends, axis=1),
            np.split(losses.correct, ends, axis=1),
            strict=True,
        )
        return {
            name: ValidationLosses(losses.steps, own / scale, correct, part.ids)
            for name, part, scale, own, correct in parts
        }

    def _scales(self) -> list[float]:
        sizes = [len(part.ids) for part in self.parts]
        return [sum(sizes) / (len(sizes) * size) for size in sizes]


def _mixed(
    request: FitRequest, own: Lesson, along: Sequence[Lesson], pupil: Pupil
) -> MixedObjective:
    lessons = (own, *along)
    weights = (request.spec.weight, *(one.weight for one in request.along))
    taken = repeated([len(one.rows) for one in lessons], weights, request.spec.seed)
    names = (request.spec.task.name, *(one.request.spec.task.name for one in request.along))
    parts = tuple(one.objective for one in lessons)
    return MixedObjective(
        train=[
            one.rows[place]
            for one, places in zip(lessons, taken, strict=True)
            for place in places.tolist()
        ],
        ids=tuple(
            f"{name}:{row}" for name, part in zip(names, parts, strict=True) for row in part.ids
        ),
        pad_id=pupil.pad_id,
        device=pupil.device,
        dtype=pupil.dtype,
        names=names,
        parts=parts,
    )


def _divided(fitted: Fitted, mixed: MixedObjective) -> Fitted:
    """The losses of the run's own task as its own, the others' beside them."""
    if fitted.validation_losses is None:
        return fitted
    own, *others = mixed.names
    found = mixed.divided(fitted.validation_losses)
    along = {name: found[name] for name in others}
    return replace(fitted, validation_losses=found[own], losses_along=along)


def _told(along: Sequence[Along], workshop: Workshop) -> str:
    spec = workshop.request.spec
    shares = ", ".join(
        f"{name} {weight:g}"
        for name, weight in (
            (spec.task.name, spec.weight),
            *((one.request.spec.task.name, one.weight) for one in along),
        )
    )
    return (
        f"learnt together, by weight: {shares}; the step was kept where the mean of the tasks' "
        "validation losses was lowest"
    )
