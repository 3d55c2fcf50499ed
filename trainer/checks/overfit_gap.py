"""Overfitting, O1: how much better the model is on rows it was trained on.

Measured: g = accuracy on a sample of train − accuracy on validation (of written answers, the
    primary metric where it is a number from 0 to 1).
Formula: SE² = p(1−p)/n of train + the same of validation + 1/n² of the smaller, so that it is not 0
    where nothing was wrong. Warns if g − 1.645·SE > limit. It never fails a run: LoRA on little
    data often knows its rows by heart without harm; validation loss (`overfit_upturn`) decides.
Source: one-sided test of a difference of two shares against a margin.
Measured rate of warning at a true gap of 0 / 3 / 5 / 8 / 10 / 15 points, limit 5 points:
    n = 200: .001 / .012 / .045 / .19 / .42 / .92; n = 1000: 0 / .002 / .042 / .57 / .93 / 1.
    (A bare "gap above 5 points" fires at a true gap of 3 points in 18 % of runs with n = 500.)
"""

import math

import numpy as np

from storage.records import Check, Outcome
from trainer.checks.recipe import Recipe
from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.intervals import Z_ONE_SIDED
from trainer.evaluate.predictions import Predictions

ID = "overfit_gap"
MINIMUM_ROWS = 30


def check(
    train: Predictions, validation: Predictions, limit: float, recipe: Recipe | None = None
) -> Check:
    """Hold the gap between train and validation accuracy against the limit.

    Args:
        train: Predictions on a sample of the training rows, best as large as validation.
        validation: Predictions on the validation rows.
        limit: The gap that is still fine, as a share (0.05 = 5 points).
        recipe: What the run was trained with; None for methods that do not train in steps.
    """
    right = train.correct.astype(np.float64), validation.correct.astype(np.float64)
    return check_values(*right, "accuracy", limit, recipe)


def check_values(
    train: FloatArray, validation: FloatArray, name: str, limit: float, recipe: Recipe | None
) -> Check:
    """The same of any number from 0 to 1 that each row adds to a metric.

    Args:
        train: Shape (n,).
        validation: Shape (m,).
        name: The metric's.
        limit: As above.
        recipe: As above.
    """
    smaller = min(len(train), len(validation))
    if smaller < MINIMUM_ROWS:
        reason = (
            f"Too few rows to tell: {len(train)} of train and {len(validation)} of validation were "
            f"scored, at least {MINIMUM_ROWS} of each are needed."
        )
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, n=smaller, reason=reason)
    gap = float(train.mean() - validation.mean())
    margin = Z_ONE_SIDED * _standard_error(train, validation)
    above = gap - margin > limit
    verdict = "above" if above else "not shown to be above"
    return Check(
        id=ID,
        outcome=Outcome.WARN if above else Outcome.PASS,
        value=gap,
        low=gap - margin,
        high=gap + margin,
        limit=limit,
        n=len(validation),
        reason=(
            f"{name[0].upper()}{name[1:]} is {train.mean():.3f} on {len(train)} rows of train and "
            f"{validation.mean():.3f} on {len(validation)} of validation: a gap of "
            f"{gap * 100:.1f} points, at least {(gap - margin) * 100:.1f} with 95 % confidence, "
            f"{verdict} the limit of {limit * 100:.1f}."
        ),
        advice="Fewer epochs, a lower rank or more training rows." if above else "",
        relaunch=recipe.gentler() if above and recipe else "",
    )


def _standard_error(train: FloatArray, validation: FloatArray) -> float:
    guard = 1 / min(len(train), len(validation)) ** 2
    return math.sqrt(sum(float(part.var()) / len(part) for part in (train, validation)) + guard)
