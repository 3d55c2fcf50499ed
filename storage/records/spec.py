"""What was asked for: a base, a training, and the spec that decides a run's result."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from storage.records.choices import Method, TaskKind
from storage.records.record import Record
from storage.records.task import Task


class BaseRef(Record):
    """A base model: a local folder, or a hub id pinned to a revision (a full commit hash)."""

    name: str
    path: str | None = None
    hub: str | None = None
    revision: str | None = None

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError("a base is either a local `path` or a `hub` id")
        if self.hub and not re.fullmatch(r"[0-9a-f]{40}", self.revision or ""):
            raise ValueError(
                f"hub base {self.hub!r} needs `revision`: the full 40-digit commit hash"
            )
        return self


class Training(Record):
    """How long and how hard to train. None means the recipe's default, which evidence records."""

    epochs: float | None = Field(default=None, gt=0, le=100)
    learning_rate: float | None = Field(default=None, gt=0, lt=1)
    batch_size: int | None = Field(default=None, ge=1, le=1024)
    max_tokens: int | None = Field(default=None, ge=8, le=8192)
    rank: int | None = Field(default=None, ge=1, le=512)
    alpha: float | None = Field(default=None, gt=0, le=2048)
    dropout: float | None = Field(default=None, ge=0, lt=1)
    patience: int | None = Field(default=None, ge=1, le=100)
    max_steps: int | None = Field(default=None, ge=1, le=10_000_000)
    max_minutes: float | None = Field(default=None, gt=0, le=100_000)


class Parent(Record):
    """The run that a run goes on from: its adapter is where training begins.

    `lineage` are the runs before it, the nearest first; `adapter_sha256` proves which weights.
    """

    run_id: str
    folder: str
    adapter_sha256: str
    lineage: tuple[str, ...] = ()


class Portion(Record):
    """A task in a mix: its rows are learnt along with those of other tasks.

    `weight` is relative to the others: the smallest weight of a mix means once an epoch, twice as
    much means twice.
    """

    task: Task
    weight: float = Field(default=1.0, gt=0, le=1000)
    dataset_digest: str | None = None


class SharedTraining(Record):
    """The run whose training a run shares: it is measured on another task of the mix."""

    run_id: str
    folder: str


class RunSpec(Record):
    """Everything that decides a run's result; written once into its folder before launch.

    With a `mix`, the rows of its tasks are learnt along, and the run's own count `weight`. One run
    of a mix trains; the others, one for each further task, name it in `shared`.
    """

    task: Task
    method: Method
    base: BaseRef | None = None
    engine: Literal["auto", "transformers", "unsloth"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = Field(default=1, ge=0, lt=2**31)
    training: Training = Training()
    scoring: Literal["auto", "head", "label_words"] = "auto"
    prompt: str | None = None
    shots: int | None = Field(default=None, ge=1, le=64)
    parent: Parent | None = None
    subset: float | None = Field(default=None, gt=0, lt=1)
    weight: float = Field(default=1.0, gt=0, le=1000)
    mix: tuple[Portion, ...] = Field(default=(), max_length=20)
    shared: SharedTraining | None = None
    dataset_digest: str | None = None
    label: str = Field(default="", max_length=80)

    def _refuse_of_other_kinds(self) -> None:
        able = self.method.is_tuned or self.method.is_prompted or self.method is Method.EXTERNAL
        if not able or (self.method is Method.FEW_SHOT and self.task.kind is TaskKind.TEXT):
            raise ValueError(
                f"method {self.method.value!r} does not do tasks of kind {self.task.kind.value}: "
                "use zero_shot, few_shot (not for text), lora, qlora or full"
            )
        if self.scoring != "auto":
            raise ValueError(f"`scoring` is for labels: kind {self.task.kind.value} has none")

    @property
    def by_label_words(self) -> bool:
        """Whether the label is read from the likelihoods of words, and not from a head."""
        asked = self.scoring == "label_words"
        return self.method.is_prompted or self.method is Method.QLORA or asked or bool(self.mix)

    @model_validator(mode="after")
    def _keys_of_the_method(self) -> Self:
        if self.scoring == "head" and self.by_label_words:
            raise ValueError(f"method {self.method.value!r} has no head: leave `scoring` out")
        if self.scoring == "label_words" and not (self.method.is_tuned or self.method.is_prompted):
            raise ValueError(
                f"method {self.method.value!r} does not answer with words: leave `scoring` out"
            )
        if self.parent is not None and self.method not in {Method.LORA, Method.QLORA}:
            raise ValueError(
                f"`from` goes on with a run's adapter: use lora or qlora, not {self.method.value}"
            )
        if self.shots is not None and self.method is not Method.FEW_SHOT:
            raise ValueError("`shots` belongs to method 'few_shot'")
        words = self.by_label_words or self.task.kind is not TaskKind.CLASSIFICATION
        if self.prompt is not None and not words:
            raise ValueError("`prompt` needs a method that is prompted, or scoring=label_words")
        if self.task.kind is not TaskKind.CLASSIFICATION:
            self._refuse_of_other_kinds()
        if self.prompt is not None and self.prompt not in self.task.prompts:
            known = ", ".join(self.task.prompts) or "none; the built-in one is used"
            raise ValueError(f"the task has no prompt {self.prompt!r}; it has {known}")
        return self

    @model_validator(mode="after")
    def _one_mix(self) -> Self:
        if not self.mix:
            return self
        if self.method not in {Method.LORA, Method.QLORA, Method.FULL}:
            raise ValueError(
                f"several tasks are learnt together by lora, qlora or full, not {self.method.value}"
            )
        names = [self.task.name, *(portion.task.name for portion in self.mix)]
        if len(set(names)) != len(names):
            raise ValueError("each task of a mix is named once")
        for key, value in (("from", self.parent), ("subset", self.subset), ("prompt", self.prompt)):
            if value is not None:
                raise ValueError(f"`{key}` is of one task: leave it out, or run one task")
        return self

    @model_validator(mode="after")
    def _base_where_needed(self) -> Self:
        if self.method.needs_base and self.base is None:
            raise ValueError(f"method {self.method.value!r} starts from a base model: add base=…")
        if not self.method.needs_base and self.base is not None:
            raise ValueError(f"method {self.method.value!r} uses no base model: leave base out")
        return self
