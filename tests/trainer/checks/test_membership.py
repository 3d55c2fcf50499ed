"""Memorisation: told by losses, above a margin, where rows were divided by chance."""

import numpy as np
import pytest
from scipy.stats import norm

from storage.records import Outcome, Policy
from trainer.checks import membership


def _check(area: float, n: int, seed: int, **more: bool):
    random = np.random.default_rng(seed)
    shift = norm.ppf(area) * np.sqrt(2)
    train, validation = random.normal(-shift, 1, n), random.normal(0, 1, n)
    policy = Policy(sensitive_data=more.pop("sensitive", False))
    return membership.check(train, validation, policy, divided_by_chance=True, **more)


@pytest.mark.parametrize(
    ("area", "n", "low", "high"),
    [(0.5, 200, 0.0, 0.01), (0.6, 200, 0.0, 0.10), (0.65, 500, 0.78, 1.0), (0.7, 200, 0.92, 1.0)],
)
def test_how_often_it_warns(area: float, n: int, low: float, high: float) -> None:
    warned = [_check(area, n, seed).outcome is Outcome.WARN for seed in range(200)]
    assert low <= np.mean(warned) <= high


def test_only_sensitive_data_can_fail() -> None:
    assert _check(0.9, 300, 0).outcome is Outcome.WARN
    assert _check(0.9, 300, 0, sensitive=True).outcome is Outcome.FAIL


def test_a_validation_file_of_its_own_tells_nothing() -> None:
    rows = np.random.default_rng(0).random(100)
    found = membership.check(rows, rows + 9, Policy(), divided_by_chance=False)
    assert found.outcome is Outcome.NOT_RUN
    assert "file of its own" in found.reason


def test_few_rows_tell_nothing() -> None:
    assert _check(0.9, 20, 0).outcome is Outcome.NOT_RUN
