"""The words of Tuneboard: every record that crosses a process, a file or a table.

One word, one thing, in code, SQL, Slack and pages alike. Records are frozen, refuse unknown fields
and never hold NaN or infinity: a number that does not exist is None beside a reason.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Names of tasks, people and bases. They label things and are never used as a path unchecked."""


def _valid_name(value: str) -> str:
    if not NAME_PATTERN.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a name: use 1 to 63 small letters, digits, '-' or '_', "
            "starting with a letter or digit"
        )
    return value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone; use UTC")
    return value.astimezone(UTC)


Name = Annotated[str, AfterValidator(_valid_name)]
Instant = Annotated[datetime, AfterValidator(_aware)]
"""A moment, aware and in UTC."""


def now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)


class Record(BaseModel):
    """A frozen fact. Equal content gives an equal digest."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of this record, as 64 hex digits."""
        return digest_of(self.model_dump(mode="json"))


def digest_of(value: object) -> str:
    """SHA-256 over the canonical JSON (sorted keys, no spaces) of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


# --- choices -----------------------------------------------------------------------------------


class TaskKind(StrEnum):
    """What is answered: a label, entities, a text, a number; or how likely texts are (`text`)."""

    CLASSIFICATION = "classification"
    EXTRACTION = "extraction"
    GENERATION = "generation"
    REGRESSION = "regression"
    TEXT = "text"


PRIMARY_METRICS = {
    TaskKind.CLASSIFICATION: ("macro_f1", "accuracy", "weighted_f1", "roc_auc", "mcc"),
    TaskKind.EXTRACTION: ("entity_f1", "entity_precision", "entity_recall"),
    TaskKind.GENERATION: ("rouge_l", "exact_match", "token_f1", "chrf", "valid_rate"),
    TaskKind.REGRESSION: ("mae", "rmse", "r2"),
    TaskKind.TEXT: ("bits_per_byte",),
}
"""What runs of a kind of task may be ranked by; the first is the default."""


class Method(StrEnum):
    """How a model is fitted to a task."""

    MAJORITY = "majority"
    TFIDF = "tfidf"
    ZERO_SHOT = "zero_shot"
    FEW_SHOT = "few_shot"
    EMBEDDING = "embedding"
    FROZEN = "frozen"
    LORA = "lora"
    QLORA = "qlora"
    FULL = "full"
    EXTERNAL = "external"

    @property
    def words(self) -> str:
        """The method in words, as within a sentence."""
        return METHOD_WORDS[self]

    @property
    def is_baseline(self) -> bool:
        """Whether the method leaves the language model as it is: what fine-tuning has to beat."""
        return not self.is_tuned and self is not Method.EXTERNAL

    @property
    def is_tuned(self) -> bool:
        """Whether the method changes a language model: what has to be worth it."""
        return self in {Method.LORA, Method.QLORA, Method.FULL}

    @property
    def is_prompted(self) -> bool:
        """Whether the base is asked as it is, by a prompt."""
        return self in {Method.ZERO_SHOT, Method.FEW_SHOT}

    @property
    def is_trained(self) -> bool:
        """Whether something is trained in steps, with a learning rate and epochs."""
        return self.is_tuned or self is Method.FROZEN

    @property
    def needs_base(self) -> bool:
        """Whether the method starts from a base model."""
        return self.is_trained or self.is_prompted or self is Method.EMBEDDING


METHOD_WORDS = {
    Method.MAJORITY: "the majority class",
    Method.TFIDF: "tf-idf + logistic regression",
    Method.ZERO_SHOT: "prompt without examples",
    Method.FEW_SHOT: "prompt with examples",
    Method.EMBEDDING: "embedding + logistic regression",
    Method.FROZEN: "new head on a frozen base",
    Method.LORA: "LoRA fine-tuning",
    Method.QLORA: "QLoRA fine-tuning (4-bit base)",
    Method.FULL: "full fine-tuning",
    Method.EXTERNAL: "an outside model",
}


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class RunState(StrEnum):
    QUEUED = "queued"
    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}


class AttemptState(StrEnum):
    DISPATCHING = "dispatching"
    SUBMITTED = "submitted"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        return self in {
            AttemptState.SUCCEEDED,
            AttemptState.FAILED,
            AttemptState.CANCELLED,
            AttemptState.LOST,
        }


class ReviewState(StrEnum):
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Outcome(StrEnum):
    """What a check found. `not_run` carries a reason and never counts as pass."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    NOT_RUN = "not_run"


