"""What a published board answers: a row of each question that pages ask of `board_reader.py`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storage.judgements import Gate, SeedPool, TargetReading
from storage.records import DatasetVersion, EvidenceSummary, Outcome, RunSpec, Task


@dataclass(frozen=True, slots=True)
class Publication:
    """How new a board is."""

    ledger_version: int
    chain_head: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task and what is going on in it."""

    name: str
    version: int
    kind: str
    primary_metric: str
    owner: str
    test_rows: int
    labels: int
    task: Task
    standings: int
    active: int
    queued: int
    in_review: int

    @property
    def split(self) -> Literal["test", "validation"]:
        """Where the runs are compared: on validation while the test set is sealed."""
        return "validation" if self.task.sealed else "test"


@dataclass(frozen=True, slots=True)
class Flag:
    """A check that did not pass."""

    id: str
    outcome: Outcome
    value: float | None
    limit: float | None
    n: int
    reason: str


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A run on the board of its task. None means that it was not measured."""

    run_id: str
    task_version: int
    board_order: int
    status: str
    ranked: bool
    unranked_because: str
    place_low: int | None
    place_high: int | None
    provisional: list[str]
    against: str
    method: str
    base: str
    seed: int
    requested_by: str
    state: str
    engine: str
    engine_reason: str
    notes: list[str]
    finished_at: datetime
    value: float | None
    low: float | None
    high: float | None
    n: int
    how: str
    missing_because: str | None
    macro_f1: float | None
    macro_f1_low: float | None
    macro_f1_high: float | None
    roc_auc: float | None
    roc_auc_low: float | None
    roc_auc_high: float | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    latency_p95_ms: float | None
    train_seconds: float | None
    trainable_parameters: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    difference_p: float | None
    flags: list[Flag]
    cost_run: float | None = None
    cost_per_1000: float | None = None
    tie_group: int | None = None
    sealed: bool = False
    published_best: bool = False
    seeds: SeedPool | None = None
    targets: tuple[TargetReading, ...] = ()
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """Which runs of a board are shown; an empty field leaves all.

    Attributes:
        statuses: `baseline`, `candidate`, `failed` and the states of a review.
        policies: What the policy says: `eligible`, `needs_review`, `blocked`.
        words: A part of the id, the base or the person, in any case.
    """

    methods: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class BoardSpan:
    """How many runs a board has, how many pass a filter, and what intervals span."""

    runs: int
    chosen: int
    ranked: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ElsewhereRow:
    """A run without a standing: queued, active or cancelled."""

    run_id: str
    task: str
    method: str
    base: str
    seed: int
    state: str
    reason: str
    requested_by: str
    attempt: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RunPage:
    """A run as its own page shows it; `summary` is None where there is no sound evidence."""

    run_id: str
    task: str
    task_version: int
    method: str
    base: str
    seed: int
    spec: RunSpec
    state: str
    reason: str
    requested_by: str
    origin: str
    attempt: int
    created_at: datetime
    updated_at: datetime
    primary_metric: str
    problem: str
    manifest_digest: str
    summary: EvidenceSummary | None
    status: str
    ranked: bool
    unranked_because: str
    place_low: int | None
    place_high: int | None
    provisional: list[str]
    against: str
    evidence_digest: str
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    difference_p: float | None
    against_method: str
    tie_group: int | None = None
    sealed: bool = False
    seeds: SeedPool | None = None
    targets: tuple[TargetReading, ...] = ()
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a run, of one of its attempts or reviews."""

    kind: str
    subject: str
    before_state: str
    after_state: str
    actor: str
    reason: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A review with the run it is about."""

    id: str
    run_id: str
    task: str
    state: str
    requested_by: str
    evidence_digest: str
    compared_with: list[str]
    approvals_needed: int
    created_at: datetime
    updated_at: datetime
    method: str
    base: str
    seed: int
    approvals: int


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision, a link of the chain."""

    seq: int
    review_id: str
    run_id: str
    person: str
    verdict: str
    reason: str
    evidence_digest: str
    decided_at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test example predicted wrongly; `row` counts as an editor shows the file."""

    row: int
    text: str
    gold: str
    predicted: str
    confidence: float
    loss: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What was measured at one step of training."""

    step: int
    epoch: float | None
    train_loss: float | None
    validation_loss: float | None
    validation_metric: float | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often a true label was predicted as another."""

    gold: str
    predicted: str
    n: int


@dataclass(frozen=True, slots=True)
class SurenessRow:
    """A tenth of the test rows: how sure the model was of them, and how many it had right."""

    confidence: float
    right_rows: int
    n: int


@dataclass(frozen=True, slots=True)
class WeekRow:
    """What happened to a task in the last days."""

    task: str
    succeeded: int
    failed: int
    decided: int


@dataclass(frozen=True, slots=True)
class NewsRow:
    """Something worth knowing: a run that was the best of its task when it ended, or a decision.

    `what` is `new best`, `approved` or `rejected`; the number is that of the metric that ranks.
    """

    happened_at: datetime
    what: str
    task: str
    run_id: str
    method: str
    base: str
    seed: int
    person: str
    reason: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one person used for one task; `cost` is None without prices."""

    person: str
    task: str
    runs: int
    failed: int
    seconds: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A decision with both its links."""

    seq: int
    review_id: str
    run_id: str
    person: str
    verdict: str
    reason: str
    evidence_digest: str
    decided_at: datetime
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A number of one group of people, of one run."""

    run_id: str
    method: str
    base: str
    seed: int
    name: str
    group: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    missing_because: str | None


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check of one run of a task."""

    run_id: str
    method: str
    base: str
    seed: int
    id: str
    outcome: Outcome
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    n: int
    reason: str


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A reviewer's newest word on a test example, seen with the answer of a run."""

    example_id: str
    run_id: str
    mark: str
    person: str
    reason: str
    said_at: str


@dataclass(frozen=True, slots=True)
class VoteCount:
    """Blind votes on a run's answers against its base's: each person's newest on each text."""

    tuned: int
    base: int
    ties: int
    people: int


@dataclass(frozen=True, slots=True)
class StageRow:
    """What a run is at on a task that was learnt before it."""

    run_id: str
    task: str
    method: str
    base: str
    asked: str
    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LadderRow:
    """A run of a spec that was trained on several sizes."""

    run_id: str
    method: str
    base: str
    size_family: str
    value: float
    low: float | None
    high: float | None
    train_rows: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a task with the data it was registered on."""

    name: str
    version: int
    dataset: DatasetVersion
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the test rows: those of a right answer (`column` is empty), or of a group."""

    column: str
    value: str
    n: int


@dataclass(frozen=True, slots=True)
class Said:
    """What one run said of an example."""

    run_id: str
    predicted: str
    right: bool


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """A test example, and what runs said of it."""

    example_id: str
    row: int
    text: str
    gold: str
    said: list[Said]
