"""Always the shares of the training labels: what any model must beat."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from storage.records import Method, Split
from trainer.evaluate.arrays import FloatArray
from trainer.methods.card import ModelCard, read_card, write_card
from trainer.methods.fitting import FitRequest, Fitted

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Majority:
    """The same distribution for every text."""

    labels: tuple[str, ...]
    shares: FloatArray

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        return np.tile(self.shares, (len(texts), 1))

    def save(self, folder: Path) -> None:
        save_file({"shares": self.shares}, folder / WEIGHTS)
        card = ModelCard(method=Method.MAJORITY, labels=self.labels, scoring="shares")
        write_card(folder, card)


def fit(request: FitRequest) -> Fitted:
    """Count the training labels."""
    began = time.perf_counter()
    rows = request.dataset.splits[Split.TRAIN]
    labels = request.dataset.labels
    counts = np.bincount(request.dataset.gold(rows), minlength=len(labels))
    return Fitted(
        model=Majority(labels, counts / counts.sum()),
        engine="counting",
        engine_reason="this method needs no training engine",
        training={},
        defaults=(),
        trainable_parameters=0,
        train_seconds=time.perf_counter() - began,
    )


def load(folder: Path) -> Majority:
    """A saved model, from its folder."""
    return Majority(read_card(folder).labels, load_file(folder / WEIGHTS)["shares"])
