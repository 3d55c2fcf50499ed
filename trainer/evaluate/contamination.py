"""What test rows that were learnt from do to a score; and training texts in other tests.

The first needs the run's own predictions. The second needs no text at all: each text is known by
a hash and by a MinHash signature, so that any run can be held against every registered test set.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storage.records import Check, Outcome
from trainer.evaluate.arrays import BoolArray
from trainer.evaluate.intervals import Z95, Interval

SIGNATURE = 64
"""Numbers of a MinHash signature; a similarity is then known with a standard error of 0.06."""

NEAR = 0.85
"""Estimated Jaccard similarity from which two texts count as nearly the same. It is above that of
exact comparisons, because it is estimated: of pairs at a true 0.7, one in 200 seems to have it."""

Hashes = npt.NDArray[np.uint64]
Signatures = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Inflation:
    """Accuracy on all rows minus accuracy on the clean ones, with its 95 % interval."""

    value: float
    interval: Interval
    clean_rows: int


def inflation(correct: BoolArray, hit: BoolArray) -> Inflation | None:
    """How much the rows that were hit lift the score; None where all or none were hit.

    all − clean = s·(m_hit − m_clean) with s the share of hits, so SE = s·√(v_hit/n_hit +
    v_clean/n_clean), each v with half a success and half a failure more, so that it is not 0.

    Args:
        correct: Shape (n,). Whether each row was answered rightly.
        hit: Shape (n,). Whether the model was trained on it, or nearly so.
    """
    hits = int(hit.sum())
    if not 0 < hits < len(hit):
        return None
    share = hits / len(hit)
    value = float(correct.mean() - correct[~hit].mean())
    error = share * float(np.sqrt(sum(_variance(correct[part]) for part in (hit, ~hit))))
    found = Interval(value - Z95 * error, value + Z95 * error, "difference of two shares")
    return Inflation(value, found, len(hit) - hits)


def _variance(correct: BoolArray) -> float:
    n = len(correct)
    share = (float(correct.sum()) + 0.5) / (n + 1)
    return share * (1 - share) / n


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Texts without their words.

    Attributes:
        hashes: Shape (n,). 64 bits of each folded text.
        signatures: Shape (n, 64). The MinHash signature of its shingles.
    """

    hashes: Hashes
    signatures: Signatures

    def __len__(self) -> int:
        return len(self.hashes)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Which rows of a test set are among the texts of one training.

    Attributes:
        exact: Shape (n,). Whether the folded text is the same as a learnt one.
        near: Shape (n,). Whether it is nearly so, by its signature; exact ones included.
        texts: How many texts were learnt from.
    """

    exact: BoolArray
    near: BoolArray
    texts: int


def overlap(learnt: Fingerprints, test: Fingerprints) -> Overlap:
    """Compare every test text with every learnt one.

    Near ones share a band of four numbers, as in locality-sensitive hashing: at a similarity of
    0.85 all sixteen bands miss in fewer than one of a million pairs.
    """
    near = np.zeros(len(test), np.bool_)
    for start in range(0, SIGNATURE, 4):
        near |= _alike_in_band(test.signatures, learnt.signatures, start)
    return Overlap(np.isin(test.hashes, learnt.hashes), near, len(learnt))


def registered_overlap(
    found: Mapping[str, Sequence[Overlap]], unknown: Sequence[str], limit: float
) -> Check:
    """Whether training texts are in the test set of any registered task (O4).

    Measured: for each task, the share of test rows whose folded text, or nearly it, is among the
    texts that the run and the runs it goes on from were trained on. Exact hits above the limit
    fail; any hit warns. Exact hits are counted; near ones are estimated from MinHash signatures.

    Args:
        found: Task to what of its test is among the texts of the run, then of each run that it
            goes on from; empty where the training texts are not known.
        unknown: Registered tasks whose test texts are not known here, because no run of them is.
        limit: The share of exact hits that fails.

    Source: Broder 1997, "On the resemblance and containment of documents"; Lee et al. 2022,
    "Deduplicating training data makes language models better".
    """
    identity = "leakage_registered"
    found = {task: parts for task, parts in found.items() if parts and len(parts[0].exact)}
    if not any(part.texts for parts in found.values() for part in parts):
        reason = "The training texts of this run, or of what it goes on from, are not known here."
        return Check(id=identity, outcome=Outcome.NOT_RUN, limit=limit, reason=reason)
    exact = {task: _any(part.exact for part in parts) for task, parts in found.items()}
    near = {task: _any(p.near for p in parts) & ~exact[task] for task, parts in found.items()}
    shares = {task: (float(exact[task].mean()), float(near[task].mean())) for task in found}
    worst = max(found, key=lambda task: (*shares[task], task))
    outcome = Outcome.PASS
    if shares[worst][0] > limit:
        outcome = Outcome.FAIL
    elif any(map(any, shares.values())):
        outcome = Outcome.WARN
    advice = f"Take those rows out of train before {worst} is measured with this model."
    parts, rows = len(found[worst]), len(exact[worst])
    return Check(
        id=identity,
        outcome=outcome,
        value=shares[worst][0],
        limit=limit,
        n=rows,
        reason=_in_words(len(found), shares[worst], worst, rows, unknown, parts),
        advice="" if outcome is Outcome.PASS else advice,
    )


def _any(masks: Iterable[BoolArray]) -> BoolArray:
    return np.asarray(np.logical_or.reduce(list(masks)), np.bool_)


def _alike_in_band(test: Signatures, train: Signatures, start: int) -> BoolArray:
    """Shape (n,). Whether a train text with the same band has nearly the same signature."""
    hit = np.zeros(len(test), np.bool_)
    if not len(train):
        return hit
    mine, theirs = (np.ascontiguousarray(s[:, start : start + 4]) for s in (test, train))
    keys = mine.view("u8,u8").ravel(), theirs.view("u8,u8").ravel()
    order = np.argsort(keys[1])
    ordered = keys[1][order]
    first, last = (np.searchsorted(ordered, keys[0], side) for side in ("left", "right"))
    for row in np.flatnonzero(last > first):
        others = train[order[first[row] : last[row]][:200]]
        hit[row] = bool(((others == test[row]).mean(axis=1) >= NEAR).any())
    return hit


def _in_words(
    tests: int,
    shares: tuple[float, float],
    worst: str,
    rows: int,
    unknown: Sequence[str],
    parts: int,
) -> str:
    lineage = f" and of {parts - 1} runs it goes on from" if parts > 1 else ""
    others = f" Not compared, for no run of them is known: {', '.join(unknown)}." if unknown else ""
    return (
        f"The training texts of this run{lineage} were held against {tests} registered test "
        f"sets. Most are found in that of {worst}: {shares[0]:.1%} of {rows} rows "
        f"are among them, {shares[1]:.1%} nearly.{others}"
    )
