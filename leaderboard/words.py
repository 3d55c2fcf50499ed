"""Numbers and names in words for people. A missing number is "not measured", never 0 or a blank."""

import math
import re
from datetime import UTC, datetime, timedelta

from storage.records import METHOD_WORDS, Outcome, metric_words
from trainer.evaluate import units

MISSING = "not measured"
LEAST_COST = 1e-6

CHECKS = {
    "overfit_gap": "overfitting: gap",
    "overfit_upturn": "overfitting: upturn",
    "underfit": "underfitting",
    "leakage_exact": "leakage",
    "bias_groups": "bias",
    "bias_counterfactual": "bias: other people",
    "stereotypes": "stereotypes",
    "bias_amplification": "bias: amplified",
    "bias_amplification_base": "bias: amplified by tuning",
    "beats_baseline": "beats the baseline",
    "adapter_reload": "reload",
    "test_size": "test size",
    "overlong": "cut texts",
    "leakage_near": "near copies",
    "leakage_registered": "leakage: other tests",
    "membership": "memorisation",
    "calibration": "calibration",
    "seed_variance": "luck of the seed",
    "underpowered": "test set too small to tell",
    "test_reuse": "test asked often",
    "regression_set": "blockers",
    "forgetting_text": "forgetting: text",
    "forgetting_tasks": "forgetting: tasks",
    "lexical_support": "lexical support",
}

GATES = {"eligible": "eligible", "needs_review": "needs review", "blocked": "blocked"}

EFFECTS = {
    "block": "blocks",
    "warn": "warns",
    "waived": "waived",
    "shown": "only shown",
    "pass": "holds",
}

METHODS = {
    method.value: said.removeprefix("the ").removeprefix("an ")
    for method, said in METHOD_WORDS.items()
}

STATUS = {
    "baseline": "baseline",
    "candidate": "candidate",
    "failed": "failed",
    "in_review": "in review",
    "approved": "approved",
    "rejected": "rejected",
}

ICONS = {
    Outcome.PASS: ("✓", "pass"),
    Outcome.WARN: ("▲", "warning"),
    Outcome.FAIL: ("✕", "fail"),
    Outcome.NOT_RUN: ("○", "not run"),
}


def plain(value: str) -> str:
    """Text for Streamlit's Markdown elements, in which none of it is markup."""
    return re.sub(r"([\\\\`*_{}\[\]()#+\-.!|<>~$:])", r"\\\1", value)


def metric(name: str) -> str:
    return metric_words(name)


def check(identity: str) -> str:
    return CHECKS.get(identity, identity.replace("_", " "))


def method(name: str, base: str) -> str:
    """`LoRA fine-tuning of minilm`."""
    known = METHODS.get(name, name)
    join = {"lora": " of ", "external": " "}.get(name, " on ")
    return f"{known}{join}{base}" if base else known


def group(name: str) -> str:
    """Whom or what a number is of: `region = east`."""
    if name == "subset:clean":
        return "test rows without near copies in train"
    return name.replace(":", " = ", 1)


def status(name: str) -> str:
    return STATUS.get(name, name)


def state(name: str) -> str:
    return {"active": "training"}.get(name, name)


def number(value: float | None, digits: int = 3) -> str:
    return MISSING if value is None else f"{value:.{digits}f}"


def figure(value: float) -> str:
    """A number of any size with three digits that count; large ones whole: `0.0104`, `1,032`."""
    large = math.isfinite(value) and abs(value) >= 100
    return (f"{value:,.0f}" if large else f"{value:.3g}").replace("-", "−", 1)


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    if low is None or high is None:
        return "no interval"
    return f"{low:.{digits}f}–{high:.{digits}f}"


def points(value: float | None, metric: str) -> str:
    """A difference, turned so that more is better: in points, or in the metric's own unit."""
    if value is None:
        return MISSING
    return units.amount(value, metric, signed=True).replace("-", "−").replace(" points", " pt")


def points_interval(low: float | None, high: float | None, metric: str) -> str:
    if low is None or high is None:
        return ""
    return " to ".join(
        units.bare(end, metric, signed=True).replace("-", "−") for end in (low, high)
    )


def difference(low: float | None, high: float | None) -> str:
    """What a difference to the baseline says."""
    if low is None or high is None:
        return "not compared"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "cannot be told apart"


def place(low: int | None, high: int | None) -> str:
    """`1`, `1–4`, or `–` where there is none."""
    if low is None or high is None:
        return "–"
    return str(low) if low == high else f"{low}–{high}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return MISSING
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def milliseconds(value: float | None) -> str:
    if value is None:
        return MISSING
    if value < 0.1:
        return "under 0.1 ms"
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def cost(value: float | None) -> str:
    """In the currency of the prices; small ones with two digits that count."""
    if value is None:
        return MISSING
    if 0 < value < LEAST_COST:
        return f"under {LEAST_COST:f}"
    if value >= 1 or value == 0:
        return f"{value:,.2f}"
    return f"{value:.{max(4, 1 - math.floor(math.log10(value)))}f}"


def in_currency(name: str, currency: str) -> str:
    """`Cost (EUR)`; the name alone where nothing has a price."""
    return f"{name} ({currency})" if currency else name


def amount(name: str, value: float | None) -> str:
    """A number that belongs to no split, with its unit from its name."""
    if value is None:
        return MISSING
    if name.endswith("_ms"):
        return milliseconds(value)
    if name.endswith("_seconds"):
        return duration(value)
    if name.startswith("cost_"):
        return cost(value)
    if name.endswith("_mb"):
        return f"{value:,.1f} MB"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in one unit. Naive times are UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    passed = (now or datetime.now(UTC)) - aware
    for unit, size in (
        ("d", timedelta(days=1)),
        ("h", timedelta(hours=1)),
        ("min", timedelta(minutes=1)),
    ):
        if passed >= size:
            return f"{passed // size} {unit} ago"
    return "just now"


def moment(value: datetime) -> str:
    """`21 Nov 2026, 10:05 UTC`."""
    return f"{value.day} {value:%b %Y, %H:%M} UTC"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
