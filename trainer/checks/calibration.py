"""Calibration: whether the probabilities say how often the model is right.

Measured: the expected calibration error over 15 bins on test, against what a perfectly calibrated
    model with the same probabilities shows by chance (500 simulated draws).
Formula: warns if the error is above the 99th percentile of chance *and*, chance taken off, above
    0.02: at many rows a harmless error would be sure, too. Below 1,000 rows it is mostly chance and
    nothing is said.
Source: Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning"; the
    remedy: Guo et al. 2017, "On calibration of modern neural networks".
Measured rates: docs/flags.md.
"""

from storage.records import Check, Outcome
from trainer.evaluate.calibration import MINIMUM_ROWS, calibration
from trainer.evaluate.predictions import Predictions

ID = "calibration"
MARGIN = 0.02


def check(test: Predictions, temperature: float | None) -> Check:
    """Hold the calibration error against chance and the margin.

    Args:
        test: Predictions on test.
        temperature: That which fits validation best; None where it was not fitted.
    """
    found = calibration(test)
    if found is None:
        reason = f"{len(test)} test rows are too few to tell: {MINIMUM_ROWS} are needed."
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=MARGIN, n=len(test), reason=reason)
    off = found.plain > found.chance_limit and found.value > MARGIN
    advice = ""
    if off:
        advice = "Do not use the probabilities as they are"
        advice += f": divide the logits by {temperature:.2f} first." if temperature else "."
    return Check(
        id=ID,
        outcome=Outcome.WARN if off else Outcome.PASS,
        value=found.value,
        low=found.interval.low,
        high=found.interval.high,
        limit=MARGIN,
        n=len(test),
        reason=(
            f"The expected calibration error is {found.plain:.4f} on {len(test)} rows; a perfectly "
            f"calibrated model shows {found.by_chance:.4f} by chance and less than "
            f"{found.chance_limit:.4f} in 99 of 100 cases. Chance taken off it is "
            f"{found.value:.4f}; more than {MARGIN:.2f} warns."
        ),
        advice=advice,
    )
