"""O1: what is flagged, and how often by mistake."""

import numpy as np
import pytest

from storage.records import Outcome
from trainer.checks import overfit_gap


@pytest.mark.parametrize(
    ("n", "gap", "low", "high"),
    # The rates that the module states, with room for 1500 draws (three standard errors).
    [
        (200, 0.0, 0.0, 0.005),
        (200, 0.05, 0.02, 0.07),
        (200, 0.15, 0.88, 0.96),
        (1000, 0.03, 0.0, 0.01),
    ],
    ids=["no gap", "at the limit", "a clear gap", "below the limit, large n"],
)
def test_it_warns_as_often_as_it_says(answers, n, gap, low, high):
    random = np.random.default_rng(n)
    warned = [
        overfit_gap.check(
            answers(random.random(n) < 0.8 + gap), answers(random.random(n) < 0.8), 0.05
        ).outcome
        for _ in range(1500)
    ]
    assert low <= np.mean([outcome is Outcome.WARN for outcome in warned]) <= high
    assert set(warned) <= {Outcome.PASS, Outcome.WARN}


def test_a_flag_says_what_was_measured_and_what_to_do(answers):
    right = np.arange(500) % 100
    found = overfit_gap.check(answers(right < 99), answers(right < 80), 0.05)
    assert found.outcome is Outcome.WARN
    assert found.value == pytest.approx(0.19)
    assert found.low < found.value < found.high
    assert (found.limit, found.n) == (0.05, 500)
    assert "0.990 on 500 rows of train and 0.800 on 500 of validation" in found.reason
    assert "gap of 19.0 points" in found.reason
    assert "above the limit of 5.0" in found.reason
    assert "Fewer epochs" in found.advice


def test_a_model_no_worse_on_validation_is_never_flagged(answers):
    right = np.arange(100) % 10
    found = overfit_gap.check(answers(right < 7), answers(right < 9), 0.05)
    assert found.outcome is Outcome.PASS
    assert found.advice == ""


def test_perfect_answers_on_both_leave_a_little_doubt(answers):
    found = overfit_gap.check(answers(np.ones(50, bool)), answers(np.ones(50, bool)), 0.05)
    assert found.outcome is Outcome.PASS
    assert found.low < 0 < found.high


def test_few_rows_are_not_judged(answers):
    found = overfit_gap.check(answers(np.ones(50, bool)), answers(np.zeros(29, bool)), 0.05)
    assert found.outcome is Outcome.NOT_RUN
    assert "50 of train and 29 of validation" in found.reason
