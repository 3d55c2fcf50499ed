"""Hallucination, as far as words show it: answers with numbers, names or citations of their own.

Measured: of the answers that do not abstain, the share that has a number, a capitalised name or a
    citation which none of its sources has. Word and pair coverage stand beside it.
Formula: Wilson's one-sided 95 % lower bound of that share; warns above 2 %, fails above 5 %. The
    share that abstains is always said: silence looks well supported.
Source: faithfulness by lexical overlap, Dziri et al. 2022, "On the origin of hallucinations in
    conversational models"; citations as in Gao et al. 2023, "Enabling large language models to
    generate text with citations" (ALCE).
Honest limits: lexical support, not truth. "Not" dropped from a sentence keeps full coverage; an
    honest paraphrase has none. Coverage therefore never decides, and neither should this alone.
Measured rates: docs/flags.md.
"""

from collections.abc import Sequence

import numpy as np

from storage.records import Check, Outcome
from trainer.evaluate.intervals import Z_ONE_SIDED, wilson
from trainer.evaluate.lexical import Answer, Support, support

ID = "lexical_support"
WARN, FAIL = 0.02, 0.05
MINIMUM_ANSWERS = 100


def check(answers: Sequence[Answer] | None, *, quote: bool = True) -> Check:
    """Hold the share of answers that invent something against the limits.

    Args:
        answers: Answers with their sources; None where the task generates no text.
        quote: Whether something that was invented is quoted: a reason is read by everybody.
    """
    if answers is None:
        reason = (
            "There are no answers to hold against sources: the task gives labels, or does not say "
            "that its texts must support their answers (`grounded`)."
        )
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=WARN, reason=reason)
    found = [support(answer) for answer in answers]
    given = [one for one in found if not one.abstains]
    if len(given) < MINIMUM_ANSWERS:
        reason = (
            f"{len(given)} of {len(found)} answers do not abstain; {MINIMUM_ANSWERS} are needed."
        )
        return Check(id=ID, outcome=Outcome.NOT_RUN, limit=WARN, n=len(given), reason=reason)
    invents = sum(one.invents for one in given)
    bounds = wilson(invents, len(given), Z_ONE_SIDED)
    outcome, limit = Outcome.PASS, WARN
    if bounds.low > FAIL:
        outcome, limit = Outcome.FAIL, FAIL
    elif bounds.low > WARN:
        outcome = Outcome.WARN
    return Check(
        id=ID,
        outcome=outcome,
        value=invents / len(given),
        low=bounds.low,
        high=bounds.high,
        limit=limit,
        n=len(given),
        reason=_reason(found, given, invents, bounds.low, quote=quote),
        advice=""
        if outcome is Outcome.PASS
        else "Read those answers beside their sources; answer from retrieved text, or abstain.",
    )


def _reason(
    found: Sequence[Support], given: Sequence[Support], invents: int, low: float, *, quote: bool
) -> str:
    words = [one.words for one in given if one.words is not None]
    example = next((one for one in given if one.invents), None)
    shown = ""
    if example is not None and quote:
        odd = (*example.numbers, *example.names, *example.citations)
        shown = f", such as {odd[0]!r}"
    return (
        f"{invents} of {len(given)} answers ({invents / len(given):.1%}, at least {low:.1%}) have "
        f"a number, name or citation that no source has{shown}; {np.mean(words):.2f} of content "
        f"words are in a source; {len(found) - len(given)} of {len(found)} answers abstain. This "
        "is lexical support, not truth: a dropped 'not' passes, a paraphrase does not."
    )
