"""Words and word pairs, weighted by rarity, then logistic regression: often hard to beat."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from storage.errors import BadData
from storage.records import Method, Split
from trainer.evaluate.arrays import FloatArray
from trainer.methods.card import ModelCard, read_card, write_card
from trainer.methods.fitting import FitRequest, Fitted
from trainer.methods.linear import LinearHead, fit_head

WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.json"
SETTINGS: dict[str, Any] = {
    "ngram_range": (1, 2),
    "sublinear_tf": True,
    # Words of one letter count too: "U", "I" and "2" tell spam from ham.
    "token_pattern": r"(?u)\b\w+\b",
    "max_features": 200_000,
}


@dataclass(frozen=True, slots=True)
class Tfidf:
    """A vectoriser with its vocabulary, and a linear head."""

    labels: tuple[str, ...]
    vectoriser: Any
    head: LinearHead

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        return self.head.probabilities(self.vectoriser.transform(texts))

    def save(self, folder: Path) -> None:
        tensors = {
            "idf": np.asarray(self.vectoriser.idf_, np.float64),
            "weights": self.head.weights,
            "bias": self.head.bias,
        }
        save_file(tensors, folder / WEIGHTS)
        words = [str(word) for word in self.vectoriser.get_feature_names_out()]
        text = json.dumps(words, ensure_ascii=False)
        (folder / VOCABULARY).write_text(text, encoding="utf-8")
        write_card(folder, ModelCard(method=Method.TFIDF, labels=self.labels, scoring="head"))


def fit(request: FitRequest) -> Fitted:
    """Fit vectoriser and head on train; the head's strength is chosen on validation."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    began = time.perf_counter()
    data = request.dataset
    vectoriser = TfidfVectorizer(**SETTINGS)
    try:
        train = vectoriser.fit_transform(data.texts(Split.TRAIN))
    except ValueError as error:
        raise BadData(
            "No training text holds a word (letters or digits), so tf-idf has nothing to count. "
            "Choose another method, or check the text column."
        ) from error
    chosen = fit_head(
        train,
        data.gold(data.splits[Split.TRAIN]),
        vectoriser.transform(data.texts(Split.VALIDATION)),
        data.gold(data.splits[Split.VALIDATION]),
        len(data.labels),
        request.spec.seed,
    )
    return Fitted(
        model=Tfidf(data.labels, vectoriser, chosen.head),
        engine="scikit-learn",
        engine_reason="this method needs no training engine",
        training={"ngrams": "1-2", "strength": chosen.strength},
        defaults=("ngrams", "strength"),
        trainable_parameters=chosen.head.weights.size + chosen.head.bias.size,
        train_seconds=time.perf_counter() - began,
        notes=chosen.notes,
    )


def load(folder: Path) -> Tfidf:
    """A saved model, from its folder."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
    tensors = load_file(folder / WEIGHTS)
    vectoriser = TfidfVectorizer(**SETTINGS, vocabulary=words)
    vectoriser.idf_ = tensors["idf"]
    head = LinearHead(tensors["weights"], tensors["bias"])
    return Tfidf(read_card(folder).labels, vectoriser, head)
