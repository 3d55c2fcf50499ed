"""How small a difference a test set can see, and how many rows a smaller one would need."""

import math

from scipy.stats import norm


def detectable_difference(error: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest true difference that a paired test finds with this power.

    (z_{α/2} + z_β) · SE. For accuracy with a share d of examples that only one of two models gets
    right, SE² = (d − Δ²)/n, which gives Connor's n = (z_{α/2} + z_β)²(d − Δ²)/Δ².

    Args:
        error: Standard error of the paired difference on the rows at hand.
        alpha: Two-sided error of the test.
        power: The chance of finding the difference.

    Source: Connor 1987, "Sample size for testing differences in proportions for the paired-sample
    design".
    """
    return float(norm.ppf(1 - alpha / 2) + norm.ppf(power)) * error


def rows_needed(rows: int, detectable: float, wanted: float) -> int:
    """Rows with which a wanted difference would be detectable; errors shrink with √rows.

    Args:
        rows: Test rows at hand.
        detectable: What they can detect.
        wanted: The difference that should be detectable, above 0.
    """
    return max(rows, math.ceil(rows * (detectable / wanted) ** 2))
