"""Leakage: test texts that are nearly a training text.

Measured: the share of test rows with a training text that has most of its shingles: at least 0.7 of
    runs of three words, or 0.8 of runs of five letters for texts of fewer than eight words.
Formula: Jaccard similarity, exact. Warns above 0 hits. Fails only if the hits are above the limit
    *and* lift the score: accuracy on all rows minus accuracy on the rest, its one-sided 95 % bound
    above half a point. Texts that people write alike are no leak, and a template is not a copy.
Source: near-duplicate removal, Lee et al. 2022, "Deduplicating training data makes language models
    better" (there by MinHash); the rule about the score is ours.
Found in real data: SMS spam 2.7 % of test rows (chain messages), banking10 1.8 %, banking77 3.3 %
    (questions that differ in a word), identity-swapped templates 2.2 %: all warn, none fails
    unless the score gains by it. 10,003 by 3,080 texts take 1.6 s.
"""

from collections.abc import Sequence

from storage.records import Check, Outcome
from trainer.data.near import LONG_LIMIT, SHORT_LIMIT, Near
from trainer.evaluate.arrays import BoolArray
from trainer.evaluate.contamination import inflation
from trainer.evaluate.intervals import Z95, Z_ONE_SIDED

ID = "leakage_near"
MARGIN = 0.005
"""By how much near duplicates may lift accuracy."""


def check(
    near: Near,
    exact: BoolArray,
    correct: BoolArray | None,
    texts: tuple[Sequence[str], Sequence[str]],
    limit: float,
    clean: str = "",
    *,
    quote: bool = True,
) -> Check:
    """Hold the share of near duplicates, and what they do to the score, against the limits.

    Args:
        near: The most similar training text of each of n test texts.
        exact: Shape (n,). Texts that are the same; `leakage_exact` counts those.
        correct: Shape (n,). Whether the model answered each rightly; None where answers are not
            right or wrong: hits are then shown, and fail nothing.
        texts: Test texts, and the training texts.
        limit: The share of test rows from which hits can fail a run.
        clean: What the score is on the rows that were not hit, in words.
        quote: Whether the nearest pair is quoted: a reason is read by everybody.
    """
    rows = len(exact)
    if not rows or not len(texts[1]):
        reason = f"There are {rows} test texts and {len(texts[1])} training texts to compare."
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=limit, n=rows, reason=reason)
    hit = near.hits & ~exact
    share = float(hit.mean())
    lift = inflation(correct, hit) if correct is not None else None
    least = None
    if lift is not None:
        error = (lift.interval.high - lift.value) / Z95
        least = lift.value - Z_ONE_SIDED * error
    lifted = share > limit and least is not None and least > MARGIN
    outcome = Outcome.FAIL if lifted else Outcome.WARN if hit.any() else Outcome.PASS
    return Check(
        id=ID,
        outcome=outcome,
        value=share,
        limit=limit,
        n=rows,
        reason=_reason(near, hit, texts if quote else None, least)
        + (f" {clean}" if clean and hit.any() else ""),
        advice="" if outcome is Outcome.PASS else _advice(lifted),
    )


def _reason(
    near: Near,
    hit: BoolArray,
    texts: tuple[Sequence[str], Sequence[str]] | None,
    least: float | None,
) -> str:
    rows = len(hit)
    if not hit.any():
        return (
            f"No test text of {rows} is nearly a training text (shared shingles below "
            f"{LONG_LIMIT:g}, of short texts below {SHORT_LIMIT:g})."
        )
    place = int((near.similarity * hit).argmax())
    quoted = ""
    if texts is not None:
        pair = _short(texts[0][place]), _short(texts[1][int(near.match[place])])
        quoted = f": {pair[0]!r} and {pair[1]!r}"
    lift = "" if least is None else f" They lift accuracy by at least {100 * least:.2f} points."
    return (
        f"{int(hit.sum())} of {rows} test texts ({hit.mean():.1%}) are nearly a training text, "
        f"{int((hit & near.long).sum())} of them of eight words or more; the nearest "
        f"({near.similarity[place]:.2f} shared){quoted}.{lift}"
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


def _advice(lifted: bool) -> str:
    if lifted:
        return "Rely on the score of the clean rows; take copies out of train and run again."
    return "Look at some pairs: texts that people write alike are fine, copies are not."
