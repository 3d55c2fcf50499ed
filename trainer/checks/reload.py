"""Reload: whether the saved model, loaded in a fresh process, says what the trained one said.

Measured: the largest difference between two probabilities of the same example and label.
Formula: max |p saved − p reloaded|. Fails above the limit (1e-4 on CPU in float32, 2e-2 in
    bfloat16), and where the shapes differ or a number is not finite: an adapter that cannot be
    loaded again is no result. Nothing is estimated, so there is no false alarm.
Source: floating-point error of the dtype; the limits were measured.
"""

import numpy as np

from storage.records import Check, Outcome
from trainer.evaluate.arrays import FloatArray

ID = "adapter_reload"


def check(saved: FloatArray, reloaded: FloatArray, limit: float) -> Check:
    """Hold the largest difference in probability against the limit.

    Args:
        saved: Shape (n, K). Probabilities from the model as it was trained.
        reloaded: Shape (n, K). Probabilities of the same examples from the reloaded model.
        limit: The largest difference that rounding explains.
    """
    rows = len(saved)
    if not rows:
        reason = "No example was scored twice, so that nothing can be compared."
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, reason=reason)
    if saved.shape != reloaded.shape:
        reason = f"The reloaded model gave {reloaded.shape} probabilities instead of {saved.shape}."
        return _failed(reason, None, limit, rows)
    if not (np.isfinite(saved).all() and np.isfinite(reloaded).all()):
        return _failed("Some probabilities are not finite numbers.", None, limit, rows)
    difference = float(np.abs(np.asarray(saved, np.float64) - reloaded).max())
    measured = f"The largest difference over {rows} rows is {difference:.2g}; {limit:.2g} is fine."
    if difference > limit:
        return _failed(measured, difference, limit, rows)
    return Check(
        id=ID, outcome=Outcome.PASS, value=difference, limit=limit, n=rows, reason=measured
    )


def _failed(reason: str, difference: float | None, limit: float, rows: int) -> Check:
    return Check(
        id=ID,
        outcome=Outcome.FAIL,
        value=difference,
        limit=limit,
        n=rows,
        reason=f"The saved model does not repeat what the trained one said. {reason}",
        advice="Do not use this adapter: compare base revision, tokenizer and dtype; run again.",
    )
