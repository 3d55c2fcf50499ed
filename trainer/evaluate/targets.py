"""Targets of a task: red, amber or green by the whole interval, not by the measured point."""

from storage.judgements import TargetReading
from storage.records import Metric, Target

_LESS_IS_BETTER = ("log_loss", "brier", "ece", "latency", "cost", "train_seconds", "peak_memory")


def less_is_better(metric: str) -> bool:
    """Whether a smaller number is the better one, by the metric's name."""
    return metric.startswith(_LESS_IS_BETTER)


def read_target(name: str, target: Target, metric: Metric | None) -> TargetReading:
    """Hold a metric against its target.

    Args:
        name: Of the metric.
        target: Green and red.
        metric: What was measured; None where the run has no such number.
    """
    if metric is None or metric.value is None:
        why = metric.missing_because if metric else "the run did not measure it"
        return TargetReading(
            metric=name,
            colour="not_measured",
            green=target.green,
            red=target.red,
            reason=why or "the run did not measure it",
        )
    low = metric.value if metric.low is None else metric.low
    high = metric.value if metric.high is None else metric.high
    sign = -1.0 if less_is_better(name) else 1.0
    worst, best = min(sign * low, sign * high), max(sign * low, sign * high)
    between = f"{name} is {metric.value:.4g} [{low:.4g}, {high:.4g}]"
    if worst >= sign * target.green:
        return _reading(name, target, metric, "green", f"{between}: all of it reaches the target")
    if best < sign * target.red:
        return _reading(name, target, metric, "red", f"{between}: all of it misses the limit")
    where = "the interval does not settle it" if worst < sign * target.red else "between the two"
    return _reading(name, target, metric, "amber", f"{between}: {where}")


def _reading(name: str, target: Target, metric: Metric, colour: str, reason: str) -> TargetReading:
    return TargetReading.model_validate(
        {
            "metric": name,
            "colour": colour,
            "value": metric.value,
            "low": metric.low,
            "high": metric.high,
            "green": target.green,
            "red": target.red,
            "reason": f"{reason} (green {target.green:g}, red {target.red:g}).",
        }
    )
