"""Calibration: measured without its bias, flagged beyond chance, mended by a temperature."""

import numpy as np
import pytest

from storage.records import Outcome
from trainer.checks import calibration as check
from trainer.evaluate.calibration import (
    calibration,
    calibration_error,
    fit_temperature,
    reliability,
    scaled,
    with_temperature,
)
from trainer.evaluate.measure import measure, measure_scaled
from trainer.evaluate.predictions import Predictions


def _model(n: int, seed: int, too_sure: float = 1.0, classes: int = 3) -> Predictions:
    """Calibrated at too_sure = 1; its logits are too large by that factor."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (n, classes))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = (honest.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    said = np.exp(too_sure * logits)
    return Predictions(("a", "b", "c")[:classes], gold, said / said.sum(axis=1, keepdims=True))


def test_a_case_for_paper() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    correct = np.array([True, True, True, False, True, False])
    # Bins of 0.9 and 0.6: 4/6·|0.75 − 0.9| + 2/6·|0.5 − 0.6|
    assert float(calibration_error(confidence, correct)) == pytest.approx(0.1 + 0.1 / 3)


def test_what_perfect_calibration_shows_is_that_of_the_literature() -> None:
    shown = [calibration(_model(1000, seed, classes=2)) for seed in range(10)]
    assert np.mean([found.plain for found in shown if found]) == pytest.approx(0.03, abs=0.012)


def test_the_bias_is_taken_off() -> None:
    found = [calibration(_model(1500, seed)) for seed in range(20)]
    assert np.mean([c.plain for c in found if c]) > 0.015
    assert np.mean([c.value for c in found if c]) < 0.008


def test_below_a_thousand_examples_there_is_none() -> None:
    assert calibration(_model(999, 0)) is None
    ece = next(m for m in measure(_model(300, 0), "test") if m.name == "ece")
    assert ece.value is None
    assert "mostly chance" in (ece.missing_because or "")


def test_a_calibrated_model_is_hardly_ever_flagged_and_one_too_sure_is() -> None:
    calm = [check.check(_model(1000, seed), None).outcome for seed in range(60)]
    assert np.mean([found is Outcome.WARN for found in calm]) <= 0.05
    sure = check.check(_model(1000, 1, too_sure=3), 3.0)
    assert sure.outcome is Outcome.WARN
    assert "divide the logits by 3.00" in sure.advice
    assert check.check(_model(500, 0), None).outcome is Outcome.NOT_RUN


def test_a_temperature_undoes_what_was_too_sure_and_is_never_fitted_on_test() -> None:
    validation, test = _model(2000, 1, too_sure=3), _model(2000, 2, too_sure=3)
    temperature = fit_temperature(validation)
    assert temperature == pytest.approx(3, rel=0.1)
    before, after = calibration(test), calibration(scaled(test, temperature))
    assert before
    assert after
    assert after.plain < before.plain / 3
    found = {m.name: m for m in measure_scaled(validation, test)}
    plain = {m.name: m for m in measure(test, "test") if not m.group}
    assert found["temperature"].split == "validation"
    assert found["log_loss_scaled"].value < plain["log_loss"].value
    assert found["ece_scaled"].value < plain["ece"].value


def test_a_temperature_changes_no_answer() -> None:
    found = _model(200, 3)
    again = with_temperature(found.probabilities, 7.0)
    assert np.array_equal(again.argmax(axis=1), found.predicted)
    assert again.sum(axis=1) == pytest.approx(1)


def test_the_reliability_table_holds_every_example_once() -> None:
    assert sum(count for _, _, count in reliability(_model(500, 4))) == 500
