"""Overfitting, O2: whether validation loss rose between the best step and the deployed one.

Measured: the mean over validation examples of D = loss at the deployed step − loss at the best
    step, where each half of the examples uses the best step of the *other* half. A step chosen and
    judged on the same examples looks too good: that fires on 13-15 % of healthy runs.
Formula: halves by a hash of the example id; SE = sd(D)/√n. Warns if mean(D) − 1.645·SE > 0; fails
    if it exceeds limit · mean loss at the best step.
Source: cross-fitting, Chernozhukov et al. 2018, "Double/debiased machine learning".
Measured rates, 10 evaluations, heavy-tailed losses, true rise 0 / 5 / 10 / 20 / 40 %, n = 300:
    warns .07 / .38 / .83 / 1 / 1, fails (limit 5 %) .00 / .04 / .33 / .98 / 1. ("Last above
    lowest" fires on 77 % of healthy runs, "lowest 3 evaluations ago" on 40 %.)
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.records import Check, Outcome
from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.evaluate.intervals import Z_ONE_SIDED

ID = "overfit_upturn"
MINIMUM_ROWS = 30


@dataclass(frozen=True, slots=True)
class _Rise:
    """How much the loss rose: mean difference, its lower bound, and against what."""

    mean: float
    margin: float
    best_loss: float

    @property
    def low(self) -> float:
        return self.mean - self.margin


def check(
    losses: FloatArray,
    steps: IntArray,
    example_ids: Sequence[str],
    deployed_step: int,
    limit: float,
    correct: BoolArray | None = None,
) -> Check:
    """Hold the rise of validation loss after its best step against the limit.

    Args:
        losses: Shape (evaluations, n). The loss of each validation example at each evaluation.
        steps: Shape (evaluations,). The training step of each evaluation.
        example_ids: Shape (n,). Stable names of the examples; they decide the halves.
        deployed_step: The step whose weights are used; one of `steps`.
        limit: The rise that fails, as a share of the loss at the best step.
        correct: Shape (evaluations, n). Whether each example was answered rightly; tells a model
            that grew over-confident from one that grew worse.

    Returns:
        A check whose value is the cross-fitted mean rise in nats, bounded at 95 % one-sided.

    Raises:
        ValueError: The shapes do not fit or the deployed step was never evaluated.
    """
    _refuse_wrong_shapes(losses, steps, example_ids, deployed_step)
    missing = _why_not(losses)
    if missing:
        n = losses.shape[1]
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, n=n, reason=missing)
    best = int(losses.mean(axis=1).argmin())
    deployed = int(np.flatnonzero(steps == deployed_step)[-1])
    if best == deployed:
        return _at_its_best(losses, steps, best, limit)
    rise = _cross_fitted_rise(losses, example_ids, deployed)
    return _judged(losses, steps, rise, best, deployed, limit, correct)


def _refuse_wrong_shapes(
    losses: FloatArray, steps: IntArray, example_ids: Sequence[str], deployed_step: int
) -> None:
    if losses.shape != (len(steps), len(example_ids)):
        raise ValueError(
            f"losses has shape {losses.shape}; {len(steps)} steps and {len(example_ids)} ids were "
            "given"
        )
    if len(steps) and deployed_step not in steps:
        raise ValueError(f"step {deployed_step} was never evaluated; only {steps.tolist()} were")


def _why_not(losses: FloatArray) -> str:
    evaluations, n = losses.shape
    if evaluations < 2:
        return f"Validation was measured {evaluations} times; a rise needs at least 2 evaluations."
    if n < MINIMUM_ROWS:
        return f"Validation has {n} rows; at least {MINIMUM_ROWS} are needed to tell a rise."
    if not np.isfinite(losses).all():
        return "Some validation losses are not finite numbers, so that no rise can be measured."
    return ""


def _halves(example_ids: Sequence[str]) -> BoolArray:
    """Shape (n,). Which half each example is in; by its id, so that no run can choose."""
    digests = [hashlib.sha256(name.encode()).digest()[0] for name in example_ids]
    return np.asarray(np.array(digests) % 2 == 0, np.bool_)


def _cross_fitted_rise(losses: FloatArray, example_ids: Sequence[str], deployed: int) -> _Rise:
    half = _halves(example_ids)
    reference = np.empty(losses.shape[1])
    for judged in (half, ~half):
        chosen_by = ~judged if (~judged).any() else judged
        best = int(losses[:, chosen_by].mean(axis=1).argmin())
        reference[judged] = losses[best, judged]
    rise = losses[deployed] - reference
    error = float(rise.std(ddof=1)) / np.sqrt(len(rise))
    return _Rise(float(rise.mean()), Z_ONE_SIDED * float(error), float(reference.mean()))


def _at_its_best(losses: FloatArray, steps: IntArray, best: int, limit: float) -> Check:
    return Check(
        id=ID,
        outcome=Outcome.PASS,
        value=0.0,
        limit=limit,
        n=losses.shape[1],
        reason=(
            f"The deployed weights are those with the lowest validation loss "
            f"({losses[best].mean():.4f} on {losses.shape[1]} rows): best at step {steps[best]} of "
            f"{steps.max()}."
        ),
    )


def _judged(
    losses: FloatArray,
    steps: IntArray,
    rise: _Rise,
    best: int,
    deployed: int,
    limit: float,
    correct: BoolArray | None,
) -> Check:
    outcome = Outcome.PASS
    if rise.low > 0:
        outcome = Outcome.FAIL if rise.low > limit * rise.best_loss else Outcome.WARN
    measured = (
        f"Validation loss rose from {losses[best].mean():.4f} at step {steps[best]} to "
        f"{losses[deployed].mean():.4f} at the deployed step {steps[deployed]}; judged on examples "
        f"that did not choose the step, by {rise.mean:.4f}, at least {rise.low:.4f} with 95 % "
        f"confidence ({losses.shape[1]} rows). "
    )
    return Check(
        id=ID,
        outcome=outcome,
        value=rise.mean,
        low=rise.low,
        high=rise.mean + rise.margin,
        limit=limit,
        n=losses.shape[1],
        reason=measured + _meaning(outcome, rise, limit, best, deployed, correct),
        advice=_advice(outcome, steps, best, best_is_calibration(best, deployed, correct)),
    )


def best_is_calibration(best: int, deployed: int, correct: BoolArray | None) -> bool:
    """Whether accuracy did not fall while loss rose: too sure of itself, not worse at the task."""
    return correct is not None and bool(correct[deployed].mean() >= correct[best].mean())


def _meaning(
    outcome: Outcome,
    rise: _Rise,
    limit: float,
    best: int,
    deployed: int,
    correct: BoolArray | None,
) -> str:
    allowed = f"{limit * 100:.0f} % of the best loss, {limit * rise.best_loss:.4f}"
    if outcome is Outcome.PASS:
        return f"That is not shown to be a rise at all (limit: {allowed})."
    against = "above" if outcome is Outcome.FAIL else "not shown to be above"
    if best_is_calibration(best, deployed, correct):
        kind = "Calibration overfit: accuracy did not fall, the model only grew too sure of itself"
    else:
        kind = "Task overfit"
    return f"{kind}; the rise is {against} the limit of {allowed}."


def _advice(outcome: Outcome, steps: IntArray, best: int, calibration: bool) -> str:
    if outcome is Outcome.PASS:
        return ""
    where = f"validation loss was lowest at step {steps[best]} of {steps.max()}"
    if calibration:
        return f"Use the weights of the best step or scale the temperature: {where}."
    return f"Fewer epochs or a lower rank: {where}."
