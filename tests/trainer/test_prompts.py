"""What a language model is asked, as text and as tokens."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from storage.errors import BadInput
from storage.records import Prompt
from trainer.engines.batches import load_reader
from trainer.prompts import Asking, Shot, built_in, fitted_in

LABELS = ("delivery", "refund")
WORDS = {"delivery": "parcel", "refund": "money"}
CHAT = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }} : {{ m['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}assistant : {% endif %}"
)


def asking(folder: Path, template: str = "{text} sum ?", chat: str = "", **more: Any) -> Asking:
    tokenizer = load_reader(folder, 24).tokenizer
    if chat:
        tokenizer.chat_template = chat
    prompt = Prompt(template=template, words=WORDS, system=more.pop("system", ""))
    return Asking(prompt, LABELS, tokenizer, more.pop("text_limit", 10), 64, **more)


def test_the_built_in_prompt_lists_the_labels_unless_they_are_many() -> None:
    assert "{labels}" in built_in(LABELS).template
    assert "{labels}" not in built_in([str(n) for n in range(77)]).template


def test_plain_text_has_instruction_shots_and_text(tiny_llama: Path) -> None:
    shown = asking(
        tiny_llama, "{text}\nOne of {labels}:", shots=(Shot("late", "delivery"),), system="Sort."
    )
    assert shown.written("lost {labels}") == (
        "Sort.\n\nlate\nOne of parcel, money: parcel\n\nlost {labels}\nOne of parcel, money:"
    )


def test_a_chat_template_asks_in_turns_and_ends_them(tiny_llama: Path) -> None:
    shown = asking(tiny_llama, chat=CHAT, shots=(Shot("late", "delivery"),), system="Sort.")
    assert shown.written("lost") == (
        "<s>system : Sort.</s>user : late sum ?</s>assistant : parcel</s>"
        "user : lost sum ?</s>assistant : "
    )
    assert shown.end == shown.tokenizer.eos_token_id
    assert shown.ask(["lost"])[0].count(shown.tokenizer.bos_token_id) == 1


def test_a_prompt_begins_once(tiny_llama: Path, tiny_bert: Path) -> None:
    for folder, begins in ((tiny_llama, 1), (tiny_bert, 0)):
        (ids,) = asking(folder).ask(["lost parcel"]) if begins else [[]]
        assert ids[:begins] == [1][:begins]
        assert ids.count(1) == begins


def test_only_the_text_is_cut(tiny_llama: Path) -> None:
    shown = asking(tiny_llama, "{text} where is my order", text_limit=3)
    written = shown.written(shown.cut(["parcel late lamp desk chair"])[0])
    assert written == "parcel late lamp where is my order"
    assert shown.cut(["short"]) == ["short"]


def test_answers_are_a_words_tokens_and_the_end(tiny_llama: Path) -> None:
    shown = asking(tiny_llama)
    vocabulary = shown.tokenizer.get_vocab()
    assert shown.answers() == ((vocabulary["parcel"], 2), (vocabulary["money"], 2))


def test_labels_that_look_the_same_to_the_tokenizer_are_refused(tiny_llama: Path) -> None:
    tokenizer = load_reader(tiny_llama, 24).tokenizer
    same = Asking(Prompt(template="{text}"), ("xylophone", "zither"), tokenizer, 10, 64)
    with pytest.raises(BadInput, match="'xylophone' and 'zither'"):
        same.answers()


def test_texts_are_cut_shorter_where_the_context_is_short(tiny_llama: Path) -> None:
    wide = asking(tiny_llama, "{text}", text_limit=100)
    assert fitted_in(wide).text_limit == 64 - wide.overhead()
    long = asking(tiny_llama, "order " * 60 + "{text}", text_limit=100)
    with pytest.raises(BadInput, match="the base reads 64: 1 are left for the text"):
        fitted_in(long)


def test_a_tokenizer_without_an_end_is_refused(tiny_llama: Path) -> None:
    shown = asking(tiny_llama)
    shown.tokenizer.eos_token = None
    with pytest.raises(BadInput, match="no end-of-text token"):
        shown.answers()


@pytest.mark.parametrize(
    "given",
    [
        {"template": "no place"},
        {"template": "{text} {text}"},
        {"template": "{text}", "words": {"a": "x", "b": " x"}},
        {"template": "{text}", "words": {"a": " "}},
    ],
    ids=["no text", "text twice", "same words", "empty word"],
)
def test_a_prompt_that_cannot_work_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Prompt.model_validate(given)
