"""Rows as tokens: what is asked, what is learnt, and what is refused before training."""

from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import BadData, BadInput
from storage.records import DataSource, Prompt, Task, TaskKind
from trainer.conversations import Composer, compose, preflight
from trainer.data.schema import Example
from trainer.engines.batches import load_reader

CHAT = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }} {{ m['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}assistant {% endif %}"
)
SOURCE = DataSource(file="rows.jsonl")


def row(text: str, answer: str, **more: object) -> Example:
    return replace(Example(id=text, text=text, label=answer, row=1), **more)  # type: ignore[arg-type]


def composer(
    folder: Path, kind: str = "generation", chat: str = "", template: str = ""
) -> Composer:
    task = Task(name="t", kind=TaskKind(kind), data=SOURCE, chat_template=chat)
    prompt = Prompt(template=template) if template else None
    return compose(task, prompt, load_reader(folder, 64).tokenizer)


def test_a_plain_base_is_asked_by_the_prompt(tiny_llama: Path) -> None:
    made = composer(tiny_llama, template="{text} where")
    (found,) = made.completions([row("parcel late", "courier never")])
    names = made.tokenizer.convert_ids_to_tokens(list(found.tokens))
    assert names == ["<s>", "parcel", "late", "where", "courier", "never", "</s>"]
    assert len(found.answer) == 3


def test_a_pair_is_taken_as_it_stands(tiny_llama: Path) -> None:
    made = composer(tiny_llama)
    assert made.written(row("parcel late", " courier", as_is=True)) == "parcel late"


def test_a_chat_is_written_with_its_template(tiny_llama: Path) -> None:
    made = composer(tiny_llama, chat=CHAT)
    turns = (("system", "order"), ("user", "parcel late"))
    (found,) = made.completions([row("x", "courier", turns=turns)])
    whole = made.tokenizer.decode(list(found.tokens))
    assert whole.count("<s>") == 1
    assert made.tokenizer.decode(list(found.answer)).split() == ["courier", "</s>"]
    assert found.answer[-1] == made.end


def test_shots_are_shown_before(tiny_llama: Path) -> None:
    shown = replace(composer(tiny_llama, template="{text}\n"), shots=(row("lamp", "desk"),))
    assert shown.written(row("chair", "sofa")) == "lamp\ndesk\n\nchair\n"
    chat = replace(composer(tiny_llama, chat=CHAT, template="{text}"), shots=(row("lamp", "desk"),))
    assert chat.written(row("chair", "sofa")) == (
        "<s>user lamp</s>assistant desk</s>user chair</s>assistant "
    )


def test_a_text_is_all_answer(tiny_llama: Path, tiny_bert: Path) -> None:
    (found,) = composer(tiny_llama, "text").completions([row("parcel late", "")])
    assert (found.prompt, len(found.answer)) == ((1,), 3)


def test_a_chat_needs_a_template(tiny_llama: Path) -> None:
    with pytest.raises(BadInput, match=r"no chat template.*`chat_template`"):
        composer(tiny_llama).prompts([row("x", "y", turns=(("user", "x"),))])


def test_a_template_that_ends_turns_otherwise_is_refused(tiny_llama: Path) -> None:
    made = composer(tiny_llama, chat=CHAT.replace("{{ eos_token }}", " lamp "))
    with pytest.raises(BadInput, match=r"ends a turn with 'lamp'.*'</s>'"):
        made.completions([row("x", "y")])


def test_long_rows_are_left_out_and_counted(tiny_llama: Path) -> None:
    made = composer(tiny_llama, template="{text} where")
    rows = [row("lamp", "desk")] * 9 + [row("lamp " * 30, "desk")]
    found = preflight(made, rows, 20, 0.2)
    assert (len(found.kept), found.too_long, found.places) == (9, 1, tuple(range(9)))
    assert "1 of 10 training rows are too long and were left out" in found.notes
    with pytest.raises(BadData, match=r"1 of 10 training rows have more than 20 tokens"):
        preflight(made, rows, 20, 0.05)


def test_an_answer_without_tokens_is_refused(tiny_llama: Path) -> None:
    made = composer(tiny_llama, template="{text}\n")
    with pytest.raises(BadData, match="row 1: the answer has no tokens"):
        preflight(made, [row("lamp", "\t")], 20, 0.2)


def test_a_text_that_begins_twice_is_refused(tiny_llama: Path) -> None:
    made = composer(tiny_llama, chat=CHAT, template="{text}")
    with pytest.raises(BadInput, match="stands twice"):
        preflight(made, [row("<s> lamp", "desk")], 30, 0.2)
