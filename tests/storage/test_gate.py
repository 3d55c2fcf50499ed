"""What a policy makes of evidence: it fails closed, and says why."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from storage.gate import gate
from storage.judgements import Waiver
from storage.records import (
    CHECK_IDS,
    Check,
    Metric,
    Outcome,
    Policy,
    PolicyRule,
    now,
)

TODAY = date(2030, 5, 1)
LEAK = PolicyRule(id="leakage_exact")
GAP = PolicyRule(id="overfit_gap", severity="warn", on_not_run="warn", waivable=True)
BIAS = PolicyRule(id="bias_groups", severity="block", on_not_run="allow", waivable=True)
POLICY = Policy(check=(LEAK, GAP, BIAS))


def check(identity: str, outcome: Outcome = Outcome.PASS, value: float | None = 0.0) -> Check:
    value = None if outcome is Outcome.NOT_RUN else value
    return Check(id=identity, outcome=outcome, value=value, reason="as measured.")


def all_pass() -> list[Check]:
    return [check(rule.id) for rule in POLICY.check]


def waiver(identity: str, until: date = TODAY) -> Waiver:
    return Waiver(
        id="w1", run_id="r1", check=identity, person="reva", reason="known", until=until, at=now()
    )


def effects(found: object) -> dict[str, str]:
    return {finding.id: finding.effect for finding in found.findings}  # type: ignore[attr-defined]


def test_a_run_that_passes_everything_is_eligible_and_says_how_much_passed() -> None:
    found = gate(POLICY, all_pass(), today=TODAY)
    assert (found.status, found.counts) == ("eligible", "3 pass")


def test_a_warning_needs_a_look_and_is_counted_apart() -> None:
    checks = [check("leakage_exact"), check("overfit_gap", Outcome.WARN), check("bias_groups")]
    found = gate(POLICY, checks, today=TODAY)
    assert (found.status, found.counts) == ("needs_review", "2 pass · 1 warn")


def test_a_failed_check_that_blocks_blocks() -> None:
    checks = [check("leakage_exact", Outcome.FAIL), check("overfit_gap"), check("bias_groups")]
    assert gate(POLICY, checks, today=TODAY).status == "blocked"


def test_a_failed_check_that_only_warns_does_not_block() -> None:
    checks = [check("leakage_exact"), check("overfit_gap", Outcome.FAIL), check("bias_groups")]
    assert gate(POLICY, checks, today=TODAY).status == "needs_review"


@pytest.mark.parametrize(
    ("identity", "status"),
    [("leakage_exact", "blocked"), ("overfit_gap", "needs_review"), ("bias_groups", "eligible")],
)
def test_what_is_missing_counts_as_not_run(identity: str, status: str) -> None:
    checks = [found for found in all_pass() if found.id != identity]
    found = gate(POLICY, checks, today=TODAY)
    assert found.status == status
    assert found.counts == "2 pass · 1 not run"


def test_a_policy_without_rules_blocks_everything() -> None:
    assert gate(Policy(check=()), all_pass(), today=TODAY).status == "blocked"


def test_a_pass_without_a_number_is_no_pass() -> None:
    checks = [check("leakage_exact", value=None), check("overfit_gap"), check("bias_groups")]
    found = gate(POLICY, checks, today=TODAY)
    assert found.status == "blocked"
    assert "without a sound number" in found.findings[0].reason


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_none_blocks(number: float) -> None:
    broken = check("leakage_exact").model_copy(update={"low": number})
    assert gate(POLICY, [broken, *all_pass()[1:]], today=TODAY).status == "blocked"


def test_the_same_check_twice_blocks() -> None:
    assert gate(POLICY, [*all_pass(), check("leakage_exact")], today=TODAY).status == "blocked"


def test_the_same_rule_twice_blocks() -> None:
    policy = Policy(check=(LEAK, LEAK))
    assert gate(policy, [check("leakage_exact")], today=TODAY).status == "blocked"


def test_a_check_that_nobody_knows_blocks() -> None:
    assert gate(POLICY, [*all_pass(), check("made_up")], today=TODAY).status == "blocked"


def test_a_known_check_without_a_rule_is_not_ignored() -> None:
    found = gate(POLICY, [*all_pass(), check("underfit", Outcome.FAIL)], today=TODAY)
    assert found.status == "needs_review"


def test_a_rule_with_an_unknown_check_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValidationError, match="did you mean 'leakage_exact'"):
        PolicyRule(id="leakage_exakt")


def test_what_the_policy_declares_meaningless_is_shown_with_its_reason() -> None:
    policy = Policy(check=(LEAK, PolicyRule(id="bias_groups", not_applicable="machine logs")))
    found = gate(policy, [check("leakage_exact"), check("bias_groups", Outcome.FAIL)])
    assert found.status == "eligible"
    assert "machine logs" in found.findings[1].reason


class TestWaivers:
    def test_one_helps_its_own_check_and_stays_visible(self) -> None:
        checks = [check("leakage_exact"), check("overfit_gap"), check("bias_groups", Outcome.FAIL)]
        found = gate(POLICY, checks, waivers=[waiver("bias_groups")], today=TODAY)
        assert (found.status, found.counts) == ("needs_review", "2 pass · 1 fail · 1 waived")
        given = found.findings[2].waiver
        assert given
        assert given.person == "reva"

    def test_one_past_its_day_does_not_help(self) -> None:
        checks = [check("leakage_exact"), check("overfit_gap"), check("bias_groups", Outcome.FAIL)]
        ended = waiver("bias_groups", until=date(2030, 4, 30))
        assert gate(POLICY, checks, waivers=[ended], today=TODAY).status == "blocked"

    def test_one_for_a_rule_that_cannot_be_waived_does_not_help(self) -> None:
        checks = [
            check("leakage_exact", Outcome.FAIL),
            check("overfit_gap"),
            check("bias_groups"),
        ]
        found = gate(POLICY, checks, waivers=[waiver("leakage_exact")], today=TODAY)
        assert found.status == "blocked"


class TestNumbers:
    RULE = PolicyRule(id="fast", metric="latency_p95_ms", at_most=800)

    @pytest.mark.parametrize(
        ("low", "value", "high", "status"),
        [
            (500, 600, 700, "eligible"),
            (700, 780, 860, "needs_review"),
            (810, 900, 990, "blocked"),
        ],
    )
    def test_a_number_is_held_against_its_whole_interval(
        self, low: float, value: float, high: float, status: str
    ) -> None:
        metric = Metric(name="latency_p95_ms", split="run", value=value, low=low, high=high, n=200)
        assert gate(Policy(check=(self.RULE,)), [], [metric]).status == status

    def test_a_number_that_was_not_measured_blocks_like_a_check(self) -> None:
        metric = Metric(
            name="latency_p95_ms", split="run", value=None, n=0, missing_because="too few rows"
        )
        assert gate(Policy(check=(self.RULE,)), [], [metric]).status == "blocked"
        assert gate(Policy(check=(self.RULE,)), [], []).status == "blocked"

    def test_a_metric_needs_a_bound(self) -> None:
        with pytest.raises(ValidationError, match="goes with"):
            PolicyRule(id="fast", metric="latency_p95_ms")


@pytest.mark.parametrize(
    ("licence", "status"), [("internal", "eligible"), ("cc-by-nc", "blocked"), ("", "blocked")]
)
def test_a_licence_is_one_of_those_allowed(licence: str, status: str) -> None:
    policy = Policy(check=(PolicyRule(id="licence", licences=("internal",)),))
    assert gate(policy, [], licence=licence).status == status


CHECKS = st.lists(
    st.builds(
        check, st.sampled_from([*CHECK_IDS, "made_up"]), st.sampled_from(Outcome), st.just(0.5)
    ),
    max_size=6,
    unique_by=lambda found: found.id,
)
RANK = {"eligible": 0, "needs_review": 1, "blocked": 2}


@given(CHECKS, st.randoms(use_true_random=False))
def test_the_order_of_checks_does_not_matter(checks: list[Check], random: object) -> None:
    shuffled = list(checks)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = gate(POLICY, checks, today=TODAY), gate(POLICY, shuffled, today=TODAY)
    assert (one.status, one.counts, effects(one)) == (other.status, other.counts, effects(other))


@given(CHECKS, st.sampled_from(CHECK_IDS))
def test_a_failure_more_never_makes_a_run_better(checks: list[Check], identity: str) -> None:
    others = [found for found in checks if found.id != identity]
    worse = gate(POLICY, [*others, check(identity, Outcome.FAIL)], today=TODAY)
    better = gate(POLICY, [*others, check(identity, Outcome.PASS)], today=TODAY)
    assert RANK[worse.status] >= RANK[better.status]


@given(CHECKS, st.sampled_from(CHECK_IDS))
def test_a_waiver_changes_no_other_finding(checks: list[Check], identity: str) -> None:
    before = effects(gate(POLICY, checks, today=TODAY))
    after = effects(gate(POLICY, checks, waivers=[waiver(identity)], today=TODAY))
    assert {k for k in before if before[k] != after[k]} <= {identity}
