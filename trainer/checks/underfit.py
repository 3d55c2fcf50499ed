"""Underfitting: whether the model learnt its own training rows better than a constant answer.

Measured: balanced accuracy (mean recall over the labels that occur) on a sample of train. A model
    that always gives the same answer has exactly 1/K, however uneven the labels are; plain accuracy
    would call 97 % good where 97 % of rows have one label.
Formula: SE² = Σ r(1−r)/n over labels / K², with r = (hits + ½)/(n + 1) so that it is not 0. Passes
    if balanced accuracy − 1.645·SE > 1/K + 0.05; else warns.
Source: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution".
Measured: a model that answers at random passes in at most 0.2 % of runs, one with a true balanced
    accuracy of 0.8 is never warned of (n = 200 and 500, K = 2, 5, 10; 2000 runs each).
"""

import numpy as np

from storage.records import Check, Outcome
from trainer.checks.recipe import Recipe
from trainer.evaluate.intervals import Z_ONE_SIDED
from trainer.evaluate.metrics import class_counts
from trainer.evaluate.predictions import Predictions

ID = "underfit"
MINIMUM_ROWS = 30
MARGIN = 0.05
"""How far above a constant answer the model must be."""


def check(train: Predictions, recipe: Recipe | None = None) -> Check:
    """Hold balanced accuracy on train rows against that of a constant answer.

    Args:
        train: Predictions on a sample of the training rows.
        recipe: What the run was trained with; None for methods that do not train in steps.
    """
    counts = class_counts(train.gold, train.predicted, len(train.labels))
    present = counts.gold > 0
    classes = int(present.sum())
    if len(train) < MINIMUM_ROWS or classes < 2:
        reason = (
            f"The train sample has {len(train)} rows with {classes} labels; at least "
            f"{MINIMUM_ROWS} rows and 2 labels are needed."
        )
        return Check(id=ID, outcome=Outcome.NOT_RUN, n=len(train), reason=reason)
    hits, rows = counts.hits[present], counts.gold[present]
    value = float((hits / rows).mean())
    guarded = (hits + 0.5) / (rows + 1)
    margin = Z_ONE_SIDED * float(np.sqrt((guarded * (1 - guarded) / rows).sum())) / classes
    limit = 1 / classes + MARGIN
    learnt = value - margin > limit
    reason = (
        f"Balanced accuracy on {len(train)} rows of train is {value:.3f}, at least "
        f"{max(value - margin, 0):.3f} with 95 % confidence; a constant answer has "
        f"{1 / classes:.3f}, and more than {limit:.3f} is asked."
    )
    return Check(
        id=ID,
        outcome=Outcome.PASS if learnt else Outcome.WARN,
        value=value,
        low=max(value - margin, 0.0),
        high=min(value + margin, 1.0),
        limit=limit,
        n=len(train),
        reason=reason,
        advice="" if learnt else "A higher learning rate, more epochs or a larger base model.",
        relaunch=recipe.harder() if recipe and not learnt else "",
    )
