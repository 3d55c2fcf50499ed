"""What a training lowers, and how validation is scored: the loop itself knows of neither.

A loss is a sum over rows (or over tokens) divided by how many the whole batch has, so that a batch
taken in pieces has the gradient of the batch taken at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from trainer.engines.autocast import autocast
from trainer.engines.batches import by_length, padded
from trainer.engines.protocol import Device
from trainer.evaluate import metrics
from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.stopping import StopRequest

SCORING_BATCH = 64
WRITING_BATCH = 16
IGNORED = -100
"""The class that torch's cross-entropy leaves out."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a model says of the validation rows.

    Attributes:
        losses: Shape (n,).
        correct: Shape (n,).
        value: The metric that is followed.
    """

    losses: FloatArray
    correct: BoolArray
    value: float


class Objective(Protocol):
    """The rows of a training, its loss, and its validation."""

    @property
    def lengths(self) -> IntArray:
        """Shape (training rows,). Tokens of each."""
        ...

    @property
    def ids(self) -> tuple[str, ...]:
        """Shape (validation rows,)."""
        ...

    def weight(self, places: IntArray) -> int:
        """How many losses these training rows add up: rows, or tokens."""
        ...

    def loss(self, model: Any, places: IntArray) -> Any:
        """The sum of the losses of these training rows, a tensor."""
        ...

    def evaluate(self, model: Any, stop: StopRequest) -> Evaluated:
        """
        Raises:
            Cancelled: Asked to stop.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded rows: token ids, class indices, and names."""

    tokens: list[list[int]]
    gold: IntArray
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeadObjective:
    """Cross-entropy of a classification head."""

    train: Rows
    validation: Rows
    pad_id: int
    device: Device
    dtype: str
    metric: str

    @property
    def lengths(self) -> IntArray:
        return np.array([len(row) for row in self.train.tokens])

    @property
    def ids(self) -> tuple[str, ...]:
        return self.validation.ids

    def weight(self, places: IntArray) -> int:
        return len(places)

    def loss(self, model: Any, places: IntArray) -> Any:
        import torch

        batch = padded([self.train.tokens[place] for place in places], self.pad_id, self.device)
        gold = torch.as_tensor(self.train.gold[places], device=self.device)
        with autocast(self.device, self.dtype):
            logits = model(**batch).logits
        return torch.nn.functional.cross_entropy(logits.float(), gold, reduction="sum")

    def evaluate(self, model: Any, stop: StopRequest) -> Evaluated:
        tokens = self.validation.tokens
        logits = class_logits(model, tokens, self.pad_id, self.device, self.dtype, stop)
        return judged(softmax(logits), self.validation.gold, self.metric)


@dataclass(frozen=True, slots=True)
class Completion:
    """A prompt with what should follow it: the loss is on the latter."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def tokens(self) -> tuple[int, ...]:
        return (*self.prompt, *self.answer)


@dataclass(frozen=True, slots=True)
class OfAnswers:
    """Cross-entropy of the answers' tokens, every token of a batch weighing the same."""

    train: Sequence[Completion]
    ids: tuple[str, ...]
    pad_id: int
    device: Device
    dtype: str

    @property
    def lengths(self) -> IntArray:
        return np.array([len(row.tokens) for row in self.train])

    def weight(self, places: IntArray) -> int:
        return sum(len(self.train[place].answer) for place in places)

    def loss(self, model: Any, places: IntArray) -> Any:
        rows = [self.train[place] for place in places]
        return completion_losses(model, rows, self.pad_id, self.device, self.dtype).sum()


@dataclass(frozen=True, slots=True)
class CompletionObjective(OfAnswers):
    """Answers that are labels' words: validation is scored by the labels' probabilities.

    Attributes:
        validate: Gives the validation rows' class probabilities, shape (n, K).
        gold: Shape (n,).
    """

    gold: IntArray
    validate: Callable[[StopRequest], FloatArray]
    metric: str

    def evaluate(self, model: Any, stop: StopRequest) -> Evaluated:
        return judged(self.validate(stop), self.gold, self.metric)


@dataclass(frozen=True, slots=True)
class WritingObjective(OfAnswers):
    """Whole answers; validation rows are told apart by the loss of their own.

    Attributes:
        validation: Rows with their right answers; a row is correct where each token of its answer
            is the likeliest, given those before it.
    """

    validation: Sequence[Completion]

    def evaluate(self, model: Any, stop: StopRequest) -> Evaluated:
        found = likelihoods(model, self.validation, self.pad_id, self.device, self.dtype, stop)
        losses = found.nats / found.tokens
        return Evaluated(losses, found.greedy, float(found.greedy.mean()))


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """How likely a model finds the right answers.

    Attributes:
        nats: Shape (n,). −Σ ln p over an answer's tokens.
        tokens: Shape (n,).
        greedy: Shape (n,). Whether each token of an answer is the likeliest.
    """

    nats: FloatArray
    tokens: IntArray
    greedy: BoolArray


