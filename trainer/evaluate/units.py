"""In what a metric is told: shares in points, everything else in its own unit."""

UNBOUNDED = frozenset({"mae", "rmse", "r2", "bits_per_byte", "log_loss", "brier"})
"""Metrics that are no share."""


def amount(value: float, metric: str, *, signed: bool = False) -> str:
    """`2.1 points`, or `0.113` of a metric that is no share."""
    sign = "+" if signed else ""
    if metric in UNBOUNDED:
        return f"{value:{sign}.3f}"
    return f"{100 * value:{sign}.1f} points"


def bare(value: float, metric: str, *, signed: bool = False) -> str:
    """The same number without its unit, for the second of two."""
    return amount(value, metric, signed=signed).removesuffix(" points")
