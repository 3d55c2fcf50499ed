"""Bias between groups, B1: whether a group is given a favourable label much less often.

Measured, for each sensitive column, each favourable label and each group g against the largest
    group: the ratio of the shares of examples that are given the label.
Formula: log-ratio ln(q_g/q_ref) with q = (k + ½)/(n + 1) and SE² = Σ (1−q)/(q(n+1)); its
    interval at one-sided 95 %, Bonferroni over all comparisons of the run. Fails if the interval is
    wholly below ln(limit), or (at 97.5 %, for small counts err to that side) wholly above
    −ln(limit): then it is the largest group that gets less. Passes if all intervals lie between
    the two; else it warns that nothing can be told.
    Where no favourable label is named, the difference of accuracy (Newcombe's interval) is held
    against 10 points (fail) and 5 points (warn) in the same way.
Numbers: a group of fewer than 30 rows is not looked at; one of fewer than `minimum_rows`, or that
    would be given the label in fewer than 10 rows if all groups were alike, cannot fail a run.
Source: the four-fifths rule, 29 CFR 1607.4(D), as a margin; Newcombe 1998, "Interval estimation
    for the difference between independent proportions", method 10.
Measured without any bias: fails 0.3 % of runs (two groups of 500, share 0.1) to 0.9 % (200/200,
    share 0.05), where the bare four-fifths rule is broken in 27 % to 99 %. True ratio 0.6: fails
    80 % (500/500, share 0.3), 33 % (1000/100); the rest warn.
"""

import math
from collections.abc import Mapping, Sequence

from storage.records import Check, Outcome
from trainer.evaluate.disparity import Comparison, accuracy_difference, pairs_of, share_ratio
from trainer.evaluate.groups import ROWS_PER_GROUP
from trainer.evaluate.predictions import Predictions

ID = "bias_groups"
ACCURACY_FAIL = 0.10
ACCURACY_WARN = 0.05


def check(
    test: Predictions,
    groups: Mapping[str, Sequence[str]],
    favourable: tuple[str, ...],
    ratio_limit: float,
    minimum_rows: int,
) -> Check:
    """Compare what a model gives to groups of people.

    Args:
        test: What the model said about each of n test examples.
        groups: Sensitive column to its n values; an empty value counts as "unknown".
        favourable: Labels that are good for a person; empty compares accuracy instead.
        ratio_limit: The ratio of shares that is still fine, such as 0.8.
        minimum_rows: Rows that a group needs before it can fail a run.

    Returns:
        One check for all columns; value, low and high are those of the worst comparison: a ratio
        of shares, or a difference of accuracy.
    """
    wanted = tuple(label for label in favourable if label in test.labels)
    missing = _why_not(test, groups, favourable, wanted)
    if missing:
        return Check(id=ID, outcome=Outcome.NOT_RUN, n=len(test), reason=missing)
    pairs = list(pairs_of(test, groups, wanted))
    if not pairs:
        reason = (
            f"Too few rows: {', '.join(groups)} has no two groups of at least {ROWS_PER_GROUP} "
            f"of the {len(test)} test rows."
        )
        return Check(id=ID, outcome=Outcome.NOT_RUN, n=len(test), reason=reason)
    if wanted:
        ratios = [share_ratio(pair, len(pairs), minimum_rows) for pair in pairs]
        return _judged_by_ratio(ratios, ratio_limit)
    return _judged_by_accuracy(
        [accuracy_difference(pair, len(pairs), minimum_rows) for pair in pairs]
    )


def _why_not(
    test: Predictions,
    groups: Mapping[str, Sequence[str]],
    favourable: tuple[str, ...],
    wanted: tuple[str, ...],
) -> str:
    if not groups:
        return "The task names no sensitive column, so that there are no groups to compare."
    for column, values in groups.items():
        if len(values) != len(test):
            raise ValueError(f"{column!r} has {len(values)} values for {len(test)} examples")
    if favourable and not wanted:
        return f"None of the favourable labels {favourable!r} is a label of the task."
    return ""


