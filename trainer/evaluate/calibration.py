"""Whether probabilities mean what they say: of answers given with 0.8, are 80 % right?

The expected calibration error is biased upwards: a perfectly calibrated model shows 0.03 on 1,000
examples and 0.06 on 300. So it is not shown below 1,000, what perfect calibration would show is
taken off, and a flag asks whether it is more than chance gives.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.evaluate.intervals import Z95, Interval
from trainer.evaluate.metrics import example_log_losses
from trainer.evaluate.predictions import Predictions

BINS = 15
MINIMUM_ROWS = 1000
DRAWS = 500
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration error of a model on n examples.

    Attributes:
        plain: Σ_b (n_b/n)|accuracy_b − confidence_b| over 15 bins of equal width.
        by_chance: What a perfectly calibrated model with these probabilities shows on average.
        chance_limit: The 99th percentile of that.
        value: plain − by_chance, at least 0.
        interval: Of the value, by resampling examples.
    """

    plain: float
    by_chance: float
    chance_limit: float
    value: float
    interval: Interval


def calibration(predictions: Predictions, seed: int = 0) -> Calibration | None:
    """Measure it; None below 1,000 examples, where the error is mostly chance.

    Source: Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning";
    the simulated null as in Widmann et al. 2019, "Calibration tests in multi-class classification".
    """
    if len(predictions) < MINIMUM_ROWS:
        return None
    predictions = predictions.in_own_order()
    confidence = predictions.probabilities.max(axis=1)
    plain = float(calibration_error(confidence, predictions.correct))
    generator = np.random.default_rng(seed)
    perfect = generator.random((DRAWS, len(confidence))) < confidence
    chance = calibration_error(confidence, perfect)
    rows = generator.integers(0, len(confidence), (DRAWS, len(confidence)))
    again = np.array([calibration_error(confidence[r], predictions.correct[r]) for r in rows])
    value = max(plain - float(chance.mean()), 0.0)
    half = Z95 * float(again.std(ddof=1))
    how = (
        f"{BINS} bins of equal width; {plain:.4f} less the {chance.mean():.4f} that a perfectly "
        f"calibrated model shows; standard error of {DRAWS} resamples"
    )
    found = Interval(max(plain - float(chance.mean()) - half, 0.0), min(value + half, 1.0), how)
    return Calibration(plain, float(chance.mean()), float(np.quantile(chance, 0.99)), value, found)


def calibration_error(confidence: FloatArray, correct: BoolArray) -> FloatArray:
    """Shape (...). The plain error of answers given with these confidences.

    Args:
        confidence: Shape (n,). The highest probability of each example.
        correct: Shape (..., n). Whether the answers were right.
    """
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
    gaps = np.add.reduceat((correct - confidence)[..., order], starts, axis=-1)
    return np.asarray(np.abs(gaps).sum(axis=-1) / len(confidence), np.float64)


def fit_temperature(validation: Predictions) -> float:
    """The temperature T that makes p^(1/T), normalised, most likely on validation; never on test.

    Above 1 the model was too sure. Source: Guo et al. 2017, "On calibration of modern neural
    networks".
    """

    def loss(logarithm: float) -> float:
        scaled = with_temperature(validation.probabilities, float(np.exp(logarithm)))
        return float(example_log_losses(scaled, validation.gold).mean())

    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded")
    return float(np.exp(found.x))


def with_temperature(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Shape (n, K). The same answers, surer (T < 1) or less sure (T > 1)."""
    logits = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float64)


def scaled(predictions: Predictions, temperature: float) -> Predictions:
    """The predictions at another temperature."""
    probabilities = with_temperature(predictions.probabilities, temperature)
    return Predictions(
        predictions.labels, predictions.gold, probabilities, predictions.ids, predictions.clusters
    )


def reliability(predictions: Predictions) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and count of each bin that holds an example."""
    confidence = predictions.probabilities.max(axis=1)
    bins: IntArray = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    found = []
    for place in np.unique(bins):
        chosen = bins == place
        right = float(predictions.correct[chosen].mean())
        found.append((float(confidence[chosen].mean()), right, int(chosen.sum())))
    return found
