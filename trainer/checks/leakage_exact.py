"""Leakage: test texts that the model was trained on.

Measured: the share of test rows whose text, case and white space folded, is also a row of train.
Formula: hits / test rows. Fails above the limit, warns above 0: even one is a row that measures
    memory. It is counted, not estimated, so there is no false alarm; what it cannot see are
    paraphrases and what the base model was pre-trained on.
Source: exact-match decontamination, Lee et al. 2022, "Deduplicating training data makes language
    models better".
"""

from collections.abc import Sequence

from storage.records import Check, Outcome
from trainer.data.schema import fold

ID = "leakage_exact"


def check(
    test_texts: Sequence[str], train_texts: Sequence[str], limit: float, kept_out: int
) -> Check:
    """Hold the share of test texts that train also has against the limit.

    Args:
        test_texts: The texts of the test rows.
        train_texts: The texts that the model was in fact trained on, validation included.
        limit: The share of test rows that fails.
        kept_out: How many duplicates were kept out of train when the data was read.
    """
    rows = len(test_texts)
    if not rows or not train_texts:
        reason = f"There are {rows} test rows and {len(train_texts)} train rows to compare."
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, n=rows, reason=reason)
    seen = {fold(text) for text in train_texts}
    hits = sum(fold(text) in seen for text in test_texts)
    share = hits / rows
    outcome = Outcome.FAIL if share > limit else Outcome.WARN if hits else Outcome.PASS
    advice = "Take these rows out of train, or rotate the test set, and run again." if hits else ""
    return Check(
        id=ID,
        outcome=outcome,
        value=share,
        limit=limit,
        n=rows,
        reason=_reason(hits, rows, limit, kept_out),
        advice=advice,
    )


def _reason(hits: int, rows: int, limit: float, kept_out: int) -> str:
    earlier = f"{kept_out} duplicates were kept out of train before training."
    if not hits:
        return f"None of {rows} test texts is among the train texts; {earlier}"
    return (
        f"{hits} of {rows} test texts ({hits / rows:.1%}) are also train texts, case and white "
        f"space aside; the limit is {limit:.1%}. {earlier}"
    )
