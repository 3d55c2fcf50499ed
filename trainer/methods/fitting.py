"""What every method is given, and what every method gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from storage.errors import InternalError
from storage.records import BaseIdentity, BaseRef, RunSpec
from trainer.data.dataset import Dataset
from trainer.data.schema import Example
from trainer.engines.objectives import Likelihoods
from trainer.engines.ranks import ALONE, Ranks
from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.evaluate.forgetting import Retention, TextLosses
from trainer.evaluate.lexical import Answer
from trainer.evaluate.sentence_pairs import SentencePairScores
from trainer.progress import Progress
from trainer.stopping import StopRequest


@runtime_checkable
class Classifier(Protocol):
    """A fitted model: texts in, class probabilities out."""

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """Shape (texts, labels), rows in the order of the texts, each a distribution."""
        ...

    def save(self, folder: Path) -> None:
        """Write all that `methods.reloading.load` needs, and never a pickle."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote for some rows, and whether it came to an end by itself."""

    texts: tuple[str, ...]
    finished: tuple[bool, ...]


@runtime_checkable
class Author(Protocol):
    """A fitted model of a task without labels: rows in, texts out."""

    def write(self, rows: Sequence[Example], stop: StopRequest | None = None) -> Written:
        """What it answers, in the order of the rows."""
        ...

    def costs(self, rows: Sequence[Example], stop: StopRequest | None = None) -> Likelihoods:
        """How likely it finds the right answers; of plain texts, the texts themselves."""
        ...

    def save(self, folder: Path) -> None:
        """Write all that `methods.choose.load_author` needs, and never a pickle."""
        ...


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """A base on this host: where it is, which weights, and after how many tokens texts are cut."""

    ref: BaseRef
    folder: Path
    identity: BaseIdentity
    token_limit: int


@dataclass(frozen=True, slots=True)
class FitRequest:
    """A spec with its data and base, and where to save, report and look for a stop."""

    spec: RunSpec
    dataset: Dataset
    checkpoints: Path
    progress: Progress
    stop: StopRequest
    threads: int
    base: BaseFiles | None = None
    along: tuple["Along", ...] = ()
    ranks: Ranks = ALONE

    @property
    def base_files(self) -> BaseFiles:
        """The base, of a method that needs one (a spec without it is refused)."""
        if self.base is None:
            raise InternalError(f"method {self.spec.method.value} was given no base")
        return self.base


@dataclass(frozen=True, slots=True)
class Along:
    """A further task that is learnt in the same training, and its weight."""

    request: FitRequest
    weight: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What was measured at one step; None where it was not."""

    step: int
    epoch: float
    train_loss: float | None = None
    validation_loss: float | None = None
    validation_metric: float | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class ValidationLosses:
    """The loss of each validation example at each evaluation.

    Attributes:
        steps: Shape (evaluations,).
        losses: Shape (evaluations, examples).
        correct: Shape (evaluations, examples).
        ids: Shape (examples,).
    """

    steps: IntArray
    losses: FloatArray
    correct: BoolArray
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A training row, or a test row, as the model reads it."""

    prompt: str
    answer: str
    prompt_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model and how it came about."""

    model: Classifier | Author
    engine: str
    engine_reason: str
    training: dict[str, float | int | str | None]
    defaults: tuple[str, ...]
    trainable_parameters: int
    train_seconds: float
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1
    curve: tuple[CurvePoint, ...] = ()
    validation_losses: ValidationLosses | None = None
    losses_along: Mapping[str, ValidationLosses] = field(default_factory=dict)
    steps: int | None = None
    best_step: int | None = None
    resumed_from_step: int | None = None
    sentence_pairs: SentencePairScores | None = None
    text_losses: TextLosses | None = None
    retention: Retention | None = None
    answers: tuple[Answer, ...] | None = None
    rendered: tuple[Rendered, ...] = ()
    notes: tuple[str, ...] = field(default=())
