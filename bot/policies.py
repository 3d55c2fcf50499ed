"""A policy in words: what each of its rules asks, and what happens where it does not hold."""

from bot.replies import Reply, table
from storage.records import Policy, PolicyRule

NOT_RUN = {"block": "blocks", "warn": "warns", "allow": "is shown"}
SEVERITY = {"block": "blocks", "warn": "warns", "show": "is shown"}
LIMITS = {
    "overfit_gap": ("overfit_gap_limit",),
    "overfit_upturn": ("upturn_limit",),
    "membership": ("membership_limit", "membership_fail_limit", "sensitive_data"),
    "leakage_exact": ("leakage_limit",),
    "leakage_near": ("leakage_limit",),
    "leakage_registered": ("leakage_limit",),
    "test_reuse": ("looks_warn", "looks_fail"),
    "bias_groups": ("group_ratio_limit", "minimum_group_rows"),
    "bias_counterfactual": ("flip_warn", "flip_fail"),
    "bias_amplification": ("amplification_limit",),
    "bias_amplification_base": ("amplification_limit",),
    "forgetting_text": ("text_loss_warn", "text_loss_fail"),
    "forgetting_tasks": ("retention_margin",),
    "seed_variance": ("seed_spread_limit",),
    "underpowered": ("minimum_effect",),
    "test_size": ("minimum_test_rows", "confident_test_rows"),
    "overlong": ("overlong_limit",),
}
"""The keys of a policy that each check is held against; those not named have no limit to set."""


def explained(policy: Policy, where: str) -> Reply:
    """What a policy does, rule by rule."""
    rows = [_row(policy, rule) for rule in policy.check]
    data = {"policy": policy.model_dump(mode="json"), "digest": policy.digest()}
    if not rows:
        text = f"{where}: the policy has no rules, so it blocks every run. Add [[policy.check]]."
        return Reply(text, data=data, exit_code=2)
    blocking = sum(rule.severity == "block" for rule in policy.check)
    approvals = f"{policy.approvals} approval{'s' if policy.approvals > 1 else ''}"
    return Reply(
        f"{where}: {len(rows)} rules, {blocking} of them can block; {approvals} by others than who "
        f"asked. What no rule names warns where it fails. Digest `{policy.digest()[:12]}`.",
        table=table(("check", "where it fails", "where not run", "waivable", "limits"), rows),
        data=data,
    )


def _row(policy: Policy, rule: PolicyRule) -> tuple[str, str, str, str, str]:
    if rule.not_applicable:
        return rule.id, "does not apply", "–", "–", rule.not_applicable
    return (
        rule.id,
        SEVERITY[rule.severity],
        SEVERITY["warn"] if _weaker(rule) else NOT_RUN[rule.on_not_run],
        "yes" if rule.waivable else "no",
        _limits(policy, rule),
    )


def _weaker(rule: PolicyRule) -> bool:
    """A rule that only warns cannot block where it was not run either."""
    return rule.severity == "warn" and rule.on_not_run == "block"


def _limits(policy: Policy, rule: PolicyRule) -> str:
    if rule.metric:
        bounds = (("at least", rule.at_least), ("at most", rule.at_most))
        return f"{rule.metric} " + " ".join(f"{w} {b:g}" for w, b in bounds if b is not None)
    if rule.licences:
        return f"licence is one of {', '.join(rule.licences)}"
    return ", ".join(f"{key} = {getattr(policy, key)}" for key in LIMITS.get(rule.id, ()))
