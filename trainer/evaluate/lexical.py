"""How far the words of an answer are found in its source. Words, not truth.

It sees invented numbers, names and citations. It does not see a "not" that was dropped, and it
takes an honest paraphrase for unsupported: so it sorts answers for people and compares systems.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "may",
        "more",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "she",
        "so",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)
"""English words that carry no content of their own; other languages keep all of theirs."""

_WORD = re.compile(r"[^\W_]+(?:[.,'’-][^\W_]+)*", re.UNICODE)
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+")
_CITATION = re.compile(r"\[([^\[\]]{1,80})\]")
_ABSTAINS = re.compile(
    r"\b(?:i (?:do not|don't) know|cannot (?:answer|be answered|find)|no (?:answer|information))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with the texts it was given to answer from, by their ids."""

    text: str
    sources: dict[str, str]


@dataclass(frozen=True, slots=True)
class Support:
    """What was found about one answer.

    Attributes:
        words: Share of content words that a source has; None without content words.
        pairs: The same of neighbouring words.
        numbers: Numbers that no source has.
        names: Capitalised words inside a sentence that no source has.
        citations: Cited ids that were not given.
        cited: Share of sentences that cite a given source; None without sentences.
        abstains: Whether it says that it does not know.
    """

    words: float | None
    pairs: float | None
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    citations: tuple[str, ...]
    cited: float | None
    abstains: bool

    @property
    def invents(self) -> bool:
        """Whether it has a number, name or citation that no source has."""
        return bool(self.numbers or self.names or self.citations)


def support(answer: Answer) -> Support:
    """Hold an answer against its sources."""
    cited = _CITATION.findall(answer.text)
    text = _CITATION.sub(" ", answer.text)
    source_words = [_words(source) for source in answer.sources.values()]
    known = {word for words in source_words for word in words}
    known_pairs = {pair for words in source_words for pair in _pairs(words)}
    words = _words(text)
    content = [word for word in words if word not in STOP_WORDS]
    sentences = [s for s in _SENTENCE.split(answer.text.strip()) if _words(s)]
    with_source = sum(any(c in answer.sources for c in _CITATION.findall(s)) for s in sentences)
    return Support(
        words=_share(content, known),
        pairs=_share(_pairs(words), known_pairs),
        numbers=_unknown([w for w in words if any(c.isdigit() for c in w)], known),
        names=_unknown(_names(text), known),
        citations=tuple(dict.fromkeys(c for c in cited if c not in answer.sources)),
        cited=with_source / len(sentences) if sentences else None,
        abstains=bool(_ABSTAINS.search(answer.text)),
    )


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    return list(pairwise(words))


def _names(text: str) -> list[str]:
    """Capitalised words that do not begin a sentence, where any word may be."""
    found = []
    for sentence in _SENTENCE.split(text.strip()):
        for word in _WORD.findall(sentence)[1:]:
            if word[0].isupper() and not any(c.isdigit() for c in word) and word != "I":
                found.append(word.casefold())
    return found


def _unknown(words: Sequence[str], known: set[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word not in known))


def _share(
    found: Sequence[object], known: set[object] | set[str] | set[tuple[str, str]]
) -> float | None:
    return sum(item in known for item in found) / len(found) if found else None
