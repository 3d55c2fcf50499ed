"""A frozen base's mean hidden state, then logistic regression: often as good as fine-tuning."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from storage.errors import BadInput
from storage.records import Split
from trainer.data.tokens import base_config
from trainer.engines.batches import Reader, by_length, load_reader, padded
from trainer.engines.devices import pick_device, use_threads
from trainer.engines.protocol import Device
from trainer.evaluate.arrays import FloatArray
from trainer.methods.card import ModelCard, based_on, card_for, read_card, write_card
from trainer.methods.fitting import FitRequest, Fitted
from trainer.methods.linear import LinearHead, fit_head
from trainer.settings import Settings
from trainer.stopping import StopRequest

WEIGHTS = "head.safetensors"
SCORING_BATCH = 64


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen base: texts to unit vectors, the mean of the last hidden states of their tokens."""

    model: Any
    reader: Reader
    device: Device

    def encode(self, texts: Sequence[str], stop: StopRequest | None = None) -> FloatArray:
        """Shape (texts, hidden), in the order of the texts.

        Raises:
            Cancelled: Asked to stop.
        """
        import torch

        rows = self.reader.read(texts)
        found = np.empty((len(rows), int(self.model.config.hidden_size)))
        with torch.inference_mode():
            for places in by_length(rows, SCORING_BATCH):
                if stop:
                    stop.raise_if_requested()
                chosen = [rows[place] for place in places]
                batch = padded(chosen, self.reader.pad_id, self.device)
                hidden = self.model(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1)
                mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
                unit = torch.nn.functional.normalize(mean.float(), dim=1)
                found[places] = unit.double().cpu().numpy()
        return found


@dataclass(frozen=True, slots=True)
class Embedding:
    """A frozen encoder and a linear head."""

    card: ModelCard
    encoder: Encoder
    head: LinearHead

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        return self.head.probabilities(self.encoder.encode(texts))

    def save(self, folder: Path) -> None:
        save_file({"weights": self.head.weights, "bias": self.head.bias}, folder / WEIGHTS)
        self.encoder.reader.tokenizer.save_pretrained(folder)
        write_card(folder, self.card)


def fit(request: FitRequest) -> Fitted:
    """Encode train and validation once, then choose the head on validation."""
    began = time.perf_counter()
    base, data = request.base_files, request.dataset
    threads = use_threads(request.threads, base.identity.parameters)
    device = pick_device(request.spec.device)
    pooling = "mean of the last hidden states, unit length"
    card = card_for(request.spec.method, data.labels, base, pooling=pooling, device=device)
    encoder = _encoder(base.folder, base.folder, card, device)
    encoded = {
        split: encoder.encode(data.texts(split), request.stop)
        for split in (Split.TRAIN, Split.VALIDATION)
    }
    chosen = fit_head(
        encoded[Split.TRAIN],
        data.gold(data.splits[Split.TRAIN]),
        encoded[Split.VALIDATION],
        data.gold(data.splits[Split.VALIDATION]),
        len(data.labels),
        request.spec.seed,
    )
    limit_given = request.spec.training.max_tokens is not None
    return Fitted(
        model=Embedding(card, encoder, chosen.head),
        engine="transformers",
        engine_reason=f"a frozen base needs no training engine, on {device}",
        training={"max_tokens": card.max_tokens, "strength": chosen.strength},
        defaults=("strength",) if limit_given else ("max_tokens", "strength"),
        trainable_parameters=chosen.head.weights.size + chosen.head.bias.size,
        train_seconds=time.perf_counter() - began,
        device=device,
        threads=threads,
        notes=chosen.notes,
    )


def load(folder: Path) -> Embedding:
    """A saved model, from its folder and its base."""
    card = read_card(folder)
    tensors = load_file(folder / WEIGHTS)
    device = pick_device("auto" if card.device == "cuda" else "cpu")
    use_threads(Settings().threads_or_cores, card.base.parameters if card.base else 0)
    encoder = _encoder(based_on(card), folder, card, device)
    return Embedding(card, encoder, LinearHead(tensors["weights"], tensors["bias"]))


def _encoder(base: Path, tokenizer: Path, card: ModelCard, device: Device) -> Encoder:
    from transformers import AutoModel, logging

    from trainer.engines.transformers import quiet

    quiet(logging)
    if base_config(base).get("is_encoder_decoder"):
        raise BadInput(
            f"Base {str(base)!r} is an encoder-decoder, which is not supported. Choose a BERT-type "
            "or Llama-type base."
        )
    try:
        model = AutoModel.from_pretrained(
            base,
            dtype="float32",
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
        )
    except (ValueError, OSError) as error:
        raise BadInput(
            f"Base {str(base)!r} cannot be loaded: {str(error).splitlines()[0]} "
            "Choose a BERT-type or Llama-type base."
        ) from error
    reader = load_reader(tokenizer, card.max_tokens or 128)
    return Encoder(model.to(device).eval(), reader, device)