class Role(StrEnum):
    LAUNCHER = "launcher"
    REVIEWER = "reviewer"
    ADMIN = "admin"


# --- what is to be learnt ------------------------------------------------------------------------


class DataSource(Record):
    """Where a task's rows are and how to read them. A registered task has absolute paths."""

    file: str | None = None
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    text: str = "text"
    label: str = "label"
    columns: tuple[str, ...] | None = None
    quoting: Literal["minimal", "none"] = "minimal"
    encoding: str = "utf-8"
    split_seed: int = 0
    overlap: Literal["drop", "keep"] = "drop"
    format: Literal[
        "auto", "columns", "messages", "prompt_completion", "alpaca", "text", "conll"
    ] = "auto"
    general: str | None = None

    @model_validator(mode="after")
    def _one_file_or_splits(self) -> Self:
        if self.file and (self.train or self.validation or self.test):
            raise ValueError(
                "give either `file` (to be split by seed) or `train` and `test`, not both"
            )
        if not self.file and not (self.train and self.test):
            raise ValueError(
                "give `file` (one file to be split by seed), or both `train` and `test`"
            )
        return self

    def files(self) -> dict[str, str]:
        """The named files by role: `file`, or `train`, `validation` (if given) and `test`."""
        named = {"file": self.file, "train": self.train}
        named |= {"validation": self.validation, "test": self.test}
        return {role: path for role, path in named.items() if path}


CHECK_IDS = (
    *("leakage_exact", "leakage_near", "leakage_registered", "adapter_reload", "test_size"),
    *("beats_baseline", "overfit_upturn", "overfit_gap", "membership", "underfit", "calibration"),
    *("bias_groups", "bias_counterfactual", "bias_amplification", "bias_amplification_base"),
    *("stereotypes", "forgetting_text", "forgetting_tasks", "lexical_support", "overlong"),
    *("seed_variance", "underpowered", "test_reuse"),
)
"""Every check there is: what a policy can name, and what a run or the board may report."""

MEASURED_ON_TEST = frozenset(
    {"bias_groups", "bias_counterfactual", "bias_amplification", "bias_amplification_base"}
    | {"beats_baseline", "calibration", "seed_variance"}
)
"""Checks whose numbers give away scores on test; a sealed test set keeps them back."""


class PolicyRule(Record):
    """What one check's outcome means for a run that people want to rely on.

    With `metric`, the rule holds a number instead of a check against `at_least` or `at_most`: it
    fails where the whole interval misses, and warns where the interval spans the bound. With
    `licences`, it asks that the task's licence is one of them. `not_applicable` is the reason why
    the check has no meaning for this task.
    """

    id: str = Field(min_length=1, max_length=80)
    severity: Literal["block", "warn", "show"] = "block"
    on_not_run: Literal["block", "warn", "allow"] = "block"
    waivable: bool = False
    not_applicable: str = ""
    metric: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    licences: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.metric is None) != (self.at_least is None and self.at_most is None):
            raise ValueError(
                f"rule {self.id!r}: `metric` goes with `at_least` or `at_most`, and they with it"
            )
        if self.metric and self.licences:
            raise ValueError(f"rule {self.id!r}: `metric` and `licences` are two rules")
        if not self.metric and not self.licences and self.id not in CHECK_IDS:
            near = get_close_matches(self.id, CHECK_IDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(CHECK_IDS)}"
            raise ValueError(f"there is no check {self.id!r}; {hint}")
        return self


def _rule(
    identity: str,
    severity: Literal["block", "warn", "show"],
    on_not_run: Literal["block", "warn", "allow"],
    *,
    waivable: bool = True,
) -> PolicyRule:
    return PolicyRule(id=identity, severity=severity, on_not_run=on_not_run, waivable=waivable)


