"""Memorisation, O3: whether training rows can be told from others by their loss alone.

Measured: the area under the ROC curve of "was trained on" by the score base loss − own loss, or by
    −own loss where the untuned base gives no loss (a head that did not exist before), on the train
    sample against validation. 0.5 is chance.
Formula: DeLong's error; warns if area − 1.645·SE > `membership_limit`. Fails only where the policy
    says that the data are sensitive, above `membership_fail_limit`.
Needs rows that were divided by chance: where validation is a file of its own, rows may differ for
    other reasons, and nothing is measured.
Source: Yeom et al. 2018, "Privacy risk in machine learning: analyzing the connection to
    overfitting"; DeLong et al. 1988.
Measured rates of warning (limit 0.60) at a true area of 0.50 / 0.60 / 0.65 / 0.70: docs/flags.md.
"""

import numpy as np

from storage.records import Check, Outcome, Policy
from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.influence import auc_influence
from trainer.evaluate.intervals import Z_ONE_SIDED

ID = "membership"
MINIMUM_ROWS = 50


def check(
    train: FloatArray,
    validation: FloatArray,
    policy: Policy,
    *,
    divided_by_chance: bool,
    against_base: bool = False,
) -> Check:
    """Hold how well training rows can be told against the limits.

    Args:
        train: Shape (n,). Losses of training rows; less the base's where `against_base`.
        validation: Shape (m,). The same of validation rows.
        policy: Its membership limits.
        divided_by_chance: Whether train and validation are random parts of the same rows.
        against_base: Whether the losses of the untuned base were taken off.
    """
    limit, rows = policy.membership_limit, min(len(train), len(validation))
    if missing := _why_not(rows, divided_by_chance):
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, n=rows, reason=missing)
    losses = np.concatenate([train, validation])
    found = auc_influence(-losses, np.arange(len(losses)) < len(train), 0.0)
    assert found is not None  # noqa: S101  both kinds are there
    error = float(found.influence.std(ddof=1) / np.sqrt(len(losses)))
    low = found.value - Z_ONE_SIDED * error
    fails = policy.sensitive_data and low > policy.membership_fail_limit
    outcome = Outcome.FAIL if fails else Outcome.WARN if low > limit else Outcome.PASS
    score = "its loss, less the untuned base's," if against_base else "its loss"
    return Check(
        id=ID,
        outcome=outcome,
        value=found.value,
        low=low,
        high=found.value + Z_ONE_SIDED * error,
        limit=policy.membership_fail_limit if fails else limit,
        n=rows,
        reason=(
            f"By {score} a training row can be told from another with an area of {found.value:.3f} "
            f"under the ROC curve (0.5 is chance), at least {low:.3f} with 95 % confidence, on "
            f"{len(train)} and {len(validation)} rows; the limit is {limit:.2f}."
        ),
        advice="" if outcome is Outcome.PASS else "Fewer epochs, a lower rank or more rows.",
    )


def _why_not(rows: int, divided_by_chance: bool) -> str:
    if not divided_by_chance:
        return (
            "Validation is a file of its own: its rows may differ from train for other reasons "
            "than having been seen, so memorisation cannot be told."
        )
    if rows < MINIMUM_ROWS:
        return f"Too few rows to tell: {rows}, at least {MINIMUM_ROWS} of each are needed."
    return ""
