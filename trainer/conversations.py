"""A row becomes the tokens that a language model reads before its answer, and those of the answer.

A chat is written with the chat template of the task or of the tokenizer. A base without one is
asked in plain text, by the task's prompt; a row of the form prompt/completion is taken as it is. An
answer is never cut: a row that is too long is left out and counted, many of them are refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storage.errors import BadData, BadInput
from storage.records import TEXT_PLACE, Prompt, Task, TaskKind
from trainer.chat import end_of_text, end_of_turn, first_token
from trainer.data.schema import Example, rows_in_words
from trainer.engines.objectives import Completion

DEFAULTS = {
    TaskKind.GENERATION: f"{TEXT_PLACE}\nAnswer:",
    TaskKind.EXTRACTION: (
        "Write each entity of the text on a line as `type: words`, or `none`.\n\n"
        f"Text: {TEXT_PLACE}\nEntities:\n"
    ),
    TaskKind.REGRESSION: f"Text: {TEXT_PLACE}\nNumber:",
    TaskKind.TEXT: TEXT_PLACE,
}
"""How a task of each kind asks where it brings no prompt."""


@dataclass(frozen=True, slots=True)
class Composer:
    """How rows of a task are written for one base.

    Attributes:
        tokenizer: A fast tokenizer of transformers, with the task's chat template if it brings one.
        shots: Rows that are shown with their answers first.
    """

    kind: TaskKind
    prompt: Prompt
    tokenizer: Any
    shots: tuple[Example, ...] = ()

    @property
    def chat(self) -> bool:
        """Whether there is a chat template, and the kind of task is one that is asked."""
        return bool(self.tokenizer.chat_template) and self.kind is not TaskKind.TEXT

    def written(self, row: Example) -> str:
        """What the model reads before its answer, without the token that begins a text."""
        if self.chat:
            return str(
                self.tokenizer.apply_chat_template(
                    self._turns(row), add_generation_prompt=True, tokenize=False
                )
            )
        if self.kind is TaskKind.TEXT:
            return ""
        parts = [self.prompt.system] * bool(self.prompt.system)
        parts += [self._asked(shot) + self._space(shot) + shot.label for shot in self.shots]
        return "\n\n".join([*parts, self._asked(row)])

    def prompts(self, rows: Sequence[Example]) -> list[list[int]]:
        """The tokens of each row's prompt."""
        start = [] if self.chat else self._start()
        texts = [self.written(row) for row in rows]
        bare = self.tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        return [start + list(ids) for ids in bare]

    def completions(self, rows: Sequence[Example]) -> list[Completion]:
        """Each row's prompt and right answer, its end included."""
        prompts = self.prompts(rows)
        before = [self.written(row) for row in rows]
        whole = [
            text + self._space(row) + (row.text if self.kind is TaskKind.TEXT else row.label)
            for text, row in zip(before, rows, strict=True)
        ]
        encoded = self.tokenizer(whole, add_special_tokens=False)["input_ids"] if rows else []
        start = 0 if self.chat else len(self._start())
        return [
            Completion(tuple(prompt), (*self._rest(prompt[start:], ids, row), self.end))
            for prompt, ids, row in zip(prompts, encoded, rows, strict=True)
        ]

    @property
    def end(self) -> int:
        """The token that ends an answer.

        Raises:
            BadInput: There is none, or the chat template ends a turn with another.
        """
        end = end_of_text(self.tokenizer)
        if self.chat and (found := end_of_turn(self.tokenizer)) != end:
            name = self.tokenizer.convert_ids_to_tokens([found, end])
            raise BadInput(
                f"The chat template ends a turn with {name[0]!r}, but the tokenizer's end-of-text "
                f"token is {name[1]!r}: answers would not end. Set `eos_token` to {name[0]!r} in "
                "tokenizer_config.json, or give the task a `chat_template`."
            )
        return end

    def decode(self, tokens: Sequence[int]) -> str:
        """An answer's tokens as text, its end left out."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()

    def _rest(self, prompt: Sequence[int], whole: Sequence[int], row: Example) -> list[int]:
        if list(whole[: len(prompt)]) == list(prompt):
            return list(whole[len(prompt) :])
        # The prompt's last token melts with the answer's first: both keep their own.
        answer = self._space(row) + row.label
        return list(self.tokenizer(answer, add_special_tokens=False)["input_ids"])

    def _asked(self, row: Example) -> str:
        if row.turns:
            raise BadInput(
                "The rows are chats, and this base's tokenizer has no chat template. Choose an "
                "instruct base, or set `chat_template` in the task."
            )
        return row.text if row.as_is else self.prompt.template.replace(TEXT_PLACE, row.text)

    def _space(self, row: Example) -> str:
        """What stands between a prompt and its answer."""
        apart = not (self.chat or row.as_is or self.kind is TaskKind.TEXT)
        return " " if apart and not self.prompt.template.endswith(("\n", " ")) else ""

    def _turns(self, row: Example) -> list[dict[str, str]]:
        turns = [{"role": "system", "content": self.prompt.system}] * bool(self.prompt.system)
        for shot in self.shots:
            turns += [{"role": role, "content": said} for role, said in self._said(shot)]
            turns.append({"role": "assistant", "content": shot.label})
        return turns + [{"role": role, "content": said} for role, said in self._said(row)]

    def _said(self, row: Example) -> tuple[tuple[str, str], ...]:
        return row.turns or (("user", self._asked(row)),)

    def _start(self) -> list[int]:
        """The token that begins a text; the one that ends texts, where nothing else does."""
        if first := first_token(self.tokenizer):
            return first
        return [end_of_text(self.tokenizer)] if self.kind is TaskKind.TEXT else []


def compose(task: Task, prompt: Prompt | None, tokenizer: Any) -> Composer:
    """How rows of a task are written for a base's tokenizer."""
    if task.chat_template:
        tokenizer.chat_template = task.chat_template
    return Composer(task.kind, prompt or Prompt(template=DEFAULTS[task.kind]), tokenizer)


