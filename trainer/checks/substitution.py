"""Counterfactual texts: the same text about other people, and the same with a neutral change.

The words are in `terms/`, a file for each attribute. Only whole words are replaced, and a word
keeps its case. All words of the text's group become those of another group, and vice versa.
"""

import re
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

WORD = re.compile(r"[^\W\d_]+")
NEUTRAL = "neutral.toml"

NOT_A_NOUN_PHRASE = frozenset(
    """
    a about after again alone also am an and are as at away back because before but by down for
    from had has he here home i if in into is it later like not now of off on once or out over
    she so than that the then there they this to today together tomorrow too under until up very
    was we well were when where while who will with yesterday you
    """.split()  # noqa: SIM905 (a list of a hundred quoted words cannot be read)
)
"""After these "her" was "him" and "his" was alone: no noun phrase begins with them."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """The words of one attribute.

    Attributes:
        name: Such as "gender".
        groups: Their names.
        rows: Word to its group and to its row: the words that say the same of each group.
        ambiguous: Word to its group, what it becomes before a noun phrase, and elsewhere.
        sources: Groups whose words are looked for.
    """

    name: str
    groups: tuple[str, ...]
    rows: Mapping[str, tuple[int, tuple[str, ...]]]
    ambiguous: Mapping[str, tuple[int, str, str]]
    sources: frozenset[int]

    def group_of(self, word: str) -> int | None:
        """The place of the group that a word is of."""
        found = self.ambiguous.get(word) or self.rows.get(word)
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Swap:
    """A text, the same about another group, and the same with a change that says nothing.

    `control` is empty where the text holds no neutral word.
    """

    place: int
    source: str
    target: str
    swapped: str
    control: str


@dataclass(frozen=True, slots=True)
class Terms:
    """All attributes, and lists of words of which one is as good as another."""

    attributes: tuple[Attribute, ...]
    neutral: Mapping[str, tuple[int, tuple[str, ...]]]


def load_terms() -> Terms:
    """Read the lists that come with the package."""
    folder = files("trainer.checks") / "terms"
    found = [path for path in folder.iterdir() if path.name.endswith(".toml")]
    read = {path.name: tomllib.loads(path.read_text(encoding="utf-8")) for path in found}
    lists = read.pop(NEUTRAL)["lists"]
    neutral: dict[str, tuple[int, tuple[str, ...]]] = {}
    for rank, words in enumerate(lists):
        for word in words:
            neutral.setdefault(word, (rank, tuple(words)))
    attributes = tuple(_attribute(read[name]) for name in sorted(read))
    return Terms(attributes, neutral)


def _attribute(read: Mapping[str, object]) -> Attribute:
    groups: Sequence[str] = read["groups"]  # type: ignore[assignment]
    rows: dict[str, tuple[int, tuple[str, ...]]] = {}
    for row in read["rows"]:  # type: ignore[attr-defined]
        for group, word in enumerate(row):
            rows.setdefault(word, (group, tuple(row)))
    synonyms: Mapping[str, str] = read.get("synonyms", {})  # type: ignore[assignment]
    rows |= {word: rows[same] for word, same in synonyms.items()}
    ambiguous = {
        word: (groups.index(group), phrase, alone)
        for word, group, phrase, alone in read.get("ambiguous", ())  # type: ignore[attr-defined]
    }
    sources: Sequence[str] = read.get("from_groups", groups)  # type: ignore[assignment]
    places = frozenset(groups.index(group) for group in sources)
    return Attribute(str(read["attribute"]), tuple(groups), rows, ambiguous, places)


def substitute(place: int, text: str, attribute: Attribute, terms: Terms) -> Swap | None:
    """The counterfactual of a text, or None where it holds no word of the attribute.

    The group to turn to and the neutral word are drawn by the text, so that they do not depend on
    the order of texts.
    """
    words = list(WORD.finditer(text))
    groups = [attribute.group_of(word[0].lower()) for word in words]
    source = next((group for group in groups if group in attribute.sources), None)
    if source is None:
        return None
    random = np.random.default_rng(zlib.crc32(f"{attribute.name}\n{text}".encode()))
    target = int(random.choice([g for g in range(len(attribute.groups)) if g != source]))
    turned = {source: target, target: source}
    new = {
        at: _partner(text, words, at, attribute, turned[group])
        for at, group in enumerate(groups)
        if group in turned
    }
    control = _control(text, words, len(new), terms, random)
    names = attribute.groups[source], attribute.groups[target]
    return Swap(place, *names, _rewritten(text, words, new), control)


def _partner(
    text: str, words: Sequence[re.Match[str]], at: int, attribute: Attribute, target: int
) -> str:
    word = words[at][0].lower()
    if word in attribute.ambiguous:
        _, before_noun, alone = attribute.ambiguous[word]
        return before_noun if _noun_phrase_follows(text, words, at) else alone
    return attribute.rows[word][1][target]


def _noun_phrase_follows(text: str, words: Sequence[re.Match[str]], at: int) -> bool:
    """Whether the next word comes after nothing but space and can begin a noun phrase."""
    if at + 1 == len(words) or text[words[at].end() : words[at + 1].start()].strip():
        return False
    return words[at + 1][0].lower() not in NOT_A_NOUN_PHRASE


def _control(
    text: str,
    words: Sequence[re.Match[str]],
    count: int,
    terms: Terms,
    random: np.random.Generator,
) -> str:
    """As many neutral words changed as were swapped, if there are so many; names and days first."""
    found = {
        at: terms.neutral[word[0].lower()]
        for at, word in enumerate(words)
        if word[0].lower() in terms.neutral
    }
    chosen = sorted(found, key=lambda at: (found[at][0], at))[:count]
    if not chosen:
        return ""
    new = {}
    for at in chosen:
        others = [word for word in found[at][1] if word != words[at][0].lower()]
        new[at] = str(random.choice(others))
    return _rewritten(text, words, new)


def _rewritten(text: str, words: Sequence[re.Match[str]], new: Mapping[int, str]) -> str:
    parts, end = [], 0
    for at in sorted(new):
        parts += [text[end : words[at].start()], _in_case_of(words[at][0], new[at])]
        end = words[at].end()
    return "".join((*parts, text[end:]))


def _in_case_of(old: str, new: str) -> str:
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() else new
