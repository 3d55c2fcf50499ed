"""Models that write: asked, shown examples or tuned; saved and loaded again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.records import (
    BaseRef,
    DataSource,
    Method,
    Prompt,
    RunSpec,
    Split,
    Task,
    TaskKind,
    Training,
)
from storage.run_folder import RunFolder
from trainer.data.dataset import load_dataset
from trainer.engines.bases import identify
from trainer.engines.objectives import Completion
from trainer.kinds.answers import Answers
from trainer.methods.choose import fit, load_author
from trainer.methods.fitting import Author, BaseFiles, FitRequest
from trainer.methods.written import in_pieces
from trainer.progress import Progress
from trainer.stopping import StopRequest

THINGS = ("lamp", "desk", "chair", "kettle", "shoes", "phone", "book", "bike", "sofa", "clock")


def request_of(
    tmp_path: Path, base: Path, method: Method, kind: str = "generation", **training: Any
) -> FitRequest:
    """The answer is the second of two things, as a text, an entity or a number."""
    path = tmp_path / "rows.jsonl"
    rows = []
    for number in range(200):
        one, other = THINGS[number % 10], THINGS[(number // 10) % 10]
        label: Any = {"regression": number % 10, "extraction": [{"type": "order", "text": other}]}
        rows.append({"text": f"{one} {other}", "label": label.get(kind, other)})
    general = tmp_path / "general.txt"
    general.write_text("".join(f"where is my {thing} order\n" for thing in THINGS))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    prompts = {} if kind == "text" else {"short": Prompt(template="{text} where")}
    data = DataSource(file=str(path), general=str(general))
    task = Task(name="t", kind=TaskKind(kind), data=data, prompts=prompts)
    ref = BaseRef(name="tiny", path=str(base))
    spec = RunSpec(task=task, method=method, base=ref, training=Training(**training))
    folder = RunFolder(tmp_path / "r1")
    folder.create(spec)
    folder.attempt(1).mkdir(exist_ok=True)
    return FitRequest(
        spec=spec,
        dataset=load_dataset(task),
        checkpoints=folder.checkpoints,
        progress=Progress(folder, 1),
        stop=StopRequest(),
        threads=1,
        base=BaseFiles(ref, base, identify(ref, base), 24),
    )


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        (Method.ZERO_SHOT, "extraction"),
        (Method.ZERO_SHOT, "text"),
        (Method.LORA, "generation"),
        (Method.LORA, "regression"),
        (Method.LORA, "text"),
        (Method.FULL, "extraction"),
    ],
)
def test_every_kind_and_method_survives_its_folder(
    tmp_path: Path, tiny_llama: Path, method: Method, kind: str
) -> None:
    training = {} if method is Method.ZERO_SHOT else {"epochs": 1}
    request = request_of(tmp_path, tiny_llama, method, kind, **training)
    fitted = fit(request)
    rows = request.dataset.splits[Split.TEST][:8]
    author = fitted.model
    assert isinstance(author, Author)
    folder = tmp_path / "saved"
    folder.mkdir()
    author.save(folder)
    again = load_author(folder)
    assert np.abs(again.costs(rows).nats - author.costs(rows).nats).max() < 1e-4
    assert again.write(rows) == author.write(rows)
    judged = Answers(request.spec, request.dataset, fitted).score(rows, StopRequest())
    assert len(judged.judged) == 8
    assert fitted.rendered


def test_training_teaches_to_write(tmp_path: Path, tiny_llama: Path) -> None:
    request = request_of(
        tmp_path, tiny_llama, Method.FULL, epochs=30, learning_rate=5e-3, patience=30
    )
    fitted = fit(request)
    kind = Answers(request.spec, request.dataset, fitted)
    scored = kind.score(request.dataset.splits[Split.TEST], StopRequest())
    found = {metric.name: metric for metric in kind.measure({Split.TEST: scored})}
    assert found["exact_match"].value is not None
    assert found["exact_match"].value > 0.8
    assert found["valid_rate"].value == 1
    assert fitted.text_losses is not None
    assert (fitted.text_losses.tuned > fitted.text_losses.base).any()


def test_shots_are_chosen_on_validation(tmp_path: Path, tiny_llama: Path) -> None:
    request = request_of(tmp_path, tiny_llama, Method.FEW_SHOT)
    fitted = fit(request)
    assert "shots tried on validation" in fitted.notes[0]
    folder = tmp_path / "saved"
    folder.mkdir()
    fitted.model.save(folder)
    again = load_author(folder)
    chosen = request.dataset.splits[Split.TEST][:4]
    assert isinstance(fitted.model, Author)
    assert again.write(chosen) == fitted.model.write(chosen)


def test_answers_alone_or_in_a_batch_are_the_same(tmp_path: Path, tiny_llama: Path) -> None:
    request = request_of(tmp_path, tiny_llama, Method.ZERO_SHOT)
    author = fit(request).model
    assert isinstance(author, Author)
    rows = request.dataset.splits[Split.TEST][:9]
    together = author.write(rows)
    assert together.texts == tuple(author.write([row]).texts[0] for row in rows)


def test_a_prompt_that_fills_the_context_is_not_answered_and_wrong(
    tmp_path: Path, tiny_llama: Path
) -> None:
    request = request_of(tmp_path, tiny_llama, Method.ZERO_SHOT)
    author = fit(request).model
    assert isinstance(author, Author)
    row = request.dataset.splits[Split.TEST][0]
    long = replace(row, text="lamp " * 100)
    found = author.write([row, long])
    assert found.texts[1] == ""
    assert not found.finished[1]


def test_long_answers_are_read_in_pieces() -> None:
    row = Completion((1,), tuple(range(10, 35)))
    parts = in_pieces(row, 11)
    assert [len(part.tokens) for part in parts] == [11, 11, 6]
    assert tuple(token for part in parts for token in part.answer) == row.answer
