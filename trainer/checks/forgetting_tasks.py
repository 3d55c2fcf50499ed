"""Forgetting, F2: whether other tasks have become harder, on a retention suite.

Measured: accuracy of the tuned model minus that of its base, paired on the same items.
Formula: non-inferiority with the margin `retention_margin`: passes if the one-sided 95 % lower
    bound is above −margin, fails if the upper bound is below it, else warns: nothing is shown.
    Subtasks are clusters where there are at least ten.
Source: non-inferiority as in ICH E9; Biderman et al. 2024, "LoRA learns less and forgets less"
    (which measured forgetting by such suites).
Size: where 5 % of items change and nothing is lost, 773 items show it in 80 of 100 cases; where
    15 % change, 2,319.
Measured rates: docs/flags.md.
"""

from storage.records import Check, Outcome, Policy
from trainer.evaluate.forgetting import Retention, items_to_show, kept

ID = "forgetting_tasks"
MINIMUM_ITEMS = 100


def check(retention: Retention | None, policy: Policy) -> Check:
    """Hold what was lost on the suite against the margin.

    Args:
        retention: The items; None where no suite was run.
        policy: Its retention margin.
    """
    margin = policy.retention_margin
    if missing := _why_not(retention):
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=-margin, reason=missing)
    assert retention is not None  # noqa: S101  said above
    found, n = kept(retention), len(retention.base)
    outcome, meaning = Outcome.WARN, "it is not shown that no more than that was lost"
    if found.low > -margin:
        outcome, meaning = Outcome.PASS, "no more than that was lost"
    elif found.high < -margin:
        outcome, meaning = Outcome.FAIL, "more than that was lost"
    changed = float((retention.base != retention.tuned).mean())
    return Check(
        id=ID,
        outcome=outcome,
        value=found.value,
        low=found.low,
        high=found.high,
        limit=-margin,
        n=n,
        reason=(
            f"On {n} items of {len(set(retention.subtasks))} other tasks accuracy went from "
            f"{found.base:.3f} to {found.tuned:.3f}: {100 * found.value:+.1f} points "
            f"[{100 * found.low:+.1f}, {100 * found.high:+.1f}]; {100 * margin:.1f} may be lost, "
            f"and {meaning}."
        ),
        advice=_advice(outcome, changed, margin, n),
    )


def _why_not(retention: Retention | None) -> str:
    if retention is None:
        return "No retention suite was run with this method."
    if len(retention.base) < MINIMUM_ITEMS:
        return f"The suite has {len(retention.base)} items; {MINIMUM_ITEMS} are needed."
    return ""


def _advice(outcome: Outcome, changed: float, margin: float, n: int) -> str:
    if outcome is Outcome.PASS:
        return ""
    if outcome is Outcome.FAIL:
        return "Fewer epochs, a lower learning rate or rank, or old tasks mixed into train."
    needed = items_to_show(margin, max(changed, 1 / n))
    return f"A suite of about {needed:,} items would show it, if nothing was lost."
