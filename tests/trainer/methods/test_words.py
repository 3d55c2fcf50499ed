"""Methods that answer with words: asked as they are, shown examples, or tuned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storage.errors import BadInput
from storage.records import Method, Prompt, Split, Task, Training
from trainer.methods import fitting
from trainer.methods.card import read_card
from trainer.methods.choose import fit, load

from .test_methods import accuracy, request_for, texts

WORDS = {"delivery": "parcel", "login": "password", "refund": "money"}


@pytest.fixture(name="asked_task")
def asked_task_fixture(task: Task) -> Task:
    prompt = Prompt(template="{text}\nwhere", words=WORDS)
    return task.model_copy(update={"prompts": {"short": prompt}})


def request_by_words(
    task: Task, method: Method, base: Path, tmp_path: Path, training: Training | None = None
) -> fitting.FitRequest:
    request = request_for(task, method, base, tmp_path, training)
    if not method.is_prompted:
        spec = request.spec.model_copy(update={"scoring": "label_words"})
        request = replace(request, spec=spec)
    return request


@pytest.mark.parametrize("method", [Method.ZERO_SHOT, Method.FEW_SHOT, Method.LORA, Method.FULL])
def test_every_method_of_words_survives_its_folder(
    asked_task: Task, tmp_path: Path, tiny_llama: Path, method: Method
) -> None:
    request = request_by_words(asked_task, method, tiny_llama, tmp_path)
    fitted = fit(request)
    said = fitted.model.probabilities(texts(request.dataset))
    assert np.allclose(said.sum(axis=1), 1)
    folder = tmp_path / "saved"
    folder.mkdir()
    fitted.model.save(folder)
    assert read_card(folder).scoring == "label words"
    again = load(folder).probabilities(texts(request.dataset))
    assert np.abs(again - said).max() < 1e-6
    assert fitted.training["prompt"] == "short"
    assert fitted.rendered[0].prompt.endswith("where")


def test_training_on_words_learns(asked_task: Task, tmp_path: Path, tiny_llama: Path) -> None:
    training = Training(epochs=25, learning_rate=5e-3)
    request = request_by_words(asked_task, Method.LORA, tiny_llama, tmp_path, training)
    fitted = fit(request)
    assert accuracy(fitted, request.dataset) > 0.9
    assert fitted.validation_losses is not None
    assert "unsloth is the default here" in fitted.engine_reason


def test_the_number_of_shots_is_chosen_on_validation_and_told(
    asked_task: Task, tmp_path: Path, tiny_llama: Path
) -> None:
    request = request_by_words(asked_task, Method.FEW_SHOT, tiny_llama, tmp_path)
    fitted = fit(request)
    tried = next(note for note in fitted.notes if "shots tried" in note)
    assert f"{fitted.training['shots']}: " in tried
    assert any("do not fit the base's context" in note for note in fitted.notes)
    assert "shots" in fitted.defaults
    fixed = replace(request, spec=request.spec.model_copy(update={"shots": 3}))
    assert fit(fixed).training["shots"] == 3


def test_shots_come_from_train_and_cover_the_labels(
    asked_task: Task, tmp_path: Path, tiny_llama: Path
) -> None:
    request = request_by_words(asked_task, Method.FEW_SHOT, tiny_llama, tmp_path)
    fitted = fit(replace(request, spec=request.spec.model_copy(update={"shots": 3})))
    folder = tmp_path / "saved"
    folder.mkdir()
    fitted.model.save(folder)
    words = read_card(folder).words
    assert words is not None
    shown = dict(words.shots)
    assert set(shown.values()) == set(request.dataset.labels)
    assert shown.keys() <= set(request.dataset.texts(Split.TRAIN))


def test_an_encoder_cannot_be_asked(asked_task: Task, tmp_path: Path, tiny_bert: Path) -> None:
    with pytest.raises(BadInput, match="cannot write answers"):
        fit(request_by_words(asked_task, Method.ZERO_SHOT, tiny_bert, tmp_path))


def test_four_bits_without_a_gpu_are_refused_with_the_way_out(
    asked_task: Task, tmp_path: Path, tiny_llama: Path
) -> None:
    with pytest.raises(BadInput, match="Use method=lora"):
        fit(request_for(asked_task, Method.QLORA, tiny_llama, tmp_path))
