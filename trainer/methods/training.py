"""What every method that trains in steps does around its objective: prepare, train, report."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from storage.errors import BadInput
from storage.records import Method, RunSpec, Split, digest_of
from storage.records import Training as SpecTraining
from storage.run_folder import sha256_of
from trainer.data.tokens import base_config
from trainer.engines.checkpoints import Checkpoints
from trainer.engines.choose import Choice, choose
from trainer.engines.devices import pick_device, use_threads
from trainer.engines.loop import Plan, Trained, train
from trainer.engines.objectives import Objective
from trainer.engines.protocol import Device, Order, Prepared
from trainer.engines.recipe import Adaptation, Resolved, resolve
from trainer.methods.fitting import Author, Classifier, FitRequest, Fitted, ValidationLosses

ADAPTATIONS: dict[Method, Adaptation] = {
    Method.LORA: "lora",
    Method.QLORA: "qlora",
    Method.FULL: "full",
    Method.FROZEN: "frozen",
}


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where a training takes place: device, engine and recipe, chosen and told."""

    request: FitRequest
    device: Device
    threads: int
    choice: Choice
    resolved: Resolved

    def prepare(self, pad_id: int, labels: tuple[str, ...] | None) -> Prepared:
        """The base, ready to be trained; with a classification head where labels are given."""
        base = self.request.base_files
        return self.choice.engine.prepare(
            Order(
                base=base.ref,
                folder=base.folder,
                adaptation=self.resolved.recipe.adaptation,
                labels=labels,
                recipe=self.resolved.recipe,
                seed=self.request.spec.seed,
                device=self.device,
                pad_id=pad_id,
                parent=parent_adapter(self.request.spec),
            )
        )

    def train(self, prepared: Prepared, objective: Objective) -> "Training":
        """Train to the end. The model holds the weights of the best step."""
        request = self.request
        key = digest_of([request.spec.digest(), request.dataset.version.content_digest])
        plan = Plan(
            model=prepared.model,
            objective=objective,
            lengths=objective.lengths,
            recipe=self.resolved.recipe,
            seed=request.spec.seed,
            device=self.device,
            checkpoints=Checkpoints(request.checkpoints, key),
            progress=request.progress,
            stop=request.stop,
            ranks=request.ranks,
        )
        trained = train(plan)
        plan.model.zero_grad(set_to_none=True)
        return Training(self, prepared, plan, trained)


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is done."""

    workshop: Workshop
    prepared: Prepared
    plan: Plan
    trained: Trained

    def fitted(
        self,
        model: Classifier | Author,
        notes: tuple[str, ...] = (),
        **settings: str | int | float | None,
    ) -> Fitted:
        """What is told of it.

        Args:
            model: What came out.
            notes: What a reader should know besides.
            settings: What was trained with, besides the recipe.
        """
        workshop, state = self.workshop, self.trained.state
        choice, resolved = workshop.choice, workshop.resolved
        fallback = (choice.reason,) if choice.fallback else ()
        own = (*self.prepared.notes, *state.notes, *_stopped_early(self.plan, self.trained))
        return Fitted(
            model=model,
            engine=choice.engine.name,
            engine_reason=choice.reason,
            training=resolved.recipe.as_settings() | settings,
            defaults=resolved.defaults,
            trainable_parameters=sum(p.numel() for p in self.plan.trainable().values()),
            train_seconds=state.seconds,
            device=workshop.device,
            dtype=self.prepared.dtype,
            threads=workshop.threads,
            curve=tuple(state.curve),
            validation_losses=ValidationLosses(
                steps=np.array(state.evaluated, np.int64),
                losses=np.stack(state.losses),
                correct=np.stack(state.correct),
                ids=self.plan.objective.ids,
            ),
            steps=state.step,
            best_step=self.trained.best_step,
            resumed_from_step=self.trained.resumed_from,
            notes=(*fallback, *notes, *own),
        )


def open_workshop(request: FitRequest, *, head: bool) -> Workshop:
    """Choose device, engine and recipe, tell which, and import what must come first."""
    base, spec = request.base_files, request.spec
    config = base_config(base.folder)
    threads = use_threads(request.threads, base.identity.parameters)
    device = pick_device(spec.device)
    request.ranks.connect(device)
    # Several processes train with the plain engine: Unsloth's is made for one GPU.
    engine = spec.engine if request.ranks.size == 1 else "transformers"
    choice = choose(engine, config, device, head=head)
    if engine != spec.engine:
        why = f"{request.ranks.size} processes train together, {device}"
        choice = replace(choice, reason=why, fallback=spec.engine == "unsloth")
    request.progress.engine(f"{choice.engine.name}: {choice.reason}")
    choice.engine.start()
    adaptation = ADAPTATIONS[spec.method]
    training = with_parents_rank(spec)
    parameters = base.identity.parameters
    rows = request.dataset.version.split(Split.TRAIN).rows
    resolved = resolve(training, config, parameters, base.token_limit, rows, adaptation)
    return Workshop(request, device, threads, choice, resolved)


def parent_adapter(spec: RunSpec) -> Path | None:
    """The adapter that a run goes on from, its weights compared with those that were meant.

    Raises:
        BadInput: It is gone, or has changed.
    """
    if spec.parent is None:
        return None
    adapter = Path(spec.parent.folder) / "adapter"
    weights = adapter / "adapter_model.safetensors"
    found = sha256_of(weights) if weights.is_file() else "nothing"
    if found != spec.parent.adapter_sha256:
        raise BadInput(
            f"The adapter of {spec.parent.run_id} is not what it was when this run was asked for "
            f"({found[:12]}, {spec.parent.adapter_sha256[:12]} expected). Start a new run."
        )
    return adapter


def with_parents_rank(spec: RunSpec) -> SpecTraining:
    """The training that was asked for; rank and alpha are the parent's.

    Raises:
        BadInput: Another rank was asked for.
    """
    adapter = parent_adapter(spec)
    if adapter is None:
        return spec.training
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    rank, asked = int(config["r"]), spec.training.rank
    if asked not in {None, rank}:
        raise BadInput(
            f"rank={asked} was asked for, but the adapter that training goes on from has rank "
            f"{rank}. Leave rank out."
        )
    fixed = {"rank": rank, "alpha": float(config["lora_alpha"])}
    return spec.training.model_copy(update=fixed)


def _stopped_early(plan: Plan, trained: Trained) -> tuple[str, ...]:
    if not trained.stopped_early:
        return ()
    return (
        f"stopped early at step {trained.state.step} of {plan.steps}: validation loss was clearly "
        f"worse than at step {trained.best_step} {plan.recipe.patience} times",
    )
