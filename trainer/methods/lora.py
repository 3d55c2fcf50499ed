"""A base with a classification head, fine-tuned with LoRA."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storage.records import Split, digest_of
from trainer.data.tokens import base_config
from trainer.engines.batches import Reader, load_reader
from trainer.engines.checkpoints import Checkpoints
from trainer.engines.choose import choose
from trainer.engines.devices import pick_device, use_threads
from trainer.engines.loop import Plan, Rows, Trained, score, softmax, train
from trainer.engines.protocol import Device, Order, Prepared
from trainer.engines.recipe import Resolved, resolve
from trainer.evaluate.arrays import FloatArray
from trainer.methods.card import ModelCard, based_on, card_for, read_card, write_card
from trainer.methods.fitting import FitRequest, Fitted, ValidationLosses
from trainer.settings import Settings


@dataclass(frozen=True, slots=True)
class Tuned:
    """A base with its adapter and head."""

    card: ModelCard
    model: Any
    reader: Reader
    device: Device

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        rows = self.reader.read(texts)
        return softmax(score(self.model, rows, self.reader.pad_id, self.device, self.card.dtype))

    def save(self, folder: Path) -> None:
        # Embeddings never change here; "auto" would ask the hub whether the vocabulary grew.
        self.model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty form
        self.reader.tokenizer.save_pretrained(folder)
        write_card(folder, self.card)


def fit(request: FitRequest) -> Fitted:
    """Choose an engine, train, and keep the best step by validation loss."""
    base = request.base_files
    config = base_config(base.folder)
    threads = use_threads(request.threads, base.identity.parameters)
    device = pick_device(request.spec.device)
    choice = choose(request.spec.engine, config, device)
    request.progress.engine(f"{choice.engine.name}: {choice.reason}")
    choice.engine.start()
    resolved = resolve(request.spec.training, config, base.identity.parameters, base.token_limit)
    reader = load_reader(base.folder, resolved.recipe.max_tokens)
    prepared = choice.engine.prepare(
        Order(
            base=base.ref,
            folder=base.folder,
            labels=request.dataset.labels,
            recipe=resolved.recipe,
            seed=request.spec.seed,
            device=device,
            pad_id=reader.pad_id,
        )
    )
    plan = _plan(request, resolved, reader, prepared, device)
    trained = train(plan)
    plan.model.zero_grad(set_to_none=True)
    card = card_for(
        request.spec.method,
        request.dataset.labels,
        base,
        pooling="the model's own head",
        pad_token_id=reader.pad_id,
        device=device,
        dtype=prepared.dtype,
    )
    fallback = (choice.reason,) if choice.fallback else ()
    return Fitted(
        classifier=Tuned(card, prepared.model, reader, device),
        engine=choice.engine.name,
        engine_reason=choice.reason,
        training=resolved.recipe.as_settings(),
        defaults=resolved.defaults,
        trainable_parameters=sum(p.numel() for p in plan.trainable().values()),
        train_seconds=trained.state.seconds,
        device=device,
        dtype=prepared.dtype,
        threads=threads,
        curve=tuple(trained.state.curve),
        validation_losses=_validation_losses(plan, trained),
        steps=trained.state.step,
        best_step=trained.best_step,
        resumed_from_step=trained.resumed_from,
        notes=(*fallback, *prepared.notes, *_notes(plan, trained)),
    )


def load(folder: Path) -> Tuned:
    """A saved model, from its folder and its base, by plain transformers and PEFT."""
    from trainer.engines.transformers import load_adapter, load_base

    card = read_card(folder)
    reader = load_reader(folder, card.max_tokens or 128)
    device = pick_device("auto" if card.device == "cuda" else "cpu")
    use_threads(Settings().threads_or_cores, card.base.parameters if card.base else 0)
    base, _ = load_base(based_on(card), card.labels, reader.pad_id)
    return Tuned(card, load_adapter(folder, base, device), reader, device)


def _plan(
    request: FitRequest, resolved: Resolved, reader: Reader, prepared: Prepared, device: Device
) -> Plan:
    key = digest_of([request.spec.digest(), request.dataset.version.content_digest])
    return Plan(
        model=prepared.model,
        train=_rows(request, reader, Split.TRAIN),
        validation=_rows(request, reader, Split.VALIDATION),
        recipe=resolved.recipe,
        seed=request.spec.seed,
        device=device,
        dtype=prepared.dtype,
        pad_id=reader.pad_id,
        metric=request.spec.task.primary_metric,
        checkpoints=Checkpoints(request.checkpoints, key),
        progress=request.progress,
        stop=request.stop,
    )


def _rows(request: FitRequest, reader: Reader, split: Split) -> Rows:
    rows = request.dataset.splits[split]
    tokens = reader.read([row.text for row in rows])
    return Rows(tokens, request.dataset.gold(rows), tuple(row.id for row in rows))


def _validation_losses(plan: Plan, trained: Trained) -> ValidationLosses:
    state = trained.state
    return ValidationLosses(
        steps=np.array(state.evaluated, np.int64),
        losses=np.stack(state.losses),
        correct=np.stack(state.correct),
        ids=plan.validation.ids,
    )


def _notes(plan: Plan, trained: Trained) -> tuple[str, ...]:
    if not trained.stopped_early:
        return ()
    return (
        f"stopped early at step {trained.state.step} of {plan.steps}: validation loss was clearly "
        f"worse than at step {trained.best_step} {plan.recipe.patience} times",
    )
