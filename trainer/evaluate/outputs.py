"""What a model wrote for each example of one split, judged: the numbers that all else comes from.

Classes have probabilities (`predictions`); everything a model writes is judged example by example
into a few columns, and every metric is a mean of one or a ratio of two of them.

    generation   exact_match token_f1 rouge_l chrf valid
    extraction   hits named gold invented valid
    regression   error (answer − truth) truth answer valid
    text         bits size_bytes
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.records import TaskKind
from trainer.evaluate import entities
from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.evaluate.overlap import SIMILARITIES, best_of

COLUMNS = {
    TaskKind.GENERATION: ("exact_match", "token_f1", "rouge_l", "chrf", "valid"),
    TaskKind.EXTRACTION: ("hits", "named", "gold", "invented", "valid"),
    TaskKind.REGRESSION: ("error", "truth", "answer", "valid"),
    TaskKind.TEXT: ("bits", "size_bytes"),
}

_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d+)*|\.\d+)(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Outputs:
    """Judged answers of one split.

    Attributes:
        kind: What kind of task they answer.
        columns: By name as above, each of shape (n,).
        ids: Shape (n,) or empty.
        clusters: Shape (n,) or empty.
        written: Shape (n,) or empty.
    """

    kind: TaskKind
    columns: Mapping[str, FloatArray]
    ids: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if set(self.columns) != set(COLUMNS[self.kind]):
            raise ValueError(f"columns of {self.kind} are {COLUMNS[self.kind]}")
        if len({len(values) for values in self.columns.values()}) > 1:
            raise ValueError("all columns have the same number of rows")
        if not all(np.isfinite(values).all() for values in self.columns.values()):
            raise ValueError("judged answers are finite numbers")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def labels(self) -> tuple[str, ...]:
        """None: kinds of tasks are compared by their rows alone."""
        return ()

    @property
    def gold(self) -> FloatArray:
        """Shape (n,). What must be equal for two models' answers to be paired."""
        name = {
            TaskKind.EXTRACTION: "gold",
            TaskKind.REGRESSION: "truth",
            TaskKind.TEXT: "size_bytes",
        }.get(self.kind)
        return np.zeros(len(self)) if name is None else self.columns[name]

    @property
    def correct(self) -> BoolArray:
        """Shape (n,). Wholly right; of kinds without right and wrong, nothing is."""
        if self.kind is TaskKind.GENERATION:
            return np.asarray(self.columns["exact_match"] == 1, np.bool_)
        if self.kind is TaskKind.EXTRACTION:
            hits, named, gold = (self.columns[name] for name in ("hits", "named", "gold"))
            return np.asarray((hits == named) & (hits == gold), np.bool_)
        return np.zeros(len(self), np.bool_)

    def take(self, rows: IntArray | BoolArray | Sequence[int]) -> "Outputs":
        """The examples at these places (indices or a mask), in that order."""
        chosen = np.arange(len(self))[np.asarray(rows, None if len(rows) else np.int64)]
        return Outputs(
            self.kind,
            {name: values[chosen] for name, values in self.columns.items()},
            *(
                tuple(names[row] for row in chosen) if names else ()
                for names in (self.ids, self.clusters, self.written)
            ),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What one example asks for.

    Attributes:
        text: What was read.
        references: Right answers, at least one.
    """

    text: str
    references: tuple[str, ...]


def judge_generation(
    asked: Sequence[Asked], written: Sequence[str], finished: Sequence[bool], pattern: str
) -> dict[str, FloatArray]:
    """Columns of generated answers.

    Args:
        asked: Shape (n,).
        written: Shape (n,).
        finished: Shape (n,). Whether each answer ended by itself.
        pattern: A regular expression that a valid answer matches whole; empty where any text that
            is not empty is valid.
    """
    form = re.compile(pattern, re.DOTALL) if pattern else None
    columns = {
        name: np.array(
            [best_of(f, said, a.references) for said, a in zip(written, asked, strict=True)]
        )
        for name, f in SIMILARITIES.items()
    }
    valid = [
        ended and bool(form.fullmatch(said.strip()) if form else said.strip())
        for said, ended in zip(written, finished, strict=True)
    ]
    return columns | {"valid": np.array(valid, np.float64)}


def judge_extraction(
    asked: Sequence[Asked], written: Sequence[str], finished: Sequence[bool]
) -> dict[str, FloatArray]:
    """Columns of extracted entities; an answer that cannot be read names what could be read."""
    found = [
        entities.compare(said, a.references[0], a.text)
        for said, a in zip(written, asked, strict=True)
    ]
    return {
        "hits": np.array([one.hits for one in found], np.float64),
        "named": np.array([one.named for one in found], np.float64),
        "gold": np.array([one.gold for one in found], np.float64),
        "invented": np.array([one.invented for one in found], np.float64),
        "valid": np.array(
            [one.valid and ended for one, ended in zip(found, finished, strict=True)], np.float64
        ),
    }


def judge_regression(
    asked: Sequence[Asked], written: Sequence[str], low: float, high: float
) -> dict[str, FloatArray]:
    """Columns of numbers.

    What is no number, or lies further outside the range than the range is wide, is taken for the
    end of the range that is further off: wrong, and not so wrong that one answer decides the mean.

    Args:
        asked: Shape (n,). Each reference is a number.
        written: Shape (n,).
        low: Least number of the training rows.
        high: Greatest.
    """
    truth = np.array([float(a.references[0]) for a in asked])
    width = high - low
    read = [_within(number(said), low - width, high + width) for said in written]
    furthest = np.where(truth - low > high - truth, low, high)
    answers = np.array(
        [end if one is None else one for one, end in zip(read, furthest, strict=True)]
    )
    return {
        "error": answers - truth,
        "truth": truth,
        "answer": answers,
        "valid": np.array([one is not None for one in read], np.float64),
    }


def _within(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and low <= value <= high else None


def number(text: str) -> float | None:
    """The number that a text is, or begins with; None where there is none."""
    found = _NUMBER.match(text.strip())
    if found is None:
        return None
    digits = found[0]
    if digits.count(",") == 1 and "." not in digits and len(digits.rpartition(",")[2]) != 3:
        digits = digits.replace(",", ".")
    value = float(digits.replace(",", "")) if digits.count(".") <= 1 else math.nan
    return value if math.isfinite(value) else None
