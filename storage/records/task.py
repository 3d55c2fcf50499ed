"""What is to be learnt: data, policy, targets, prompts, and the task that holds them."""

import re
from difflib import get_close_matches
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from storage.records.choices import PRIMARY_METRICS, TaskKind
from storage.records.record import Name, Record


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

    def paths(self) -> list[str]:
        """Every file that is named, the general text included."""
        return [*self.files().values(), *([self.general] if self.general else [])]


CHECK_IDS = (
    *("leakage_exact", "leakage_near", "leakage_registered", "adapter_reload", "test_size"),
    *("beats_baseline", "overfit_upturn", "overfit_gap", "membership", "underfit", "calibration"),
    *("bias_groups", "bias_counterfactual", "bias_amplification", "bias_amplification_base"),
    *("stereotypes", "forgetting_text", "forgetting_tasks", "lexical_support", "overlong"),
    *("seed_variance", "underpowered", "test_reuse", "regression_set"),
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
    _rule("regression_set", "block", "allow"),
)
"""What a task that says nothing asks for. `policy.example.toml` has the same with comments."""


class Policy(Record):
    """What a task asks of a run before people may rely on it. A changed limit is a new version."""

    approvals: int = Field(default=1, ge=1, le=9)
    approval_days: int | None = Field(default=None, ge=1, le=3650)
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
    words: dict[str, str] = Field(default_factory=dict)

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

    @property
    def has_sensitive_texts(self) -> bool:
        """Whether its texts are for reviewers only: by its policy, or as people are told apart."""
        return self.policy.sensitive_data or bool(self.sensitive)

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
