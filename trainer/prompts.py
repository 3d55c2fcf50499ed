"""A text and a task become the tokens that a language model is asked with, and what it may answer.

The chat template is the tokenizer's own where it has one; a base without one is asked in plain
text. Nothing is cut but the text itself: an instruction or a label that lost its end would be
another task.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from storage.errors import BadInput
from storage.records import LABELS_PLACE, TEXT_PLACE, Prompt
from trainer.chat import end_of_text, end_of_turn, first_token

LISTED_LABELS = 20
"""Up to so many labels the built-in prompt lists them; 77 names leave little room for a text."""

SHORTEST_TEXT = 8


@dataclass(frozen=True, slots=True)
class Shot:
    """An example that is shown with its answer."""

    text: str
    label: str


def built_in(labels: Sequence[str]) -> Prompt:
    """The prompt of a task that brings none."""
    listed = "Choose one of: {labels}.\n\n" if len(labels) <= LISTED_LABELS else ""
    return Prompt(template=f"{listed}Text: {TEXT_PLACE}\nLabel:")


@dataclass(frozen=True, slots=True)
class Asking:
    """A prompt, its shots and the tokenizer that turns both into tokens.

    Attributes:
        tokenizer: A fast tokenizer of transformers.
        text_limit: After how many tokens a text is cut.
        positions: The most tokens that the base reads; prompt and longest answer must fit.
    """

    prompt: Prompt
    labels: tuple[str, ...]
    tokenizer: Any
    text_limit: int
    positions: int
    shots: tuple[Shot, ...] = ()

    @property
    def chat(self) -> bool:
        """Whether the tokenizer brings a chat template."""
        return bool(self.tokenizer.chat_template)

    def ask(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text's prompt, the beginning of an answer expected next."""
        return self._encode([self.written(text) for text in self.cut(texts)])

    def written(self, text: str) -> str:
        """The prompt as the model reads it."""
        filled = [(self._filled(shot.text), self.prompt.word(shot.label)) for shot in self.shots]
        if self.chat:
            turns = [{"role": "system", "content": self.prompt.system}] * bool(self.prompt.system)
            for asked, answer in filled:
                turns.append({"role": "user", "content": asked})
                turns.append({"role": "assistant", "content": answer})
            turns.append({"role": "user", "content": self._filled(text)})
            return str(
                self.tokenizer.apply_chat_template(
                    turns, add_generation_prompt=True, tokenize=False
                )
            )
        parts = [self.prompt.system] * bool(self.prompt.system)
        parts += [f"{asked} {answer}" for asked, answer in filled]
        return "\n\n".join([*parts, self._filled(text)])

    def answers(self) -> tuple[tuple[int, ...], ...]:
        """The tokens of each label's answer, the end of the turn included.

        With it no label wins for being the beginning of another, and the likelihoods are those of
        answers that exclude each other.

        Raises:
            BadInput: The tokenizer names no end, or two labels have the same tokens.
        """
        ended = tuple((*self.answer(self.prompt.word(label)), self.end) for label in self.labels)
        if len(set(ended)) != len(ended):
            raise BadInput(
                "Two labels are written with the same tokens by this base's tokenizer: "
                f"{self._twins(ended)}. Give them other words in the task's prompt (`words`)."
            )
        return ended

    def answer(self, said: str) -> tuple[int, ...]:
        """The tokens of an answer behind a prompt, its end not included."""
        before, space = self.written(""), "" if self.chat else " "
        known, whole = self._encode([before, before + space + said])
        if whole[: len(known)] == known:
            return tuple(whole[len(known) :])
        # The prompt's last token melts with the answer's first: both keep their own, in training
        # as in scoring.
        return tuple(self.tokenizer(space + said, add_special_tokens=False)["input_ids"])

    @property
    def end(self) -> int:
        """The token that ends an answer: end of turn in a chat, end of text elsewhere."""
        return end_of_turn(self.tokenizer) if self.chat else end_of_text(self.tokenizer)

    def cut(self, texts: Sequence[str]) -> list[str]:
        """Each text, without what lies beyond the limit."""
        found = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            truncation=True,
            max_length=self.text_limit,
            return_offsets_mapping=True,
        )["offset_mapping"]
        return [
            text if len(spans) < self.text_limit else text[: spans[-1][1]]
            for text, spans in zip(texts, found, strict=True)
        ]

    def overhead(self) -> int:
        """Tokens of a prompt without its text, with the longest answer."""
        longest = max(len(answer) for answer in self.answers())
        return len(self._encode([self.written("")])[0]) + longest

    def _filled(self, text: str) -> str:
        listed = ", ".join(self.prompt.word(label) for label in self.labels)
        before, _, after = self.prompt.template.partition(TEXT_PLACE)
        return before.replace(LABELS_PLACE, listed) + text + after.replace(LABELS_PLACE, listed)

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens with one BOS where the tokenizer sets one: a chat template brings its own."""
        bare = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        start = [] if self.chat else first_token(self.tokenizer)
        return [start + list(ids) for ids in bare]

    def _twins(self, ended: Sequence[tuple[int, ...]]) -> str:
        seen: dict[tuple[int, ...], str] = {}
        for label, answer in zip(self.labels, ended, strict=True):
            if answer in seen:
                return f"{seen[answer]!r} and {label!r}"
            seen[answer] = label
        return ""


def fitted_in(asking: Asking) -> Asking:
    """The same with the text cut short enough for the base.

    Raises:
        BadInput: The prompt alone fills the base's context.
    """
    room = asking.positions - asking.overhead()
    if room < SHORTEST_TEXT:
        raise BadInput(
            f"The prompt without its text and the longest answer have {asking.overhead()} tokens, "
            f"and the base reads {asking.positions}: {max(room, 0)} are left for the text. Shorten "
            "the prompt, take fewer shots, or choose a base with a longer context."
        )
    return asking if room >= asking.text_limit else replace(asking, text_limit=room)
