"""Reload: the saved model must say what the trained one said."""

import numpy as np
import pytest

from storage.records import Outcome
from trainer.checks import reload

SAVED = np.array([[0.9, 0.1], [0.3, 0.7]])


def test_equal_probabilities_pass_and_the_difference_is_shown():
    found = reload.check(SAVED, SAVED + np.array([[2e-5, -2e-5], [0, 0]]), 1e-4)
    assert found.outcome is Outcome.PASS
    assert found.value == pytest.approx(2e-5)
    assert found.id == "adapter_reload"


@pytest.mark.parametrize(
    "reloaded",
    [SAVED[:, ::-1], SAVED[:1], np.full((2, 2), np.nan)],
    ids=["other numbers", "another shape", "not numbers"],
)
def test_anything_else_fails(reloaded):
    found = reload.check(SAVED, reloaded, 1e-4)
    assert found.outcome is Outcome.FAIL
    assert "does not repeat" in found.reason
    assert "Do not use this adapter" in found.advice


def test_nothing_scored_is_not_a_pass():
    empty = np.empty((0, 2))
    assert reload.check(empty, empty, 1e-4).outcome is Outcome.NOT_RUN
