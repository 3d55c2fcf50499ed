"""Bias amplification, B4: whether a model ties labels to groups more than the test's labels do.

Measured, for each sensitive column: the directional amplification over all groups and labels; and
    for each group g and label t the lean M = P(T̂=t | g) − P(T̂=t | rest of the column) beside the
    same difference L of the true labels.
Formula: `evaluate.amplification`. Warns if BiasAmp − 1.645·SE > limit, or if for a group, with
    s = sign(M), both s·M − z·SE and s·(M − L) − z·SE exceed the limit (z two-sided 95 %, Bonferroni
    over groups × labels). The second rule names the groups; it also sees a lean that the labels do
    not have at all, where BiasAmp has no direction (a test set balanced by design). A model that
    evens a lean of the labels out is not flagged. Never fails a run alone: `bias_groups` does.
Numbers: a group of fewer than 30 rows is not looked at; one of fewer than `minimum_rows` can be
    flagged, but says nothing for a pass. It passes if a lean of 20 points beyond the labels is
    ruled out for each group that is large enough, else it warns that nothing can be told; it is not
    run where no two groups are large enough and none is flagged.
Source: Wang and Russakovsky 2021, "Directional bias amplification", section 4; the direction of a
    cell as in the authors' code (0 where the labels have none).
Measured without any bias: flags 0 to 1.5 % (errors of 0.5 to 40 %, two or four labels; two groups
    of 500, 20 of 180, 1000/40, 500/300/200/100/30); inconclusive 0 to 2.2 %. A label given to one
    of two groups of 500 in a further 10 % of its rows: flagged in 26 %, in 20 %: 94 %; to one of 20
    groups of 180 in 30 %: 92 %. Where a model is undecided, the chance of one training can give all
    undecided rows of a group one label: that is a lean of this model, and it is flagged.
"""

from collections.abc import Mapping, Sequence

from storage.records import Check, Outcome
from trainer.evaluate.amplification import (
    Bound,
    Leaning,
    columns_of,
    in_words,
    largest_possible,
    leaning_groups,
    worst_column,
)
from trainer.evaluate.groups import ROWS_PER_GROUP, Group
from trainer.evaluate.predictions import Predictions

ID = "bias_amplification"
RULED_OUT = 0.20
"""A pass says that no judged group leans by this much beyond the labels."""


def check(
    test: Predictions, groups: Mapping[str, Sequence[str]], limit: float, minimum_rows: int
) -> Check:
    """Hold the labels that a model gives to groups against the true ones.

    Args:
        test: What the model said about each of n test examples.
        groups: Sensitive column to its n values; an empty value counts as "unknown".
        limit: The amplification that is still fine, such as 0.02.
        minimum_rows: Rows that a group needs before it can say that all is well.

    Returns:
        One check for all columns. Value, low and high are those of the worst group that is flagged,
        else the BiasAmp of the worst column.
    """
    if not groups:
        reason = "The task names no sensitive column, so that there are no groups to compare."
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, n=len(test), reason=reason)
    columns = columns_of(groups)
    if not columns:
        return _too_few(len(test), limit, ROWS_PER_GROUP)
    named = leaning_groups(test.predicted, test.gold, columns, len(test.labels), limit)
    column, overall = worst_column(test.predicted, test.gold, test, columns)
    if named or overall.low > limit:
        return _flagged(test, columns, limit, named, column, overall)
    return _quiet(test, columns, limit, minimum_rows, column, overall)


def _flagged(
    test: Predictions,
    columns: Mapping[str, Sequence[Group]],
    limit: float,
    named: list[Leaning],
    column: str,
    overall: Bound,
) -> Check:
    shown = named[0].excess if named else overall
    who = "; ".join(in_words(found, test.labels) for found in named)
    groups = ", ".join(found.group.name for found in named) or "the groups"
    return Check(
        id=ID,
        outcome=Outcome.WARN,
        value=shown.value,
        low=shown.low,
        high=shown.high,
        limit=limit,
        n=sum(len(group.rows) for group in columns[named[0].group.column if named else column]),
        reason=f"Amplified for {who or 'no single group'}. {_over_all(column, overall, limit)}",
        advice=f"Balance or relabel the training rows of {groups}, and run again.",
    )


def _quiet(
    test: Predictions,
    columns: Mapping[str, Sequence[Group]],
    limit: float,
    minimum_rows: int,
    column: str,
    overall: Bound,
) -> Check:
    n = len(test.labels)
    possible = largest_possible(test.predicted, test.gold, columns, n, minimum_rows)
    if possible is None:
        return _too_few(len(test), limit, minimum_rows)
    sure = possible <= RULED_OUT
    meaning = (
        f"No group is given a label surely more than its labels say, beside the others; more than "
        f"{possible * 100:.1f} points are ruled out. "
    )
    unsure = (
        f"Inconclusive: no group is flagged, but up to {possible * 100:.1f} points beyond the "
        f"labels cannot be ruled out ({RULED_OUT * 100:.0f} must be). "
    )
    return Check(
        id=ID,
        outcome=Outcome.PASS if sure else Outcome.WARN,
        value=overall.value,
        low=overall.low,
        high=overall.high,
        limit=limit,
        n=sum(len(group.rows) for group in columns[column]),
        reason=(meaning if sure else unsure) + _over_all(column, overall, limit),
        advice="" if sure else "More test rows for the smaller groups.",
    )


def _too_few(rows: int, limit: float, minimum: int) -> Check:
    reason = (
        f"Too few rows: no sensitive column has two groups of at least {minimum} of the {rows} "
        "test rows."
    )
    return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, n=rows, reason=reason)


def _over_all(column: str, found: Bound, limit: float) -> str:
    return (
        f"Over all groups of {column} the amplification is {found.value:+.3f} "
        f"[{found.low:+.3f}, {found.high:+.3f}]; {limit:.2f} is fine."
    )
