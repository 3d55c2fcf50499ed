"""The table of checks beside what the policy makes of them."""

from datetime import date

from leaderboard.judged import judged
from storage.judgements import Finding, Gate, Waiver
from storage.records import Check, Outcome, now


def _check(identity: str, outcome: Outcome, value: float | None = 0.5) -> Check:
    return Check(id=identity, outcome=outcome, value=value, limit=0.1, n=200, reason="Found so.")


def _finding(identity: str, outcome: Outcome, effect: str, **more: object) -> Finding:
    return Finding.model_validate(
        {
            "id": identity,
            "outcome": outcome,
            "severity": "block",
            "effect": effect,
            "reason": "Found so.",
            **more,
        }
    )


def _gate(*findings: Finding) -> Gate:
    return Gate(status="blocked", counts="", findings=findings)


def test_what_blocks_comes_first_and_each_check_stands_once() -> None:
    checks = [
        _check("calibration", Outcome.WARN),
        _check("leakage_exact", Outcome.FAIL),
        _check("test_size", Outcome.PASS),
    ]
    first, rest = judged(
        checks,
        _gate(
            _finding("calibration", Outcome.WARN, "warn"),
            _finding("test_size", Outcome.PASS, "pass"),
            _finding("leakage_exact", Outcome.FAIL, "block"),
        ),
    )
    assert first.index("leakage") < first.index("calibration")
    assert "test size" not in first
    assert (first + rest).count("<tbody><tr>") == 2
    assert (first + rest).count("Found so.") == 3
    assert "blocks" in first
    assert "holds" in rest


def test_a_rule_without_a_check_and_a_check_that_stands_twice_are_kept() -> None:
    twice = [_check("calibration", Outcome.PASS), _check("calibration", Outcome.WARN, 0.75)]
    first, rest = judged(
        twice,
        _gate(
            _finding("membership", Outcome.NOT_RUN, "block"),
            _finding("calibration", Outcome.FAIL, "block"),
        ),
    )
    assert "memorisation" in first
    assert "not measured" in first
    assert (first + rest).count(">calibration<") == 3
    assert ">0.75<" in first


def test_a_waiver_says_who_until_when_and_why() -> None:
    waiver = Waiver(
        id="w000001",
        run_id="r000001",
        check="calibration",
        person="reva",
        reason="<b>known</b>",
        until=date(2027, 1, 2),
        at=now(),
    )
    first, _ = judged(
        [_check("calibration", Outcome.FAIL)],
        _gate(_finding("calibration", Outcome.FAIL, "waived", waiver=waiver)),
    )
    assert "Waived by reva until 2027-01-02: &lt;b&gt;known&lt;/b&gt;" in first


def test_without_a_policy_nothing_is_said_of_one() -> None:
    first, rest = judged([_check("calibration", Outcome.WARN)], None)
    assert "Policy" not in first
    assert rest == ""