def _judged_by_ratio(found: list[Comparison], ratio_limit: float) -> Check:
    margin = -math.log(ratio_limit)
    worst = _worst(found)
    outcome = _outcome(found, margin, margin)
    given, n, reference_given, reference_n = worst.pair.counts
    measured = (
        f"{worst.pair.group.name} is given {worst.pair.label!r} in {given / n:.3f} of {n} rows, "
        f"{worst.pair.reference.name} (the largest group) in {reference_given / reference_n:.3f} "
        f"of {reference_n}: a ratio of {math.exp(worst.value):.2f} "
        f"[{math.exp(worst.low):.2f}, {math.exp(worst.high):.2f}]; "
        f"{ratio_limit:.2f} to {1 / ratio_limit:.2f} is fine. "
    )
    return Check(
        id=ID,
        outcome=outcome,
        value=math.exp(worst.value),
        low=math.exp(worst.low),
        high=math.exp(worst.high),
        limit=ratio_limit,
        n=_rows(found),
        reason=measured + _meaning(outcome, found, margin),
        advice=_advice(outcome),
    )


def _judged_by_accuracy(found: list[Comparison]) -> Check:
    worst = _worst(found)
    outcome = _outcome(found, ACCURACY_FAIL, ACCURACY_WARN)
    right, n, reference_right, reference_n = worst.pair.counts
    measured = (
        f"Accuracy is {right / n:.3f} on {n} rows of {worst.pair.group.name} and "
        f"{reference_right / reference_n:.3f} on {reference_n} of {worst.pair.reference.name} "
        f"(the largest group): a difference of {worst.value * 100:.1f} points "
        f"[{worst.low * 100:.1f}, {worst.high * 100:.1f}]; {ACCURACY_FAIL * 100:.0f} fail. "
    )
    return Check(
        id=ID,
        outcome=outcome,
        value=worst.value,
        low=worst.low,
        high=worst.high,
        limit=ACCURACY_FAIL,
        n=_rows(found),
        reason=measured + _meaning(outcome, found, ACCURACY_WARN),
        advice=_advice(outcome),
    )


def _outcome(found: list[Comparison], fail: float, warn: float) -> Outcome:
    gating = [comparison for comparison in found if comparison.gating]
    if any(comparison.outside(fail) for comparison in gating):
        return Outcome.FAIL
    if any(comparison.outside(warn) for comparison in found):
        return Outcome.WARN
    sure = all(comparison.gating and comparison.inside(fail) for comparison in found)
    return Outcome.PASS if sure else Outcome.WARN


def _worst(found: list[Comparison]) -> Comparison:
    """What a reviewer should see: first what is surely off, then what is off by most."""
    return max(found, key=lambda c: (c.least if c.gating else 0.0, c.least, abs(c.value)))


def _rows(found: list[Comparison]) -> int:
    """How many examples stand behind the worst comparison."""
    worst = _worst(found)
    return len(worst.pair.group.rows) + len(worst.pair.reference.rows)


def _meaning(outcome: Outcome, found: list[Comparison], warn: float) -> str:
    small = sorted({c.pair.group.name for c in found if not c.gating})
    compared = f"{len(found)} comparisons, allowed for"
    if outcome is Outcome.FAIL:
        return f"The whole interval is beyond the limit ({compared})."
    if outcome is Outcome.PASS:
        return f"All intervals are within the limits ({compared})."
    off = [comparison for comparison in found if comparison.outside(warn)]
    if any(comparison.gating for comparison in off):
        return f"Groups differ, but not surely by as much as fails ({compared})."
    if off:
        names = ", ".join(sorted({comparison.pair.group.name for comparison in off}))
        return f"Groups differ, but too few rows to fail a run by: {names} ({compared})."
    if small:
        return f"Inconclusive ({compared}); too few rows to judge: {', '.join(small)}."
    return f"Inconclusive: there are too few rows to rule a difference in or out ({compared})."


def _advice(outcome: Outcome) -> str:
    if outcome is Outcome.FAIL:
        return "Look at the labels of that group in train: balance or relabel them, and run again."
    return "More test rows for the smaller groups." if outcome is Outcome.WARN else ""
