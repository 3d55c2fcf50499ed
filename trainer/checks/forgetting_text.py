"""Forgetting, F1: whether general text has become harder for a language model.

Measured: on at least 100 general documents, the geometric mean of tuned over base bits per byte.
Formula: exp(mean ± 1.645·SE) of ln(tuned nats/base nats) over documents. Warns if the lower bound
    is above `text_loss_warn` (1.05), fails above `text_loss_fail` (1.15).
Source: bits per byte as in Gao et al. 2020, "The Pile"; that LoRA forgets less but not nothing:
    Biderman et al. 2024, "LoRA learns less and forgets less".
Honest limits: a change of format alone (chat instead of prose) makes raw text dearer, so this is
    never the only evidence; `forgetting_tasks` asks for answers.
Measured rates: docs/flags.md.
"""

from storage.records import Check, Outcome, Policy
from trainer.evaluate.forgetting import TextLosses, text_ratio

ID = "forgetting_text"
MINIMUM_DOCUMENTS = 100


def check(losses: TextLosses | None, policy: Policy) -> Check:
    """Hold how much dearer general text became against the limits.

    Args:
        losses: What documents cost; None where the method gives no likelihoods of text.
        policy: Its text_loss limits.
    """
    if missing := _why_not(losses):
        limit = policy.text_loss_warn
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, reason=missing)
    assert losses is not None  # noqa: S101  said above
    found, n = text_ratio(losses), len(losses.base)
    outcome, limit = Outcome.PASS, policy.text_loss_warn
    if found.low > policy.text_loss_fail:
        outcome, limit = Outcome.FAIL, policy.text_loss_fail
    elif found.low > policy.text_loss_warn:
        outcome = Outcome.WARN
    return Check(
        id=ID,
        outcome=outcome,
        value=found.value,
        low=found.low,
        high=found.high,
        limit=limit,
        n=n,
        reason=(
            f"General text costs {found.value:.3f} times the bits it did ({found.base_bits:.3f} to "
            f"{found.tuned_bits:.3f} bits a byte), at least {found.low:.3f} with 95 % confidence, "
            f"on {n} documents; more than {policy.text_loss_warn:.2f} warns, more than "
            f"{policy.text_loss_fail:.2f} fails. A change of format alone can do this."
        ),
        advice=""
        if outcome is Outcome.PASS
        else "Fewer epochs, a lower learning rate or rank, or such text learnt along, as a task of "
        "kind text (tasks=…).",
    )


def _why_not(losses: TextLosses | None) -> str:
    if losses is None:
        return (
            "No likelihood of general text: name some as `general` in the task's [data] (a model "
            "that gives labels by a head has none)."
        )
    if len(losses.base) < MINIMUM_DOCUMENTS:
        return f"{len(losses.base)} documents were scored; {MINIMUM_DOCUMENTS} are needed."
    return ""
