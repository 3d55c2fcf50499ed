"""Leakage: test texts that the training file holds, learnt from or not.

Measured: the share of test rows whose text, case and white space folded, is among the rows that
    the model was trained or selected on; and among those of the files as they were given. By
    default such rows are kept out of train (`overlap = "drop"`), so that the score is not inflated.
Formula: hits / test rows. Learnt from: fails above the limit, warns above 0: even one is a row that
    measures memory. Kept out: warns above the limit, for a split made so carelessly may leak in
    other ways, too. Counted, so there is no false alarm; it does not see paraphrases, nor what the
    base model was pre-trained on.
Source: exact-match decontamination, Lee et al. 2022, "Deduplicating training data makes language
    models better".
"""

from storage.records import Check, Outcome
from trainer.data.contact import Contact

ID = "leakage_exact"


def check(contact: Contact, limit: float, clean: str = "") -> Check:
    """Hold the share of test texts that train has, or had, against the limit.

    Args:
        contact: Which test rows touch what is learnt from.
        limit: The share of test rows that fails.
        clean: What the score is on the rows that were not hit, in words; empty where none was.
    """
    rows = len(contact.learnt)
    if not rows:
        reason = "There are no test rows to compare."
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, reason=reason)
    learnt, given = int(contact.learnt.sum()), int(contact.given.sum())
    share = (learnt or given) / rows
    return Check(
        id=ID,
        outcome=_outcome(learnt, given, rows, limit),
        value=share,
        limit=limit,
        n=rows,
        reason=_reason(learnt, given, rows, limit) + (f" {clean}" if clean else ""),
        advice=_advice(learnt, given, rows, limit),
    )


def _outcome(learnt: int, given: int, rows: int, limit: float) -> Outcome:
    if learnt:
        return Outcome.FAIL if learnt / rows > limit else Outcome.WARN
    return Outcome.WARN if given / rows > limit else Outcome.PASS


def _reason(learnt: int, given: int, rows: int, limit: float) -> str:
    asked = f"the limit is {limit:.1%}."
    if learnt:
        return (
            f"{learnt} of {rows} test texts ({learnt / rows:.1%}) were also trained on, case and "
            f"white space aside; {asked}"
        )
    if given:
        return (
            f"{given} of {rows} test texts ({given / rows:.1%}) also stood in the training files; "
            f"they were kept out before training, so the score is not inflated; {asked}"
        )
    return f"None of {rows} test texts is among the training texts; {asked}"


def _advice(learnt: int, given: int, rows: int, limit: float) -> str:
    if learnt:
        return "Take these rows out of train, or rotate the test set, and run again."
    if given / rows > limit:
        return "Find out how the split was made: what was copied once may leak in other ways."
    return ""
