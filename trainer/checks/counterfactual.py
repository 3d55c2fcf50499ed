"""Counterfactual substitution, B2: whether answers change when a text is about other people.

Measured on the task's own test texts, for each attribute (gender, names, religion, origin, colour,
    orientation, age, disability; English words, `terms/`): the share of texts whose label changes
    when the words of one group are put for those of another, minus the share that changes when as
    many neutral words are (another name of the same group, another day, "this" for "the"): the
    noise floor. A change counts where the probabilities move by a tenth or more: an undecided
    answer falls by a breath. Beside it the largest change of probabilities (total variation) and,
    for the group with the largest, the mean change of the favourable label's probability.
Formula: paired difference of shares with Bonett and Price's interval (`evaluate.flips`), one-sided
    95 %, Bonferroni over attributes. Fails if the lower bound exceeds `flip_fail`, warns above
    `flip_warn`; passes if the upper bound is below `flip_fail`, else it warns that nothing can be
    told. An attribute with fewer than 30 texts is not looked at, one with fewer than 120 cannot
    pass; where none has enough it is not run. Each distinct text counts once.
Exempt: a label that may depend on the attribute; texts that have it or are given it are left out.
Source: Garg et al. 2019, "Counterfactual fairness in text classification through robustness".
Limits: sees only listed words; a swapped text may read oddly, which the noise floor covers in part.
    "Sighted" is rarer than "blind": a word that training never showed may flip by that alone.
Measured by drawing flips (eight attributes of n texts, noise floors of 0 to 15 %): without an
    effect fails 0 to 0.4 %, warns beyond the limit 0 to 2.3 %. One attribute flips a further 20 %:
    fails 100 % (n = 300, floor up to 1 %; 96 % at a floor of 15 %), 54 % (n = 60); 10 %: 60 %
    (n = 300), 100 % (n = 1,000). A floor of 5 % or more leaves it inconclusive below some 1,000
    texts (97 % at n = 300, 4 % at n = 1,000).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from storage.records import Check, Outcome, Policy
from trainer.checks.substitution import Attribute, Swap, Terms, load_terms, substitute
from trainer.evaluate.arrays import BoolArray, FloatArray
from trainer.evaluate.flips import FlipExcess, flip_excess
from trainer.evaluate.groups import ROWS_PER_GROUP
from trainer.evaluate.intervals import Z95, wilson
from trainer.evaluate.predictions import Predictions

ID = "bias_counterfactual"
TEXTS_PER_ATTRIBUTE = 1000
ENOUGH_TEXTS = 120
MOVED = 0.1
"""Total variation from which a change of label counts: an undecided answer falls by a breath."""

BATCH = 512
EXAMPLES = 50
SEED = 0

Score = Callable[[Sequence[str]], FloatArray]


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """A text whose label changed with the people it is about."""

    attribute: str
    example_id: str
    source: str
    target: str
    original: str
    swapped: str
    predicted: str
    predicted_swapped: str
    total_variation: float


@dataclass(frozen=True, slots=True)
class Probe:
    """The check, and the texts that changed most."""

    check: Check
    examples: tuple[Counterfactual, ...]


@dataclass(frozen=True, slots=True)
class _Measured:
    attribute: str
    swaps: tuple[Swap, ...]
    before: FloatArray
    after: FloatArray
    flipped: BoolArray
    excess: FlipExcess

    @property
    def variation(self) -> FloatArray:
        return np.asarray(np.abs(self.before - self.after).sum(axis=1) / 2, np.float64)


def probe(
    test: Predictions,
    texts: Sequence[str],
    score: Score,
    policy: Policy,
    wanted: Sequence[str],
    between: Callable[[], None] = lambda: None,
) -> Probe:
    """Ask the model about the same texts with other people in them.

    Args:
        test: What it said about each of n test examples.
        texts: Shape (n,).
        score: The fitted model.
        policy: Its limits and exempt labels.
        wanted: Labels whose probability is followed; empty follows the label given first.
        between: Called between batches; may raise to stop.
    """
    found = _swaps(test, texts, load_terms(), policy.counterfactual_exempt)
    if not found:
        reason = (
            f"Fewer than {ROWS_PER_GROUP} of the {len(texts)} test texts hold a word of any "
            "attribute (and a neutral word beside it) that could be swapped."
        )
        check = Check(
            id=ID, outcome=Outcome.NOT_RUN, limit=policy.flip_fail, n=len(texts), reason=reason
        )
        return Probe(check, ())
    asked = [text for swaps in found.values() for s in swaps for text in (s.swapped, s.control)]
    answers = _answers(asked, score, between)
    measured = [_measure(name, swaps, test, answers, len(found)) for name, swaps in found.items()]
    return Probe(_judged(measured, test, policy, wanted), _examples(measured, test, texts))


def _swaps(
    test: Predictions, texts: Sequence[str], terms: Terms, exempt: Sequence[str]
) -> dict[str, tuple[Swap, ...]]:
    """For each attribute with enough texts, at most 1,000 distinct ones, drawn by seed."""
    out = np.isin(np.array(test.labels)[[*test.gold]], exempt)
    out |= np.isin(np.array(test.labels)[[*test.predicted]], exempt)
    places = list({text: place for place, text in enumerate(texts) if not out[place]}.values())
    order = [places[at] for at in np.random.default_rng(SEED).permutation(len(places))]
    found = {a.name: _of_attribute(order, texts, a, terms) for a in terms.attributes}
    return {name: swaps for name, swaps in found.items() if len(swaps) >= ROWS_PER_GROUP}


def _of_attribute(
    order: Sequence[int], texts: Sequence[str], attribute: Attribute, terms: Terms
) -> tuple[Swap, ...]:
    found: list[Swap] = []
    for place in order:
        swap = substitute(place, texts[place], attribute, terms)
        if swap is not None and swap.control:
            found.append(swap)
        if len(found) == TEXTS_PER_ATTRIBUTE:
            break
    return tuple(found)


def _answers(
    asked: Sequence[str], score: Score, between: Callable[[], None]
) -> dict[str, FloatArray]:
    distinct = list(dict.fromkeys(asked))
    found: dict[str, FloatArray] = {}
    for start in range(0, len(distinct), BATCH):
        between()
        batch = distinct[start : start + BATCH]
        found.update(zip(batch, score(batch), strict=True))
    return found


def _measure(
    name: str,
    swaps: tuple[Swap, ...],
    test: Predictions,
    answers: dict[str, FloatArray],
    attributes: int,
) -> _Measured:
    before = test.probabilities[[swap.place for swap in swaps]]
    after = np.stack([answers[swap.swapped] for swap in swaps])
    neutral = np.stack([answers[swap.control] for swap in swaps])
    flipped, by_chance = _flipped(before, after), _flipped(before, neutral)
    excess = flip_excess(flipped, by_chance, attributes)
    return _Measured(name, swaps, before, after, flipped, excess)


def _flipped(before: FloatArray, after: FloatArray) -> BoolArray:
    """Shape (n,). Whether the label changed and the probabilities really moved."""
    moved = np.abs(before - after).sum(axis=1) / 2 >= MOVED
    return np.asarray((before.argmax(axis=1) != after.argmax(axis=1)) & moved, np.bool_)


def _judged(
    measured: Sequence[_Measured], test: Predictions, policy: Policy, wanted: Sequence[str]
) -> Check:
    worst = max(measured, key=lambda found: found.excess.low)
    outcome = _outcome(measured, policy)
    named = [found for found in measured if found.excess.low > policy.flip_warn]
    advice = ""
    if named:
        groups = ", ".join(found.attribute for found in named)
        advice = (
            f"Read the swapped texts in the evidence; add training rows in which {groups} does not "
            "go with a label, or exempt labels that may depend on it (`counterfactual_exempt`)."
        )
    return Check(
        id=ID,
        outcome=outcome,
        value=worst.excess.value,
        low=worst.excess.low,
        high=worst.excess.high,
        limit=policy.flip_fail,
        n=len(worst.swaps),
        reason=f"{_sentence(worst, test, wanted)} {_rest(measured, outcome, policy)}",
        advice=advice,
    )


def _outcome(measured: Sequence[_Measured], policy: Policy) -> Outcome:
    if any(found.excess.low > policy.flip_fail for found in measured):
        return Outcome.FAIL
    if any(found.excess.low > policy.flip_warn for found in measured):
        return Outcome.WARN
    large = [found for found in measured if len(found.swaps) >= ENOUGH_TEXTS]
    if not large:
        return Outcome.NOT_RUN
    sure = all(found.excess.high < policy.flip_fail for found in large)
    return Outcome.PASS if sure else Outcome.WARN


def _sentence(found: _Measured, test: Predictions, wanted: Sequence[str]) -> str:
    n, flips = len(found.swaps), int(found.flipped.sum())
    share = wilson(flips, n)
    return (
        f"With other words of {found.attribute} {flips} of {n} texts get another label "
        f"({flips / n:.3f} [{share.low:.3f}, {share.high:.3f}]), {found.excess.value * 100:+.1f} "
        f"points [{found.excess.low * 100:+.1f}, {found.excess.high * 100:+.1f}] beyond a neutral "
        f"change; probabilities move by up to {found.variation.max():.2f}."
        f"{_shift(found, test, wanted)}"
    )


def _shift(found: _Measured, test: Predictions, wanted: Sequence[str]) -> str:
    """By how much the followed probability depends on a text being about one group."""
    columns = [test.labels.index(label) for label in wanted if label in test.labels]
    rows = np.arange(len(found.swaps))
    change = found.before - found.after
    followed = (
        change[:, columns].sum(axis=1) if columns else change[rows, found.before.argmax(axis=1)]
    )
    sources = np.array([swap.source for swap in found.swaps])
    parts = {group: followed[sources == group] for group in sorted(set(sources.tolist()))}
    large = {group: part for group, part in parts.items() if len(part) >= ROWS_PER_GROUP}
    if not large:
        return ""
    group = max(large, key=lambda name: abs(large[name].mean()))
    part = large[group]
    half = Z95 * float(part.std(ddof=1)) / len(part) ** 0.5
    what = " or ".join(repr(test.labels[column]) for column in columns) or "the label given"
    return (
        f" Being about {group} changes the probability of {what} by {part.mean():+.3f} "
        f"[{part.mean() - half:+.3f}, {part.mean() + half:+.3f}] (n = {len(part)})."
    )


def _rest(measured: Sequence[_Measured], outcome: Outcome, policy: Policy) -> str:
    beyond = [found.attribute for found in measured if found.excess.low > policy.flip_warn]
    small = [found.attribute for found in measured if len(found.swaps) < ENOUGH_TEXTS]
    parts = [f"Looked at: {', '.join(f'{m.attribute} ({len(m.swaps)})' for m in measured)}."]
    if beyond:
        parts.append(f"Surely beyond {policy.flip_warn:.0%}: {', '.join(beyond)}.")
    elif outcome is Outcome.WARN:
        parts.append(f"Inconclusive: {policy.flip_fail:.0%} cannot be ruled out.")
    if small:
        parts.append(f"Fewer than {ENOUGH_TEXTS} texts, too few for a pass: {', '.join(small)}.")
    return " ".join(parts)


def _examples(
    measured: Sequence[_Measured], test: Predictions, texts: Sequence[str]
) -> tuple[Counterfactual, ...]:
    """The flipped texts whose probabilities moved most."""
    found = [
        Counterfactual(
            attribute=part.attribute,
            example_id=test.ids[swap.place] if test.ids else str(swap.place),
            source=swap.source,
            target=swap.target,
            original=texts[swap.place],
            swapped=swap.swapped,
            predicted=test.labels[int(part.before[at].argmax())],
            predicted_swapped=test.labels[int(part.after[at].argmax())],
            total_variation=float(part.variation[at]),
        )
        for part in measured
        for at, swap in enumerate(part.swaps)
        if part.flipped[at]
    ]
    return tuple(sorted(found, key=lambda example: -example.total_variation)[:EXAMPLES])
