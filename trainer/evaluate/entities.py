"""Entities in a text, written one a line as `type: words`, and how many were found.

An entity counts as found when its type and its words are right and it occurs in the text as often
as it was named: strict, as spans are compared. One whose words the text does not hold is invented.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "none"
"""What is written for a text without entities."""

Entity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """Entities of one text, counted.

    Attributes:
        hits: Named and right.
        named: Named at all.
        gold: There.
        invented: Named, and not in the text.
        valid: Whether every line could be read.
    """

    hits: int
    named: int
    gold: int
    invented: int
    valid: bool


def written(entities: Sequence[Entity]) -> str:
    """Entities as a model should write them."""
    return "\n".join(f"{kind}: {words}" for kind, words in entities) or NOTHING


def read(answer: str) -> tuple[list[Entity], bool]:
    """The entities of an answer, and whether every line of it could be read."""
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    if [line.casefold() for line in lines] == [NOTHING]:
        return [], True
    pairs = [line.split(":", 1) for line in lines]
    good = [(kind.strip().casefold(), _folded(rest[0])) for kind, *rest in pairs if rest]
    good = [(kind, words) for kind, words in good if kind and words]
    return good, bool(lines) and len(good) == len(lines)


def compare(answer: str, reference: str, text: str) -> Found:
    """Hold an answer against the right one."""
    named, valid = read(answer)
    gold, _ = read(reference)
    shared = sum((Counter(named) & Counter(gold)).values())
    there = _folded(text)
    invented = sum(words not in there for _, words in named)
    return Found(shared, len(named), len(gold), invented, valid)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
