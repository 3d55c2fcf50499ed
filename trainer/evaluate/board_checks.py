"""Checks that need more than one run, or a task's policy: the projection recomputes them.

They stand here and not in `trainer/checks/`, because the board's side may import arithmetic only.
"""

from storage.records import Check, Outcome
from trainer.evaluate.compare import PairedDifference


def beats_baseline(
    difference: PairedDifference | None, against: str, limit: float = 0.0, metric: str = ""
) -> Check:
    """Whether a run is better than the best baseline of its task, on the same test examples.

    Measured: metric of the run − metric of the baseline, paired. Passes if its 95 % interval is
    wholly above the limit, fails if it is wholly below, else warns: they cannot be told apart.
    Source: `compare.paired_difference`. Without a difference it passes and fails in 2.5 % each.

    Args:
        difference: Run − baseline; None where there is no baseline.
        against: The baseline, as a person knows it (`tfidf r01ab`).
        limit: The difference that is asked for.
        metric: The name of the metric, for the sentence.
    """
    identity = "beats_baseline"
    if difference is None:
        reason = "The task has no finished baseline run on this test set to compare with."
        advice = "Run a baseline such as tfidf: without one nobody knows what fine-tuning is worth."
        return Check(
            id=identity, outcome=Outcome.NOT_RUN, limit=limit, reason=reason, advice=advice
        )
    outcome, meaning, advice = _against_baseline(difference, limit)
    named = f" in {metric}" if metric else ""
    return Check(
        id=identity,
        outcome=outcome,
        value=difference.value,
        low=difference.low,
        high=difference.high,
        limit=limit,
        n=difference.n,
        reason=(
            f"The difference to the best baseline ({against}){named} is {difference.value:+.4f} "
            f"[{difference.low:+.4f}, {difference.high:+.4f}] on the same {difference.n} test rows "
            f"(p = {difference.p:.2g}): {meaning}."
        ),
        advice=advice,
    )


def test_size(rows: int, minimum: int, confident: int) -> Check:
    """Whether the test set is large enough to rank by.

    Measured: test rows. Fails below `minimum` (the run is not ranked), warns below `confident`
    ("low confidence"). At 200 rows and an accuracy of 0.8 the 95 % interval is ±5.5 points, at 500
    it is ±3.5. Counted, so there is no false alarm.

    Args:
        rows: Test rows.
        minimum: Rows below which a run is not ranked.
        confident: Rows below which its place has low confidence.
    """
    outcome = Outcome.PASS
    reason = f"The test set has {rows} rows; {confident} are enough to rank by."
    if rows < minimum:
        outcome = Outcome.FAIL
        reason = f"The test set has {rows} rows, at least {minimum} are needed: not ranked."
    elif rows < confident:
        outcome = Outcome.WARN
        reason = f"The test set has {rows} rows, fewer than {confident}: low confidence."
    return Check(
        id="test_size",
        outcome=outcome,
        value=float(rows),
        limit=float(confident if rows >= minimum else minimum),
        n=rows,
        reason=reason,
        advice="" if outcome is Outcome.PASS else f"Label {confident - rows} more test rows.",
    )


def _against_baseline(difference: PairedDifference, limit: float) -> tuple[Outcome, str, str]:
    if difference.low > limit:
        return Outcome.PASS, "better", ""
    if difference.high < limit:
        advice = "Use the baseline: it is better, and cheaper to run."
        return Outcome.FAIL, "worse", advice
    advice = "Use the cheaper one, or label more test rows to tell them apart."
    return Outcome.WARN, "the two cannot be told apart", advice
