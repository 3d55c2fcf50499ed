"""The words that are chosen from: kinds, methods, states, outcomes, roles."""

from enum import StrEnum


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


METRIC_WORDS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "mcc": "MCC",
    "f1": "F1",
    "latency_p50_ms": "latency p50",
    "latency_p95_ms": "latency p95",
    "train_seconds": "training time",
    "trainable_parameters": "trainable parameters",
    "peak_memory_mb": "peak memory",
    "adapter_mb": "adapter size",
    "pr_auc": "PR AUC",
    "ece": "calibration error",
    "ece_scaled": "calibration error, scaled",
    "log_loss_scaled": "log loss, scaled",
    "latency_mean_ms": "latency mean",
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
    "token_f1": "token F1",
    "entity_f1": "entity F1",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "R²",
    "bits_per_byte": "bits per byte",
    "cost_run": "cost of the run",
    "cost_per_1000": "cost per 1,000 answers",
    "unparsable_rate": "no usable answer",
}


def metric_words(name: str) -> str:
    """How a metric is called in a sentence: `macro F1`."""
    return METRIC_WORDS.get(name, name.replace("_", " "))


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
