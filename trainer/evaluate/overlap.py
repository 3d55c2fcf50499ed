"""How alike two texts are: exactly, by words, by their longest common run of words, by characters.

Every function gives a number from 0 to 1 for one answer and one reference; of several references
the best counts. Words are runs of letters and digits of any script, in lower case.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

ARTICLES = frozenset({"a", "an", "the"})
"""Left out as in SQuAD; other languages keep all their words."""

CHARACTERS, BETA = 6, 2.0
"""Longest character n-gram of chrF, and the weight of recall."""

_WORD = re.compile(r"\w+")


def normal(text: str) -> str:
    """Lower case, without articles and punctuation, single spaces (SQuAD's rule, any script)."""
    return " ".join(_content(text))


def exact_match(answer: str, reference: str) -> float:
    """1 where both are the same after `normal`.

    Source: Rajpurkar et al. 2016, "SQuAD: 100,000+ questions for machine comprehension of text".
    """
    return float(normal(answer) == normal(reference))


def token_f1(answer: str, reference: str) -> float:
    """F1 of the words as bags. Two texts without a word are the same.

    Source: as `exact_match`.
    """
    ours, theirs = _content(answer), _content(reference)
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words.

    Source: Lin 2004, "ROUGE: a package for automatic evaluation of summaries".
    """
    ours, theirs = _words(answer), _words(reference)
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * _longest_common(ours, theirs) / (len(ours) + len(theirs))


def chrf(answer: str, reference: str) -> float:
    """Character n-gram F-score (n = 1 to 6, white space left out, recall twice as heavy).

    Orders for which either text is too short are left out, as sacrebleu does for sentences.
    Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation".
    """
    ours, theirs = ("".join(text.split()) for text in (answer, reference))
    if not ours or not theirs:
        return float(ours == theirs)
    scores = []
    for n in range(1, CHARACTERS + 1):
        mine, gold = _grams(ours, n), _grams(theirs, n)
        if mine and gold:
            shared = sum((mine & gold).values())
            scores.append((shared / mine.total(), shared / gold.total()))
    precision, recall = (sum(column) / len(scores) for column in zip(*scores, strict=True))
    if not precision + recall:
        return 0.0
    return float((1 + BETA**2) * precision * recall / (BETA**2 * precision + recall))


SIMILARITIES: dict[str, Callable[[str, str], float]] = {
    "exact_match": exact_match,
    "token_f1": token_f1,
    "rouge_l": rouge_l,
    "chrf": chrf,
}


def best_of(
    similarity: Callable[[str, str], float], answer: str, references: Sequence[str]
) -> float:
    """The similarity to the reference that is nearest."""
    return max(similarity(answer, reference) for reference in references)


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def _content(text: str) -> list[str]:
    return [word for word in _words(text) if word not in ARTICLES]


def _grams(text: str, n: int) -> "Counter[str]":
    return Counter(text[at : at + n] for at in range(len(text) - n + 1))


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for place, against in enumerate(other, 1):
            above = row[place]
            row[place] = diagonal + 1 if word == against else max(above, row[place - 1])
            diagonal = above
    return row[-1]