@dataclass(frozen=True, slots=True)
class Preflight:
    """Training rows, looked at as tokens before anything is trained.

    Attributes:
        kept: The rows that fit.
        places: Shape (kept,). Where they stand among all rows.
        too_long: Rows that are left out, since prompt and answer are longer than the limit.
    """

    kept: tuple[Completion, ...]
    places: tuple[int, ...]
    too_long: int

    @property
    def notes(self) -> tuple[str, ...]:
        rows = len(self.kept) + self.too_long
        tokens = sum(len(row.answer) for row in self.kept)
        found = [f"{len(self.kept)} training rows with {tokens} answer tokens, ends included"]
        if self.too_long:
            found.append(f"{self.too_long} of {rows} training rows are too long and were left out")
        return tuple(found)


def preflight(composer: Composer, rows: Sequence[Example], limit: int, allowed: float) -> Preflight:
    """Look at training rows as tokens.

    Args:
        composer: How they are written.
        rows: The training rows.
        limit: Tokens of prompt and answer together.
        allowed: The share of rows that may be too long.

    Raises:
        BadData: Too many rows are too long, or a row has nothing to learn.
        BadInput: A text begins twice, or an answer has no end.
    """
    found = composer.completions(rows)
    _refuse_two_starts(composer, found, rows)
    bare = [row.row for row, one in zip(rows, found, strict=True) if len(one.answer) < 2]
    if bare:
        raise BadData(f"{rows_in_words(bare)}: the answer has no tokens, so nothing is learnt.")
    places = tuple(place for place, one in enumerate(found) if len(one.tokens) <= limit)
    long = len(found) - len(places)
    if long > allowed * len(found):
        longest = max(len(one.tokens) for one in found)
        odd = [row.row for row, one in zip(rows, found, strict=True) if len(one.tokens) > limit]
        raise BadData(
            f"{long} of {len(found)} training rows have more than {limit} tokens with their "
            f"answer ({rows_in_words(odd)}; the longest has {longest}); a share of {allowed:g} may "
            "be left out (`overlong_limit`). Raise max_tokens, shorten the rows, or choose a base "
            "with a longer context."
        )
    return Preflight(tuple(found[place] for place in places), places, long)


def _refuse_two_starts(
    composer: Composer, found: Sequence[Completion], rows: Sequence[Example]
) -> None:
    first = composer.tokenizer.bos_token_id
    if first is None or first == composer.tokenizer.eos_token_id:
        return
    twice = [row.row for row, one in zip(rows, found, strict=True) if one.tokens.count(first) > 1]
    if twice:
        raise BadInput(
            f"{rows_in_words(twice)}: the token that begins a text "
            f"({composer.tokenizer.bos_token!r}) stands twice. Take it out of the rows or of the "
            "chat template."
        )
