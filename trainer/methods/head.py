"""A base with a classification head: all of it trained, LoRA and the head, or the head alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.records import Method, Split
from trainer.engines.batches import Reader, load_reader
from trainer.engines.devices import pick_device, use_threads
from trainer.engines.objectives import HeadObjective, Rows, class_logits, softmax
from trainer.engines.protocol import Device
from trainer.engines.saved import load_learnt, save_learnt
from trainer.evaluate.arrays import FloatArray
from trainer.methods.card import ModelCard, based_on, card_for, read_card, write_card
from trainer.methods.fitting import FitRequest, Fitted
from trainer.methods.training import ADAPTATIONS, open_workshop
from trainer.settings import Settings


@dataclass(frozen=True, slots=True)
class Tuned:
    """A base with its head, and with its adapter where it has one."""

    card: ModelCard
    model: Any
    reader: Reader
    device: Device

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        rows, pad = self.reader.read(texts), self.reader.pad_id
        return softmax(class_logits(self.model, rows, pad, self.device, self.card.dtype))

    def save(self, folder: Path) -> None:
        save_learnt(self.model, folder, ADAPTATIONS[self.card.method])
        self.reader.tokenizer.save_pretrained(folder)
        write_card(folder, self.card)


def fit(request: FitRequest) -> Fitted:
    """Train, and keep the best step by validation loss."""
    workshop = open_workshop(request, head=True)
    base, labels = request.base_files, request.dataset.labels
    reader = load_reader(base.folder, workshop.resolved.recipe.max_tokens)
    prepared = workshop.prepare(reader.pad_id, labels)
    objective = HeadObjective(
        train=_rows(request, reader, Split.TRAIN),
        validation=_rows(request, reader, Split.VALIDATION),
        pad_id=reader.pad_id,
        device=workshop.device,
        dtype=prepared.dtype,
        metric=request.spec.task.primary_metric,
    )
    training = workshop.train(prepared, objective)
    card = card_for(
        request.spec.method,
        labels,
        base,
        pooling="the model's own head",
        pad_token_id=reader.pad_id,
        device=workshop.device,
        dtype=prepared.dtype,
    )
    return training.fitted(Tuned(card, prepared.model, reader, workshop.device))


def load(folder: Path) -> Tuned:
    """A saved model, from its folder and its base, by plain transformers and PEFT."""
    from trainer.engines.transformers import load_base

    card = read_card(folder)
    reader = load_reader(folder, card.max_tokens or 128)
    device = pick_device("auto" if card.device == "cuda" else "cpu")
    use_threads(Settings().threads_or_cores, card.base.parameters if card.base else 0)
    whole = card.method is Method.FULL
    base, _ = load_base(folder if whole else based_on(card), card.labels, reader.pad_id)
    model = load_learnt(base, folder, ADAPTATIONS[card.method]).to(device).eval()
    return Tuned(card, model, reader, device)


def _rows(request: FitRequest, reader: Reader, split: Split) -> Rows:
    rows = request.dataset.splits[split]
    tokens = reader.read([row.text for row in rows])
    return Rows(tokens, request.dataset.gold(rows), tuple(row.id for row in rows))
