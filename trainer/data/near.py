"""Test texts that are nearly train texts: the share of shingles that two texts have in common.

The shingles of a text are its runs of three words; of a text of fewer than eight words, for which
these are too few, its runs of five letters. Every test text is held against every train text by a
product of sparse indicator matrices, which is exact and, for tens of thousands of rows, faster than
hashing them into buckets first (10,003 by 3,080 texts: under 3 s).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from trainer.data.schema import fold
from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray

LONG_WORDS = 8
LONG_LIMIT = 0.7
SHORT_LIMIT = 0.8
"""Jaccard similarity from which two texts count as nearly the same. Short texts that people write
alike without copying ("where is my card") are common, so they must share more."""

BLOCK = 500
"""Test texts held against all train texts at once."""


@dataclass(frozen=True, slots=True)
class Near:
    """For each of n test texts, the most similar train text.

    Attributes:
        similarity: Shape (n,). Jaccard similarity to it, 0 to 1.
        match: Shape (n,). Its place among the train texts; −1 where no shingle is shared.
        long: Shape (n,). Whether the text has at least eight words.
    """

    similarity: FloatArray
    match: IntArray
    long: BoolArray

    @property
    def hits(self) -> BoolArray:
        """Shape (n,). Whether the text is nearly a train text."""
        return self.similarity >= np.where(self.long, LONG_LIMIT, SHORT_LIMIT)


def nearest(test: Sequence[str], train: Sequence[str]) -> Near:
    """Find the most similar train text of each test text."""
    long = np.array([_is_long(text) for text in test], np.bool_)
    near = Near(np.zeros(len(test)), np.full(len(test), -1, np.int64), long)
    train_long = np.array([_is_long(text) for text in train], np.bool_)
    for kind, shingles in ((True, word_shingles), (False, letter_shingles)):
        places = np.flatnonzero(long == kind)
        others = np.flatnonzero(train_long) if kind else np.arange(len(train))
        if len(places) and len(others):
            found = _join([test[int(i)] for i in places], [train[int(i)] for i in others], shingles)
            near.similarity[places] = found[0]
            near.match[places] = np.where(found[0] > 0, others[found[1]], -1)
    return near


def word_shingles(text: str) -> set[str]:
    """Runs of three words of a folded text; the whole of a shorter one."""
    words = fold(text).split()
    return {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def letter_shingles(text: str) -> set[str]:
    """Runs of five letters of a folded text; the whole of a shorter one."""
    folded = fold(text)
    return {folded[i : i + 5] for i in range(max(1, len(folded) - 4))}


def _is_long(text: str) -> bool:
    return len(fold(text).split()) >= LONG_WORDS


def _join(
    test: Sequence[str], train: Sequence[str], shingles: Callable[[str], set[str]]
) -> tuple[FloatArray, IntArray]:
    """The highest similarity of each test text, and the place of the train text that has it."""
    columns: dict[str, int] = {}
    right = _indicators([shingles(text) for text in train], columns)
    known = len(columns)
    left = _indicators([shingles(text) for text in test], columns)
    sizes, other = np.diff(left.indptr), np.diff(right.indptr)
    best, match = np.zeros(len(test)), np.zeros(len(test), np.int64)
    turned = right.T.tocsr()  # shingles that only test texts have count to their sizes alone
    within = left[:, :known]
    for start in range(0, len(test), BLOCK):
        shared = sparse.coo_array(within[start : start + BLOCK] @ turned)
        rows, columns_found = shared.coords
        union = sizes[start + rows] + other[columns_found] - shared.data
        similarity = shared.data / union
        order = np.lexsort((-columns_found, similarity))  # of equals, the first train row stays
        best[start + rows[order]] = similarity[order]
        match[start + rows[order]] = columns_found[order]
    return best, match


def _indicators(sets: Sequence[set[str]], columns: dict[str, int]) -> sparse.csr_array:
    """Shape (texts, shingles). 1 where a text has a shingle; new shingles get new columns."""
    places = [[columns.setdefault(s, len(columns)) for s in sorted(found)] for found in sets]
    ends = np.cumsum([0, *(len(found) for found in places)])
    flat = np.array([place for found in places for place in found], np.int64)
    ones = np.ones(len(flat), np.int32)
    return sparse.csr_array((ones, flat, ends), shape=(len(sets), len(columns)))
