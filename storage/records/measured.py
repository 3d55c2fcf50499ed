"""What was measured: numbers, checks, data, memory, and a run's evidence."""

from typing import Literal, Self

from pydantic import Field, model_validator

from storage.records.choices import Method, Outcome, Split
from storage.records.record import Instant, Record


class Metric(Record):
    """One measured number, on one split, for one group of examples.

    `value` is None where the number does not exist; `missing_because` then says why. `low` and
    `high` bound the 95 % interval and are None where `how` says that there is none. The split
    `run` is for what belongs to no split, such as `train_seconds`.
    """

    name: str
    split: Literal["train", "validation", "test", "run"]
    group: str = ""
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=0)
    how: str = ""
    missing_because: str | None = None

    @model_validator(mode="after")
    def _a_missing_number_has_a_reason(self) -> Self:
        if self.value is None and not self.missing_because:
            raise ValueError(f"metric {self.name!r} has no value: say why in `missing_because`")
        return self


class Check(Record):
    """A measured value held against a limit. Where `outcome` is not_run, `reason` says why.

    `relaunch` holds the keys of a run that follows the advice, as typed: `epochs=1 rank=8`.
    """

    id: str
    outcome: Outcome
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    n: int = Field(default=0, ge=0)
    reason: str
    advice: str = ""
    relaunch: str = ""


class DataFile(Record):
    role: Literal["file", "train", "validation", "test"]
    path: str
    size_bytes: int
    sha256: str
    rows: int


class SplitSummary(Record):
    split: Split
    rows: int
    class_counts: dict[str, int]
    group_counts: dict[str, dict[str, int]] = Field(default_factory=dict)


class DataQuality(Record):
    """What was found while reading. Row numbers count from 1 as a person's editor shows them."""

    rows_read: int
    rows_used: int
    empty_rows: int = 0
    empty_row_numbers: tuple[int, ...] = ()
    duplicates_exact: int = 0
    duplicates_folded: int = 0
    duplicates_across_splits: int = 0
    kept_out_of_train: int = 0
    conflicting_labels: int = 0
    tokens_median: int | None = None
    tokens_p95: int | None = None
    tokens_max: int | None = None
    token_limit: int | None = None
    rows_over_limit: int | None = None
    notes: tuple[str, ...] = ()


class DatasetVersion(Record):
    """A version of a task's data, named by the hash of its content and of how it is read."""

    content_digest: str
    test_digest: str
    files: tuple[DataFile, ...]
    labels: tuple[str, ...]
    splits: tuple[SplitSummary, ...]
    quality: DataQuality

    def split(self, name: Split) -> SplitSummary:
        return next(summary for summary in self.splits if summary.split is name)


class BaseIdentity(Record):
    """Which weights were used, provably."""

    name: str
    source: str
    revision: str
    weights_sha256: str
    architecture: str
    parameters: int


class MemoryNeed(Record):
    """What a run is estimated to need, and what its host has.

    Attributes:
        weights_bytes: Of the base as it is loaded.
        learnt_bytes: Of what learns, with gradients and the optimiser's state.
        working_bytes: Estimated: activations, logits, the process itself.
    """

    device: str
    parameters: int
    weights_bytes: int
    learnt_bytes: int
    working_bytes: int
    available_bytes: int

    @property
    def needed_bytes(self) -> int:
        return self.weights_bytes + self.learnt_bytes + self.working_bytes

    def short_bytes(self, *, certain_only: bool = False) -> int:
        """How much is missing, at most 0 where it fits; of what is counted alone, if asked."""
        estimated = self.working_bytes if certain_only else 0
        return self.needed_bytes - estimated - self.available_bytes

    def in_words(self) -> str:
        gigabytes = [
            f"{count / 1e9:,.1f} GB"
            for count in (
                self.needed_bytes,
                self.weights_bytes,
                self.learnt_bytes,
                self.working_bytes,
                self.available_bytes,
            )
        ]
        needed, weights, learnt, working, available = gigabytes
        parts = f"{weights} weights, {learnt} for what learns, {working} to work with"
        where = "the GPU has" if self.device == "cuda" else "this machine has"
        text = (
            f"about {needed} are needed for {self.parameters / 1e6:,.1f} million parameters "
            f"({parts}); {where} {available}."
        )
        short = self.short_bytes()
        if short <= 0:
            return f"It fits: {text}"
        return (
            f"It does not fit, by {short / 1e9:,.1f} GB: {text} Choose a smaller base, a smaller "
            "batch or max_tokens, qlora on a GPU, or a larger host."
        )


class Prospect(Record):
    """What is known of a run before it is started."""

    dataset: DatasetVersion
    memory: MemoryNeed | None = None
    problems: tuple[str, ...] = ()


class EvidenceSummary(Record):
    """`evidence/summary.json`: how a run's numbers came about."""

    run_id: str
    attempt: int
    spec_digest: str
    task: str
    task_version: int
    method: Method
    seed: int
    dataset_digest: str
    test_digest: str
    scoring: str
    labels: tuple[str, ...]
    rows: dict[str, int]
    engine: str
    engine_reason: str
    device: str
    dtype: str
    base: BaseIdentity | None = None
    training: dict[str, float | int | str | None] = Field(default_factory=dict)
    defaults: tuple[str, ...] = ()
    seconds: dict[str, float] = Field(default_factory=dict)
    steps: int | None = None
    best_step: int | None = None
    resumed_from_step: int | None = None
    lineage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    finished_at: Instant


class Manifest(Record):
    """`evidence/manifest.json`: every file of the evidence and the adapter with its hash."""

    run_id: str
    attempt: int
    spec_digest: str
    files: dict[str, str]