STARTER_RULES = (
    _rule("leakage_exact", "block", "block", waivable=False),
    _rule("leakage_near", "block", "warn"),
    _rule("leakage_registered", "block", "warn"),
    _rule("adapter_reload", "block", "block", waivable=False),
    _rule("test_size", "block", "block"),
    _rule("beats_baseline", "block", "block"),
    _rule("overfit_upturn", "block", "allow"),
    _rule("overfit_gap", "warn", "warn"),
    _rule("membership", "block", "allow"),
    _rule("underfit", "warn", "warn"),
    _rule("calibration", "warn", "allow"),
    _rule("bias_groups", "block", "allow"),
    _rule("bias_counterfactual", "block", "allow"),
    _rule("bias_amplification", "block", "allow"),
    _rule("bias_amplification_base", "warn", "allow"),
    _rule("stereotypes", "show", "allow"),
    _rule("forgetting_text", "block", "allow"),
    _rule("forgetting_tasks", "block", "allow"),
    _rule("lexical_support", "block", "allow"),
    _rule("overlong", "warn", "allow"),
    _rule("seed_variance", "warn", "warn"),
    _rule("underpowered", "warn", "warn"),
    _rule("test_reuse", "block", "warn"),
)
"""What a task that says nothing asks for. `policy.example.toml` has the same with comments."""


class Policy(Record):
    """What a task asks of a run before people may rely on it. A changed limit is a new version."""

    approvals: int = Field(default=1, ge=1, le=9)
    minimum_test_rows: int = Field(default=200, ge=1)
    confident_test_rows: int = Field(default=500, ge=1)
    minimum_effect: float = Field(default=0.02, gt=0, lt=1)
    overfit_gap_limit: float = Field(default=0.05, gt=0, lt=1)
    upturn_limit: float = Field(default=0.05, ge=0, lt=1)
    membership_limit: float = Field(default=0.60, gt=0.5, lt=1)
    membership_fail_limit: float = Field(default=0.70, gt=0.5, lt=1)
    sensitive_data: bool = False
    leakage_limit: float = Field(default=0.01, ge=0, lt=1)
    looks_warn: int = Field(default=20, ge=1)
    looks_fail: int = Field(default=100, ge=1)
    group_ratio_limit: float = Field(default=0.8, gt=0, lt=1)
    minimum_group_rows: int = Field(default=100, ge=10)
    flip_warn: float = Field(default=0.01, ge=0, lt=1)
    flip_fail: float = Field(default=0.05, gt=0, lt=1)
    counterfactual_exempt: tuple[str, ...] = ()
    amplification_limit: float = Field(default=0.02, ge=0, lt=1)
    text_loss_warn: float = Field(default=1.05, gt=1)
    text_loss_fail: float = Field(default=1.15, gt=1)
    retention_margin: float = Field(default=0.02, gt=0, lt=1)
    seed_spread_limit: float = Field(default=0.02, gt=0, lt=1)
    overlong_limit: float = Field(default=0.2, ge=0, le=1)
    check: tuple[PolicyRule, ...] = STARTER_RULES


class Target(Record):
    """What a metric should reach: green from `green` on, red beyond `red`, amber between.

    With a metric of which less is better (`log_loss`, `latency_p95_ms`, `cost_per_1000`), green is
    the smaller of the two.
    """

    green: float
    red: float


TEXT_PLACE = "{text}"
LABELS_PLACE = "{labels}"


class Prompt(Record):
    """How a text is put to a language model. Another wording is another prompt, with its own name.

    `template` holds `{text}` once and may hold `{labels}`, a list of the words to answer with.
    `words` says what is answered for a label; a label that is not named answers with itself, its
    underscores as spaces.
    """

    system: str = Field(default="", max_length=8000)
    template: str = Field(max_length=8000)
    words: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        if self.template.count(TEXT_PLACE) != 1:
            raise ValueError(f"a prompt's template needs {TEXT_PLACE} exactly once")
        said = [word.strip() for word in self.words.values()]
        if "" in said or len(set(said)) != len(said):
            raise ValueError("the words of a prompt must differ, and none may be empty")
        return self

    def word(self, label: str) -> str:
        """What is answered for a label."""
        return self.words.get(label, label.replace("_", " ")).strip()


