"""What a model lost while it learnt: harder general text, a worse retention suite, older stages.

Each is a comparison of the tuned model with its base on the same texts or items. Log-likelihoods
come from language models; a head that only answers with labels has none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from trainer.evaluate.arrays import BoolArray, FloatArray
from trainer.evaluate.clusters import MINIMUM_CLUSTERS, mean_error
from trainer.evaluate.intervals import Z95, Z_ONE_SIDED


@dataclass(frozen=True, slots=True)
class TextLosses:
    """What general texts cost under the base and under the tuned model.

    Attributes:
        base: Shape (n,). Nats of each document under the base: −Σ ln p(token).
        tuned: Shape (n,). The same under the tuned model.
        size_bytes: Shape (n,). UTF-8 bytes of each document.
    """

    base: FloatArray
    tuned: FloatArray
    size_bytes: FloatArray


@dataclass(frozen=True, slots=True)
class Retention:
    """Items of other tasks, answered by the base and by the tuned model.

    Attributes:
        base: Shape (n,). Whether the base answered rightly.
        tuned: Shape (n,). Whether the tuned model did.
        subtasks: Shape (n,). The suite's task of each item.
    """

    base: BoolArray
    tuned: BoolArray
    subtasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextRatio:
    """By how many times general text became dearer, with its one-sided 95 % bounds."""

    value: float
    low: float
    high: float
    base_bits: float
    tuned_bits: float


@dataclass(frozen=True, slots=True)
class Kept:
    """Accuracy of the tuned model minus that of the base, with one-sided 95 % bounds."""

    value: float
    low: float
    high: float
    base: float
    tuned: float


def bits_per_byte(nats: FloatArray, size_bytes: FloatArray) -> float:
    """−Σ ln p(token)/(ln 2 · bytes): comparable between tokenizers, which perplexity is not."""
    return float(nats.sum() / (math.log(2) * size_bytes.sum()))


def perplexity(nats: FloatArray, tokens: FloatArray) -> float:
    """exp of the mean nats of a token; only for models with the same tokenizer."""
    return float(np.exp(nats.sum() / tokens.sum()))


def text_ratio(losses: TextLosses) -> TextRatio:
    """The geometric mean over documents of tuned over base bits per byte."""
    logs = np.log(losses.tuned / losses.base)
    mean, error = float(logs.mean()), float(logs.std(ddof=1)) / math.sqrt(len(logs))
    return TextRatio(
        value=math.exp(mean),
        low=math.exp(mean - Z_ONE_SIDED * error),
        high=math.exp(mean + Z_ONE_SIDED * error),
        base_bits=bits_per_byte(losses.base, losses.size_bytes),
        tuned_bits=bits_per_byte(losses.tuned, losses.size_bytes),
    )


def kept(retention: Retention) -> Kept:
    """The paired difference of accuracy; clustered by subtask where there are at least ten.

    Its error has one more item on either side (Bonett and Price 2012), so that a suite on which the
    two never differ claims no more than its size allows.
    """
    change = retention.tuned.astype(np.float64) - retention.base
    n = len(change)
    many = len(set(retention.subtasks)) >= MINIMUM_CLUSTERS
    own = math.sqrt((float((change != 0).sum()) + 2) / (n + 2) / (n + 2))
    error = max(own, mean_error(change, retention.subtasks) if many else 0.0)
    value = float(change.mean())
    return Kept(
        value=value,
        low=value - Z_ONE_SIDED * error,
        high=value + Z_ONE_SIDED * error,
        base=float(retention.base.mean()),
        tuned=float(retention.tuned.mean()),
    )


def price_tag(gained: float | None, text: TextRatio | None, suite: Kept | None) -> str:
    """What a run gained on its task, and what that cost elsewhere, in one sentence."""
    parts = []
    if text is not None:
        parts.append(f"general text costs {text.value:.2f} times the bits it did")
    if suite is not None:
        parts.append(f"the retention suite is at {100 * suite.value:+.1f} points")
    elsewhere = " and ".join(parts) or "what it forgot was not measured"
    gain = "what it gained is not known" if gained is None else f"{100 * gained:+.1f} points"
    return f"On its own task {gain}; {elsewhere}."


@dataclass(frozen=True, slots=True)
class Cell:
    """A task measured after a stage, and by how much it changed since it was learnt."""

    accuracy: float
    change: float | None
    low: float | None
    high: float | None


def stage_matrix(stages: Sequence[tuple[str, Mapping[str, BoolArray]]]) -> dict[str, list[Cell]]:
    """Every task after every stage of a sequential run.

    Args:
        stages: In their order: the task that was learnt, and which test rows of each task so far
            were then answered rightly, shape (rows of that task,).

    Returns:
        Task to its cells, one a stage from the one in which it was learnt on. The changes are
        paired, with 95 % intervals; their mean after the last stage is the forgetting of Chaudhry
        et al. 2018, "Riemannian walk for incremental learning", with its sign turned.
    """
    found: dict[str, list[Cell]] = {}
    learnt: dict[str, BoolArray] = {}
    for name, correct in stages:
        learnt.setdefault(name, correct[name])
        for task, then in learnt.items():
            cells = found.setdefault(task, [])
            cells.append(_cell(correct[task], then if cells else None))
    return found


def average_change(matrix: Mapping[str, Sequence[Cell]]) -> float | None:
    """The mean change of all tasks but the last, after the last stage; None with one task."""
    changes = [cells[-1].change for cells in matrix.values() if len(cells) > 1]
    known = [change for change in changes if change is not None]
    return float(np.mean(known)) if known else None


def _cell(now: BoolArray, then: BoolArray | None) -> Cell:
    if then is None:
        return Cell(float(now.mean()), None, None, None)
    change = now.astype(np.float64) - then
    n = len(change)
    error = math.sqrt((float((change != 0).sum()) + 2) / (n + 2) / (n + 2))
    value = float(change.mean())
    return Cell(float(now.mean()), value, value - Z95 * error, value + Z95 * error)


def items_to_show(margin: float, discordance: float, power: float = 0.8) -> int:
    """Items a suite needs to show that no more than the margin was lost, if nothing was.

    n = ((z_{0.95} + z_power)/margin)² · discordance.
    """
    z = Z_ONE_SIDED + float(norm.ppf(power))
    return math.ceil((z / margin) ** 2 * discordance)
