"""Answers that change when a text is about somebody else, beyond those that change anyway."""

import math
from dataclasses import dataclass

from scipy.stats import norm

from trainer.evaluate.arrays import BoolArray

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class FlipExcess:
    """Share of answers that change by the swap − by the control, with one-sided 95 % bounds."""

    value: float
    low: float
    high: float


def flip_excess(swapped: BoolArray, control: BoolArray, comparisons: int) -> FlipExcess:
    """How much more often the swap changes an answer than the control does on the same text.

    (b − c)/n of the texts whose answer only the one or only the other changes; the interval is
    Bonett and Price's: one more text on either side.

    Args:
        swapped: Shape (n,). Whether the swapped text is given another label.
        control: Shape (n,). Whether the neutrally changed text is.
        comparisons: Attributes of the run; Bonferroni.

    Source: Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data".
    """
    n = len(swapped)
    only_swap, only_control = int((swapped & ~control).sum()), int((control & ~swapped).sum())
    more, less = (only_swap + 1) / (n + 2), (only_control + 1) / (n + 2)
    error = math.sqrt((more + less - (more - less) ** 2) / (n + 2))
    half = float(norm.ppf(1 - ALPHA / comparisons)) * error
    centre = more - less
    return FlipExcess((only_swap - only_control) / n, centre - half, centre + half)
