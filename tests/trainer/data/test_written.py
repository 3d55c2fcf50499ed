"""Rows that are answered with more than a label: every form, and what is wrong with one."""

import json
from pathlib import Path
from typing import Any

import pytest

from storage.errors import BadData
from storage.records import DataSource, Split, Task, TaskKind
from trainer.data.dataset import load_dataset
from trainer.data.written import read_written

CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
    ]
}
PAIR = {"prompt": "Q: 1+1\nA:", "completion": " 2"}
TURNS = {"prompt": CHAT["messages"][1:2], "completion": CHAT["messages"][2:]}
ALPACA = {"instruction": "Add.", "input": "1 and 1", "output": "2"}
SEED = {"instruction": "Add.", "instances": [{"input": "1", "output": "1"}, {"output": "0"}]}


def task_of(path: Path, kind: str = "generation", **data: Any) -> Task:
    return Task(name="t", kind=TaskKind(kind), data=DataSource(file=str(path), **data))


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "text", "answer"),
    [
        (CHAT, "system: Be brief.\nuser: Hi", "Hello!"),
        (PAIR, "Q: 1+1\nA:", " 2"),
        (TURNS, "Hi", "Hello!"),
        (ALPACA, "Add.\n\n1 and 1", "2"),
        ({"text": "t", "label": ["a", "b"]}, "t", "a"),
    ],
    ids=["messages", "prompt completion", "turns", "alpaca", "columns"],
)
def test_every_form_is_known_by_its_keys(
    tmp_path: Path, row: dict[str, Any], text: str, answer: str
) -> None:
    path = lines(tmp_path / "rows.jsonl", row)
    (example,) = read_written(path, task_of(path)).examples
    assert (example.text, example.label) == (text, answer)


def test_what_belongs_to_a_form_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    def only(row: object) -> Any:
        return read_written(lines(path, row), task_of(path)).examples[0]

    assert only(CHAT).turns == (("system", "Be brief."), ("user", "Hi"))
    assert only(PAIR).as_is
    assert only({"text": "t", "label": ["a", "b"]}).others == ("b",)
    two = read_written(lines(path, SEED), task_of(path)).examples
    assert [(one.text, one.label) for one in two] == [("Add.\n\n1", "1"), ("Add.", "0")]


def test_tagged_sentences_become_entities(tmp_path: Path) -> None:
    path = tmp_path / "rows.conll"
    path.write_text("Ann\tB-per\nRay\tI-per\nmet\tO\nRome I-loc\nOslo\tB-loc\n\nnobody\tO\n")
    first, second = read_written(path, task_of(path, "extraction")).examples
    assert first.text == "Ann Ray met Rome Oslo"
    assert first.label == "per: Ann Ray\nloc: Rome\nloc: Oslo"
    assert (second.label, second.row) == ("none", 7)


def test_texts_alone_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("one\n\ntwo\n")
    assert [e.text for e in read_written(path, task_of(path, "text")).examples] == ["one", "two"]
    table = tmp_path / "rows.csv"
    table.write_text("text,label\na,1.5\nb,-2\n")
    assert [e.label for e in read_written(table, task_of(table, "regression")).examples] == [
        "1.5",
        "-2",
    ]


@pytest.mark.parametrize(
    ("kind", "rows", "words"),
    [
        ("generation", [CHAT, ALPACA], "row 2: 'messages' is missing.*looks like alpaca"),
        ("generation", [{"messages": []}], "row 1: a list of messages"),
        ("generation", [{"messages": [{"role": "bot", "content": ""}]}], "row 1, message 1"),
        ("generation", [{"messages": CHAT["messages"][:2]}], "must be last"),
        ("generation", [{"messages": CHAT["messages"][2:]}], "nothing before it"),
        ("generation", [ALPACA, ALPACA | {"output": ""}], "row 2, column 'output': there is no"),
        ("generation", [{"text": "a", "label": []}], "an empty list of answers"),
        ("generation", [{"text": "a", "label": {"x": 1}}], "this is a dict"),
        ("generation", [{"text": "a"}], "'label' is missing"),
        ("regression", [{"text": "a", "label": "much"}], "'much' is no number"),
        ("extraction", [{"text": "a", "label": "Rome"}], "as `type: words`"),
        ("extraction", [{"text": "a", "label": [{"type": "x"}]}], "needs a `type` and a `text`"),
        ("generation", [], "has no rows"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(
    tmp_path: Path, kind: str, rows: list[dict[str, Any]], words: str
) -> None:
    path = lines(tmp_path / "rows.jsonl", *rows)
    with pytest.raises(BadData, match=words):
        read_written(path, task_of(path, kind))


def test_one_file_is_divided_without_labels(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "rows.jsonl", *({"text": f"q {n}", "label": f"a {n}"} for n in range(100))
    )
    found = load_dataset(task_of(path))
    assert [len(found.splits[split]) for split in Split] == [70, 10, 20]
    assert found.labels == ()
    assert found.version.splits[0].class_counts == {}
