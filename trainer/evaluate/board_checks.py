"""Checks that need more than one run, or a task's policy: the projection recomputes them.

They stand here and not in `trainer/checks/`, because the board's side may import arithmetic only.
"""

import math
from collections.abc import Sequence

from scipy.stats import norm

from storage.records import Check, Outcome
from trainer.evaluate.compare import PairedDifference
from trainer.evaluate.detectable import rows_needed
from trainer.evaluate.intervals import Z95
from trainer.evaluate.luck import SEEDS_NEEDED, Pooled
from trainer.evaluate.units import amount, bare

FAIL_WIDTH = float(norm.ppf(0.99)) / Z95
"""A fail is one-sided at 99 %: it blocks, so it must be rarer than a warning."""


def beats_baseline(
    difference: PairedDifference | None, against: str, limit: float = 0.0, metric: str = ""
) -> Check:
    """Whether a run is better than the best baseline of its task, on the same test examples.

    Measured: metric of the run − metric of the baseline, paired. Passes if its 95 % interval lies
    above the limit, fails if a 98 % interval lies below it, else warns: they cannot be told
    apart. Source: `compare.paired_difference`. Without a difference it passes in at most 2.5 % and
    fails in at most 1 %.

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


def regression_set(wrong: Sequence[str], found: int, missing: int) -> Check:
    """Whether a run answers rightly what reviewers called blockers.

    Counted on the run's own test rows; fails at the first wrong answer. No chance is in it: these
    examples were chosen because they must never be wrong again.

    Args:
        wrong: Ids of blockers that were answered wrongly.
        found: Blockers among the test rows.
        missing: Blockers that are no test rows of this version.
    """
    identity = "regression_set"
    gone = f" {missing} more are no test rows of this version." if missing else ""
    if not found:
        reason = f"None of the {missing} examples marked as blockers is a test row of this version."
        return Check(id=identity, outcome=Outcome.NOT_RUN, reason=reason)
    named = f": {', '.join(wrong[:5])}{' …' if len(wrong) > 5 else ''}" if wrong else ""
    return Check(
        id=identity,
        outcome=Outcome.FAIL if wrong else Outcome.PASS,
        value=float(len(wrong)),
        limit=0.0,
        n=found,
        reason=(
            f"{len(wrong)} of {found} examples that reviewers marked as blockers are answered "
            f"wrongly{named}.{gone}"
        ),
        advice="Look at them on the page Examples, and add rows like them to train."
        if wrong
        else "",
    )


def test_reuse(looks: int, rows: int, warn: int, fail: int) -> Check:
    """How often a test set was asked (O5): each run that met it is a look, whatever became of it.

    Counted; warns above `warn`, fails above `fail`. With k looks fixed beforehand, every one of
    their accuracies is within √(ln(2k/0.05)/2n) of the truth with 95 % confidence. Choosing by what
    was seen is worse: 1000 random answers on 1000 rows seem 0.72 right instead of 0.50.

    Source: Hoeffding's bound over k looks; Blum and Hardt 2015, "The ladder".
    """
    outcome = Outcome.FAIL if looks > fail else Outcome.WARN if looks > warn else Outcome.PASS
    half = math.sqrt(math.log(2 * max(looks, 1) / 0.05) / (2 * rows)) if rows else None
    width = f", so that no number is surer than ±{100 * half:.1f} points" if half else ""
    return Check(
        id="test_reuse",
        outcome=outcome,
        value=float(looks),
        limit=float(fail if outcome is Outcome.FAIL else warn),
        n=rows,
        reason=(
            f"{looks} runs have met these {rows} test rows, failed and deleted ones included"
            f"{width}; more than {warn} warn, more than {fail} fail."
        ),
        advice=""
        if outcome is Outcome.PASS
        else "Rotate the test set: label new test rows, and register the task with them.",
    )


def underpowered(
    detectable: float | None, rows: int, minimum_effect: float, metric: str = "accuracy"
) -> Check:
    """Whether the test set can see the smallest gain that anybody would pay for.

    Measured: the difference that the rows find in 80 of 100 cases, from the median standard error
    of the paired differences to the best run. Warns if it is above the policy's minimum effect. It
    is computed, not tested, so there is no false alarm.

    Args:
        detectable: That difference; None where there are no two runs to compare.
        rows: The rows compared on.
        minimum_effect: The smallest gain worth paying for.

    Source: Connor 1987, "Sample size for testing differences in proportions for the paired-sample
    design".
    """
    identity = "underpowered"
    if detectable is None:
        reason = "There are no two runs to compare, so that nothing can be said of differences."
        return Check(id=identity, outcome=Outcome.NOT_RUN, limit=minimum_effect, reason=reason)
    weak = detectable > minimum_effect
    more = rows_needed(rows, detectable, minimum_effect) - rows
    return Check(
        id=identity,
        outcome=Outcome.WARN if weak else Outcome.PASS,
        value=detectable,
        limit=minimum_effect,
        n=rows,
        reason=(
            f"These {rows} rows find a difference of {amount(detectable, metric)} in 80 of 100 "
            f"cases; {amount(minimum_effect, metric)} are what matters to this task."
        ),
        advice=f"Label about {more:,} more test rows." if weak else "",
    )


def seed_variance(pool: Pooled, seeds: int, limit: float, metric: str) -> Check:
    """Whether the luck of the seed (first weights, order of the data) moves the result.

    Measured: the standard deviation between seeds, less what the test rows alone explain. Warns if
    its one-sided 95 % lower bound is above the limit.

    Args:
        pool: The runs of one spec that differ in nothing but the seed.
        seeds: How many.
        limit: The standard deviation that is still fine.
        metric: The name of the metric, for the sentence.

    Source: `luck.pooled`; the bound of a variance by the chi-square distribution.
    """
    identity = "seed_variance"
    if seeds < SEEDS_NEEDED:
        reason = f"{seeds} seeds were run; {SEEDS_NEEDED} are needed to tell the luck of a seed."
        advice = "Run it again with another seed."
        return Check(
            id=identity, outcome=Outcome.NOT_RUN, limit=limit, reason=reason, advice=advice
        )
    moved = pool.true_sd_low > limit
    return Check(
        id=identity,
        outcome=Outcome.WARN if moved else Outcome.PASS,
        value=pool.true_sd,
        low=pool.true_sd_low,
        limit=limit,
        n=seeds,
        reason=(
            f"Over {seeds} seeds {metric} is {pool.mean:.4f} on average; between seeds it scatters "
            f"by {amount(pool.true_sd, metric)} beyond what the test rows explain, at least "
            f"{bare(pool.true_sd_low, metric)} with 95 % confidence; the limit is "
            f"{bare(limit, metric)}."
        ),
        advice="Train longer or with a lower learning rate, and report the mean." if moved else "",
    )


def _against_baseline(difference: PairedDifference, limit: float) -> tuple[Outcome, str, str]:
    if difference.low > limit:
        return Outcome.PASS, "better", ""
    surely = difference.value + FAIL_WIDTH * (difference.high - difference.value)
    if surely < limit:
        advice = "Use the baseline: it is better, and cheaper to run."
        return Outcome.FAIL, "worse", advice
    advice = "Use the cheaper one, or label more test rows to tell them apart."
    return Outcome.WARN, "the two cannot be told apart", advice