def likelihoods(
    model: Any,
    rows: Sequence[Completion],
    pad_id: int,
    device: Device,
    dtype: str,
    stop: StopRequest | None = None,
) -> Likelihoods:
    """Score answers in evaluation mode, in the order of the rows.

    Raises:
        Cancelled: Asked to stop.
    """
    import torch

    model.eval()
    nats, greedy = np.empty(len(rows)), np.empty(len(rows), np.bool_)
    tokens = np.array([len(row.answer) for row in rows], np.int64)
    with torch.inference_mode():
        for places in by_length([row.tokens for row in rows], WRITING_BATCH):
            if stop:
                stop.raise_if_requested()
            chosen = [rows[place] for place in places]
            logits, wanted = _answer_logits(model, chosen, pad_id, device, dtype)
            losses = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
            ends = np.cumsum([len(row.answer) for row in chosen])[:-1]
            right = (logits.argmax(dim=-1) == wanted).cpu().numpy()
            nats[places] = [part.sum() for part in np.split(losses.double().cpu().numpy(), ends)]
            greedy[places] = [bool(part.all()) for part in np.split(right, ends)]
    return Likelihoods(nats, tokens, greedy)


def completion_losses(
    model: Any, rows: Sequence[Completion], pad_id: int, device: Device, dtype: str
) -> Any:
    """The loss of each answer token, a tensor of shape (answer tokens of all rows,)."""
    import torch

    logits, wanted = _answer_logits(model, rows, pad_id, device, dtype)
    return torch.nn.functional.cross_entropy(logits, wanted, reduction="none")


def _answer_logits(
    model: Any, rows: Sequence[Completion], pad_id: int, device: Device, dtype: str
) -> tuple[Any, Any]:
    """Logits in 32 bits, and the tokens that they should predict, row after row.

    Logits are made only where a row of the batch has an answer: with a vocabulary of 128,000 they
    are the largest thing in memory.
    """
    import torch

    batch = padded([row.tokens[:-1] for row in rows], pad_id, device)
    first = min(len(row.prompt) for row in rows) - 1
    wanted = torch.full(batch["input_ids"].shape, IGNORED, dtype=torch.long)
    for place, row in enumerate(rows):
        start = len(row.prompt) - 1
        wanted[place, start : start + len(row.answer)] = torch.as_tensor(row.answer)
    kept = torch.arange(first, wanted.shape[1], device=device)
    with autocast(device, dtype):
        logits = model(**batch, logits_to_keep=kept, use_cache=False).logits
    wanted = wanted[:, first:].to(device)
    chosen = wanted != IGNORED
    return logits[chosen].float(), wanted[chosen]


def class_logits(
    model: Any,
    rows: Sequence[Sequence[int]],
    pad_id: int,
    device: Device,
    dtype: str,
    stop: StopRequest | None = None,
) -> FloatArray:
    """A head's logits in evaluation mode, shape (rows, labels), in the order of the rows.

    Raises:
        Cancelled: Asked to stop.
    """
    import torch

    model.eval()
    found: FloatArray | None = None
    with torch.inference_mode():
        for places in by_length(rows, SCORING_BATCH):
            if stop:
                stop.raise_if_requested()
            batch = padded([rows[place] for place in places], pad_id, device)
            with autocast(device, dtype):
                logits = model(**batch).logits.double().cpu().numpy()
            if found is None:
                found = np.empty((len(rows), logits.shape[1]))
            found[places] = logits
    return found if found is not None else np.empty((0, 0))


def softmax(logits: FloatArray) -> FloatArray:
    """Rows of probabilities, shape as given."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def judged(probabilities: FloatArray, gold: IntArray, metric: str) -> Evaluated:
    """Class probabilities held against the truth."""
    predicted = np.asarray(probabilities.argmax(axis=1), np.int64)
    losses = metrics.example_log_losses(probabilities, gold)
    return Evaluated(losses, predicted == gold, _value(metric, predicted, gold, probabilities))


def _value(metric: str, predicted: IntArray, gold: IntArray, probabilities: FloatArray) -> float:
    """The task's metric where it comes from the confusion counts, else accuracy."""
    counts = metrics.class_counts(gold, predicted, probabilities.shape[1])
    by_name = {"macro_f1": metrics.macro_f1, "weighted_f1": metrics.weighted_f1, "mcc": metrics.mcc}
    if metric in by_name:
        return float(by_name[metric](counts))
    return float((predicted == gold).mean())
