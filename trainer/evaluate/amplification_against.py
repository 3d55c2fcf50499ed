"""The board check that asks whether tuning made a model lean more than its base did."""

from collections.abc import Mapping, Sequence

from storage.records import Check, Outcome
from trainer.evaluate.alignment import aligned
from trainer.evaluate.amplification import (
    Leaning,
    columns_of,
    count_comparisons,
    in_words,
    leaning_groups,
    leanings,
    worst_column,
)
from trainer.evaluate.groups import Group
from trainer.evaluate.judged import as_classes
from trainer.evaluate.predictions import Predictions

ID = "bias_amplification_base"


def amplification_against(
    tuned: Predictions,
    base: Predictions | None,
    groups: Mapping[str, Sequence[str]],
    limit: float,
    against: str = "the base",
) -> Check:
    """Whether a tuned model ties labels to groups more than the truth does and its base did.

    Measured: as `bias_amplification`, paired on the same test rows. Warns if a group is flagged
    against the true labels (lower bound above the limit) and its lean has grown from base to tuned
    (lower bound of the paired difference above 0); or if both hold of BiasAmp. Without any bias it
    warns no more often than `bias_amplification` does, which has to be flagged first.
    Source: Wang and Russakovsky 2021, "Directional bias amplification", section 4.

    Args:
        tuned: The tuned model on n test examples.
        base: An untuned arm of the same base on the same examples; None where there is none.
        groups: Sensitive column to the n values, in the order of `tuned`.
        limit: The amplification against the labels that is still fine.
        against: The untuned run, as a person knows it (`embedding r01ab`).
    """
    columns = columns_of(groups)
    missing = _why_not(base, groups, columns)
    if base is None or missing:
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, n=len(tuned), reason=missing)
    tuned, base = as_classes(aligned([tuned, base]))
    grown = _grown(tuned, base, columns, limit)
    against_labels = worst_column(tuned.predicted, tuned.gold, tuned, columns)[1]
    column, change = worst_column(tuned.predicted, base.predicted, tuned, columns)
    flagged = bool(grown) or (against_labels.low > limit and change.low > 0)
    who = "; ".join(in_words(found, tuned.labels, "the base") for found in grown)
    meaning = (
        f"Tuning made it lean more: {who or 'over all groups'}."
        if flagged
        else "Tuning made no group lean surely more than both its labels and the base."
    )
    return Check(
        id=ID,
        outcome=Outcome.WARN if flagged else Outcome.PASS,
        value=change.value,
        low=change.low,
        high=change.high,
        limit=limit,
        n=sum(len(group.rows) for group in columns[column]),
        reason=(
            f"{meaning} Over all groups of {column} the amplification changed by "
            f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}] from {against}."
        ),
        advice=(
            "The lean comes from the training rows: balance them for these groups, and run again."
            if flagged
            else ""
        ),
    )


def _why_not(
    base: Predictions | None,
    groups: Mapping[str, Sequence[str]],
    columns: Mapping[str, Sequence[Group]],
) -> str:
    if not groups:
        return "The task names no sensitive column, so that there are no groups to compare."
    if not columns:
        return f"Too few rows: {', '.join(groups)} has no two groups of at least 30 test rows."
    if base is None:
        return "There is no untuned run of the same base on this test set to compare with."
    return ""


def _grown(
    tuned: Predictions,
    base: Predictions,
    columns: Mapping[str, Sequence[Group]],
    limit: float,
) -> list[Leaning]:
    """Flagged against the labels, and leaning more than the base in the same direction."""
    labels = len(tuned.labels)
    comparisons = count_comparisons(columns, labels)
    flagged = {
        (found.group.name, found.label)
        for found in leaning_groups(tuned.predicted, tuned.gold, columns, labels, limit)
    }
    return [
        leaning
        for groups in columns.values()
        for leaning in leanings(tuned.predicted, base.predicted, groups, labels, comparisons)
        if (leaning.group.name, leaning.label) in flagged and leaning.excess.low > 0
    ]
