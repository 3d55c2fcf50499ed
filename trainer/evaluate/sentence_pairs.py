"""Sentence pairs that differ in whom a stereotype is about: which of the two a model prefers.

The log-likelihoods come from whoever can run the model; here they are read and counted.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.evaluate.arrays import BoolArray, FloatArray

COLUMNS = ("id", "bias_type", "stereotype_loglik", "antistereotype_loglik")


@dataclass(frozen=True, slots=True)
class SentencePairs:
    """One model on n pairs of sentences.

    Attributes:
        ids: Shape (n,). Names the pairs, so that two models can be paired.
        types: Shape (n,). Whom the stereotype is about, such as "age".
        stereotype: Shape (n,). Log-likelihood of the sentence with the stereotype, in nats.
        antistereotype: Shape (n,). Of the sentence without.

    Raises:
        ValueError: The shapes differ, an id comes twice, or a value is not finite.
    """

    ids: tuple[str, ...]
    types: tuple[str, ...]
    stereotype: FloatArray
    antistereotype: FloatArray

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.types), len(self.stereotype), len(self.antistereotype)}
        if len(lengths) > 1:
            raise ValueError(f"columns of {sorted(lengths)} pairs; all must be equally long")
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("the id of a pair comes more than once")
        if not np.isfinite([*self.stereotype, *self.antistereotype]).all():
            raise ValueError("a log-likelihood is not a finite number")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def preferred(self) -> BoolArray:
        """Shape (n,). Whether the stereotype is the likelier of the two; a tie is not."""
        return np.asarray(self.stereotype > self.antistereotype, np.bool_)

    def like(self, other: "SentencePairs") -> "SentencePairs":
        """These pairs in the order of another model's.

        Raises:
            ValueError: The pairs are not the same.
        """
        place = {name: row for row, name in enumerate(self.ids)}
        if place.keys() != set(other.ids):
            odd = sorted(place.keys() ^ set(other.ids))
            raise ValueError(f"{len(odd)} pairs are in only one of two, such as {odd[0]!r}")
        order = [place[name] for name in other.ids]
        types = tuple(self.types[row] for row in order)
        return SentencePairs(other.ids, types, self.stereotype[order], self.antistereotype[order])


@dataclass(frozen=True, slots=True)
class SentencePairScores:
    """The same pairs under the tuned model and under its base (None where not measured)."""

    tuned: SentencePairs
    base: SentencePairs | None = None


def read_sentence_pairs(path: Path) -> SentencePairs:
    """Log-likelihoods from a JSONL or CSV file with the columns of `COLUMNS`.

    Raises:
        ValueError: A column is missing, or a value is not a finite number; says in which row.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        if path.suffix == ".csv":
            return _pairs(csv.DictReader(lines))
        return _pairs(json.loads(line) for line in lines if line.strip())


def _pairs(rows: Iterable[Mapping[str, object]]) -> SentencePairs:
    found = [_row(number, row) for number, row in enumerate(rows, start=1)]
    return SentencePairs(
        tuple(row[0] for row in found),
        tuple(row[1] for row in found),
        np.array([row[2] for row in found], np.float64),
        np.array([row[3] for row in found], np.float64),
    )


def _row(number: int, row: Mapping[str, object]) -> tuple[str, str, float, float]:
    missing = [name for name in COLUMNS if row.get(name) in (None, "")]
    if missing:
        raise ValueError(f"row {number} has no {missing[0]!r}; the columns are {COLUMNS}")
    name, kind, *values = (str(row[column]) for column in COLUMNS)
    try:
        stereotype, antistereotype = (float(value) for value in values)
    except ValueError as error:
        raise ValueError(f"row {number}: {values} are not two numbers") from error
    return name, kind, stereotype, antistereotype