class Task(Record):
    """What is to be learnt. A changed task is a new version; a board compares one version."""

    name: Name
    version: int = Field(default=1, ge=1)
    kind: TaskKind = TaskKind.CLASSIFICATION
    primary_metric: str = ""
    owner: str = ""
    sensitive: tuple[str, ...] = ()
    favourable: tuple[str, ...] = ()
    positive: str | None = None
    cluster: str | None = None
    sealed: bool = False
    licence: str = ""
    targets: dict[str, Target] = Field(default_factory=dict)
    prompts: dict[Name, Prompt] = Field(default_factory=dict)
    chat_template: str = Field(default="", max_length=20_000)
    answer_pattern: str = Field(default="", max_length=1000)
    grounded: bool = False
    data: DataSource
    policy: Policy = Policy()

    @model_validator(mode="before")
    @classmethod
    def _usual_metric(cls, given: Any) -> Any:
        """The kind's default metric where none is named."""
        kind = given.get("kind", TaskKind.CLASSIFICATION) if isinstance(given, dict) else None
        if kind in set(TaskKind) and not given.get("primary_metric"):
            return {**given, "primary_metric": PRIMARY_METRICS[TaskKind(kind)][0]}
        return given

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        known = PRIMARY_METRICS[self.kind]
        if self.primary_metric not in known:
            raise ValueError(
                f"`primary_metric` is {self.primary_metric!r}; tasks of kind {self.kind.value} "
                f"are ranked by {', '.join(known)}"
            )
        only_classes = {"positive": self.positive, "favourable": self.favourable}
        named = [key for key, value in only_classes.items() if value]
        if named and self.kind is not TaskKind.CLASSIFICATION:
            raise ValueError(f"`{named[0]}` needs labels: kind {self.kind.value} has none")
        try:
            re.compile(self.answer_pattern)
        except re.error as error:
            raise ValueError(f"`answer_pattern` is no regular expression: {error}") from error
        return self


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


# --- what was asked for --------------------------------------------------------------------------


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


class Run(Record):
    """A request with an id and a state, as the ledger holds it."""

    id: str
    key: str
    spec: RunSpec
    state: RunState
    reason: str = ""
    requested_by: str
    origin: str = "terminal"
    attempt: int = 0
    cancel_requested: bool = False
    created_at: Instant
    updated_at: Instant


class Attempt(Record):
    """One try at a run on a host."""

    run_id: str
    number: int = Field(ge=1)
    state: AttemptState
    host: str = ""
    gpus: tuple[int, ...] = ()
    reason: str = ""
    created_at: Instant
    updated_at: Instant


class Transition(Record):
    """One recorded change of state of a run, attempt or review."""

    id: int
    kind: Literal["run", "attempt", "review"]
    subject: str
    before: str
    after: str
    actor: str
    reason: str
    at: Instant


# --- what happened -------------------------------------------------------------------------------


class Event(Record):
    """One thing the trainer reports: one JSON line, numbered from 1 within its attempt."""

    seq: int = Field(ge=1)
    at: Instant
    kind: Literal["stage", "progress", "evaluation", "warning", "engine", "finished", "failed"]
    stage: str = ""
    message: str = ""
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    validation_loss: float | None = None
    eta_s: float | None = None


class ShimStart(Record):
    """`attempt-N/start.json`: the claim of an attempt, written before the trainer is started."""

    run_id: str
    attempt: int
    at: Instant
    host: str
    boot_id: str
    pid: int
    argv: tuple[str, ...]


class ShimExit(Record):
    """`attempt-N/exit.json`: how the trainer ended. `code` is negative for a signal."""

    run_id: str
    attempt: int
    at: Instant
    code: int
    killed: bool = False
    cancelled: bool = False
    message: str = ""


EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_REFUSED = 3
EXIT_OUT_OF_MEMORY = 4
EXIT_CANCELLED = 143


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
    group_counts: dict[str, dict[str, int]] = {}


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
    training: dict[str, float | int | str | None] = {}
    defaults: tuple[str, ...] = ()
    seconds: dict[str, float] = {}
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


# --- what people decided -------------------------------------------------------------------------


class Person(Record):
    """Somebody known to us, with the roles the settings give."""

    name: Name
    roles: frozenset[Role] = frozenset()


class Review(Record):
    """A request for approval, bound to the digest of the evidence it was made on."""

    id: str
    run_id: str
    task: str
    state: ReviewState
    requested_by: str
    evidence_digest: str
    compared_with: tuple[str, ...] = ()
    approvals_needed: int = 1
    created_at: Instant
    updated_at: Instant


class Decision(Record):
    """One reviewer's approve or reject with a reason: a link of the hash chain."""

    seq: int
    review_id: str
    run_id: str
    person: str
    verdict: Verdict
    reason: str
    evidence_digest: str
    at: Instant
    previous_hash: str
    hash: str
