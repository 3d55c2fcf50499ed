"""A run that shares another's training: what was learnt on several tasks answers one more of them.

The weights are copied, so that the run is whole without the other. Training time, steps and curve
are the other run's and said to be; validation losses are those of this task, kept there for this.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from storage.errors import BadInput, CorruptFolder
from storage.evidence_tables import ALONG_LOSSES, CURVES
from storage.records import EvidenceSummary, Method
from storage.run_folder import RunFolder
from trainer.engines.batches import load_reader
from trainer.engines.devices import pick_device, use_threads
from trainer.engines.saved import load_learnt
from trainer.engines.transformers import load_causal
from trainer.methods.card import based_on, read_card
from trainer.methods.fitting import (
    Author,
    Classifier,
    CurvePoint,
    FitRequest,
    Fitted,
    ValidationLosses,
)
from trainer.methods.lessons import Pupil, lesson_of
from trainer.methods.training import ADAPTATIONS


def fit(request: FitRequest) -> Fitted:
    """Load what the other run learnt.

    Raises:
        BadInput: That run did not come to an end, or what it left changed.
    """
    folder = _folder(request)
    summary, card = folder.summary(), read_card(folder.adapter)
    device = pick_device("auto" if card.device == "cuda" else "cpu")
    threads = use_threads(request.threads, request.base_files.identity.parameters)
    base = load_causal(based_on(card), device, quantised=card.method is Method.QLORA)
    pad_id = load_reader(request.base_files.folder, request.base_files.token_limit).pad_id
    lesson = lesson_of(request, Pupil(base, device, card.dtype, pad_id))
    if card.method is Method.FULL:
        model = load_causal(folder.adapter, device)
    else:
        model = load_learnt(base, folder.adapter, ADAPTATIONS[card.method])
    fitted = lesson.finish(model.eval(), _Shared(request, folder, summary))
    return replace(fitted, device=device, threads=threads)


def _folder(request: FitRequest) -> RunFolder:
    if request.spec.shared is None:
        raise BadInput("this run shares no training")
    folder = RunFolder(Path(request.spec.shared.folder))
    if not folder.has_evidence:
        raise BadInput(
            f"This run is measured on what {folder.run_id} learns, and that run did not come to an "
            f"end. `status {folder.run_id}` says why; then ask for both again."
        )
    try:
        folder.verified_digest()
    except CorruptFolder as error:
        raise BadInput(f"What {folder.run_id} learnt cannot be trusted: {error}.") from error
    return folder


@dataclass(frozen=True, slots=True)
class _Shared:
    """What is told of a training that another run did."""

    request: FitRequest
    folder: RunFolder
    summary: EvidenceSummary

    def fitted(
        self,
        model: Classifier | Author,
        notes: tuple[str, ...] = (),
        **settings: str | int | float | None,
    ) -> Fitted:
        """A fitted model with the training of the other run."""
        counted = {one.name: one.value for one in self.folder.metrics() if one.split == "run"}
        own = f"trained in {self.folder.run_id} on {1 + len(self.request.spec.mix)} tasks together"
        losses = _losses(self.folder, self.request.spec.task.name)
        return Fitted(
            model=model,
            engine=self.summary.engine,
            engine_reason=f"{own}; {self.summary.engine_reason}",
            training=dict(self.summary.training) | settings,
            defaults=self.summary.defaults,
            trainable_parameters=int(counted["trainable_parameters"] or 0),
            train_seconds=float(counted["train_seconds"] or 0),
            dtype=self.summary.dtype,
            curve=_curve(self.folder, losses),
            validation_losses=losses,
            steps=self.summary.steps,
            best_step=self.summary.best_step,
            notes=(*notes, f"{own}: time, steps and recipe are of all of them"),
        )


def _losses(folder: RunFolder, task: str) -> ValidationLosses:
    """This task's validation losses in the training of the other run.

    Raises:
        BadInput: The task was not learnt there.
    """
    from pyarrow import parquet

    place, only = folder.evidence / ALONG_LOSSES, [("task", "=", task)]
    table = parquet.read_table(place, filters=only).to_pydict()
    evaluations = len(set(table["step"]))
    if not evaluations:
        raise BadInput(f"{folder.run_id} did not learn {task}.")
    rows = len(table["step"]) // evaluations
    shape = (evaluations, rows)
    return ValidationLosses(
        np.asarray(table["step"][::rows], np.int64),
        np.asarray(table["loss"], np.float64).reshape(shape),
        np.asarray(table["correct"], np.bool_).reshape(shape),
        tuple(table["example_id"][:rows]),
    )


def _curve(folder: RunFolder, losses: ValidationLosses) -> tuple[CurvePoint, ...]:
    """The other run's curve with this task's validation."""
    from pyarrow import parquet

    own = dict(zip(losses.steps.tolist(), losses.losses.mean(axis=1).tolist(), strict=True))
    return tuple(
        CurvePoint(
            row["step"],
            row["epoch"],
            row["train_loss"],
            own.get(row["step"]),
            learning_rate=row["learning_rate"],
        )
        for row in parquet.read_table(folder.evidence / CURVES).to_pylist()
    )
