"""What a policy makes of a run's evidence: eligible, to be looked at, or blocked.

It fails closed. What a rule asks for and the evidence lacks counts as not run; a check that no rule
names, a check that stands twice and a pass without a sound number are held against the run; a
policy without rules blocks everything. Nothing here approves: `eligible` still needs a person.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from storage.judgements import Finding, Gate, Waiver
from storage.records import CHECK_IDS, Check, Metric, Outcome, Policy, PolicyRule

Severity = Literal["block", "warn", "show"]
Effect = Literal["pass", "warn", "block", "waived", "shown"]

UNNAMED = PolicyRule(id=CHECK_IDS[0], severity="warn", on_not_run="allow")
"""How a known check is taken that the policy does not name: never ignored, never blocking."""

_WORDS = {
    Outcome.PASS: "pass",
    Outcome.WARN: "warn",
    Outcome.FAIL: "fail",
    Outcome.NOT_RUN: "not run",
}


def gate(
    policy: Policy,
    checks: Sequence[Check],
    metrics: Sequence[Metric] = (),
    waivers: Sequence[Waiver] = (),
    today: date = date.min,
    licence: str = "",
) -> Gate:
    """Hold the evidence of one run against a policy.

    Args:
        policy: Of the task, as it is now.
        checks: Of the run and of the board; their order does not matter.
        metrics: Of the run; rules with `metric` look for theirs on test, then among those of no
            split.
        waivers: Of this run; one helps until its last day, for its own check only.
        today: The day it is asked on.
        licence: Of the task's data.
    """
    if not policy.check:
        reason = "The policy has no rules, so nothing can be shown to hold. Add [[policy.check]]."
        return _closed([_finding("policy", Outcome.NOT_RUN, "block", "block", reason)])
    found = _by_id(checks)
    findings = [_ruled(rule, found, metrics, licence) for rule in policy.check]
    named = {rule.id for rule in policy.check}
    findings += [_unnamed(check) for check in checks if check.id not in named]
    findings += _twice([rule.id for rule in policy.check])
    valid = {w.check: w for w in waivers if w.until >= today}
    waivable = {rule.id for rule in policy.check if rule.waivable}
    return _closed([_waived(finding, valid, waivable) for finding in findings])


def _by_id(checks: Sequence[Check]) -> Mapping[str, Sequence[Check]]:
    found: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        found[check.id].append(check)
    return found


def _ruled(
    rule: PolicyRule,
    checks: Mapping[str, Sequence[Check]],
    metrics: Sequence[Metric],
    licence: str,
) -> Finding:
    if rule.not_applicable:
        reason = f"The policy says that this does not apply: {rule.not_applicable}."
        return _finding(rule.id, Outcome.NOT_RUN, "show", "shown", reason)
    if rule.metric:
        outcome, reason = _number(rule, metrics)
    elif rule.licences:
        outcome, reason = _licence(rule, licence)
    else:
        outcome, reason = _one(rule.id, checks.get(rule.id, ()))
    return _finding(rule.id, outcome, rule.severity, _effect(rule, outcome), reason)


def _one(identity: str, found: Sequence[Check]) -> tuple[Outcome, str]:
    if not found:
        return Outcome.NOT_RUN, "The evidence holds no such check."
    if len(found) > 1:
        return Outcome.FAIL, f"The evidence holds this check {len(found)} times; one is expected."
    check = found[0]
    if _unsound(check):
        return Outcome.FAIL, f"It says {check.outcome.value} without a sound number. {check.reason}"
    return check.outcome, check.reason


def _unsound(check: Check) -> bool:
    """Whether a check that was made carries no number, or one that is none."""
    if check.outcome is Outcome.NOT_RUN:
        return False
    numbers = [n for n in (check.value, check.low, check.high, check.limit) if n is not None]
    missing = check.outcome is Outcome.PASS and check.value is None
    return missing or any(not math.isfinite(number) for number in numbers)


def _number(rule: PolicyRule, metrics: Sequence[Metric]) -> tuple[Outcome, str]:
    whole = [m for m in metrics if m.name == rule.metric and not m.group]
    found = next((m for split in ("test", "run") for m in whole if m.split == split), None)
    if found is None:
        return Outcome.NOT_RUN, f"The evidence holds no {rule.metric}."
    if found.value is None or not math.isfinite(found.value):
        return Outcome.NOT_RUN, f"{rule.metric} was not measured: {found.missing_because}."
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    asked = _asked(rule)
    measured = f"{rule.metric} is {found.value:.4g} [{low:.4g}, {high:.4g}], n = {found.n}; {asked}"
    under, over = rule.at_least, rule.at_most
    if (under is not None and high < under) or (over is not None and low > over):
        return Outcome.FAIL, f"{measured}: the whole interval misses it."
    if (under is not None and low < under) or (over is not None and high > over):
        return Outcome.WARN, f"{measured}: the interval reaches beyond it."
    return Outcome.PASS, f"{measured}."


def _asked(rule: PolicyRule) -> str:
    bounds = [("at least", rule.at_least), ("at most", rule.at_most)]
    return " and ".join(f"{word} {bound:.4g}" for word, bound in bounds if bound is not None) + (
        " is asked"
    )


def _licence(rule: PolicyRule, licence: str) -> tuple[Outcome, str]:
    allowed = ", ".join(rule.licences)
    if not licence:
        return Outcome.NOT_RUN, f"The task names no licence of its data; allowed are {allowed}."
    if licence not in rule.licences:
        return Outcome.FAIL, f"The data's licence is {licence!r}; allowed are {allowed}."
    return Outcome.PASS, f"The data's licence is {licence!r}."


def _effect(rule: PolicyRule, outcome: Outcome) -> Effect:
    if outcome is Outcome.PASS:
        return "pass"
    if rule.severity == "show":
        return "shown"
    if outcome is Outcome.FAIL:
        return rule.severity
    if outcome is Outcome.WARN:
        return "warn"
    return {"block": rule.severity, "warn": "warn", "allow": "shown"}[rule.on_not_run]


def _unnamed(check: Check) -> Finding:
    """A check that the policy does not name; an id that nobody knows blocks."""
    if check.id not in CHECK_IDS:
        reason = f"Nobody knows a check of this name, so what it says cannot be judged: {check.id}."
        return _finding(check.id, Outcome.FAIL, "block", "block", reason)
    reason = f"The policy has no rule for it. {check.reason}"
    return _finding(check.id, check.outcome, "warn", _effect(UNNAMED, check.outcome), reason)


def _twice(ids: Sequence[str]) -> list[Finding]:
    reason = "The policy has several rules of this name; one is expected."
    return [
        _finding(identity, Outcome.FAIL, "block", "block", reason)
        for identity, count in Counter(ids).items()
        if count > 1
    ]


def _waived(finding: Finding, waivers: Mapping[str, Waiver], waivable: set[str]) -> Finding:
    waiver = waivers.get(finding.id)
    if waiver is None or finding.id not in waivable or finding.effect not in {"block", "warn"}:
        return finding
    return finding.model_copy(update={"effect": "waived", "waiver": waiver})


def _finding(
    identity: str, outcome: Outcome, severity: Severity, effect: Effect, reason: str
) -> Finding:
    return Finding(id=identity, outcome=outcome, severity=severity, effect=effect, reason=reason)


def _closed(findings: Sequence[Finding]) -> Gate:
    effects = {finding.effect for finding in findings}
    status: Literal["eligible", "needs_review", "blocked"] = "eligible"
    if "block" in effects:
        status = "blocked"
    elif effects & {"warn", "waived"}:
        status = "needs_review"
    outcomes = Counter(finding.outcome for finding in findings)
    counts = [f"{outcomes[o]} {word}" for o, word in _WORDS.items() if outcomes[o]]
    waived = sum(finding.effect == "waived" for finding in findings)
    counts += [f"{waived} waived"] if waived else []
    return Gate(status=status, counts=" · ".join(counts), findings=tuple(findings))
