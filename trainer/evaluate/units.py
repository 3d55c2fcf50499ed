"""In what a metric is told: shares in points, everything else in its own unit."""

UNBOUNDED = frozenset({"mae", "rmse", "r2", "bits_per_byte", "log_loss", "brier"})
"""Metrics that are no share."""


def amount(value: float, metric: str, *, signed: bool = False) -> str:
    """`2.1 points`, or `0.113` of a metric that is no share."""
    sign = "+" if signed else ""
    if metric in UNBOUNDED:
        return f"{round(value, 3) + 0.0:{sign}.3f}"
    return f"{round(100 * value, 1) + 0.0:{sign}.1f} points"  # + 0.0: no "-0.0"


def bare(value: float, metric: str, *, signed: bool = False) -> str:
    """The same number without its unit, for the second of two."""
    return amount(value, metric, signed=signed).removesuffix(" points")
