"""Each method: fits, gives distributions, is saved without a pickle and says the same again."""

from pathlib import Path

import numpy as np
import pytest

from storage.errors import BadData, CorruptFolder
from storage.records import BaseRef, DataSource, Method, RunSpec, Split, Task, Training
from storage.run_folder import RunFolder
from trainer.data.dataset import Dataset, load_dataset
from trainer.engines.bases import identify
from trainer.methods.card import read_card
from trainer.methods.choose import fit, load
from trainer.methods.fitting import BaseFiles, FitRequest, Fitted
from trainer.progress import Progress
from trainer.stopping import StopRequest

CASES = [
    (Method.MAJORITY, None),
    (Method.TFIDF, None),
    (Method.EMBEDDING, "tiny_bert"),
    (Method.EMBEDDING, "tiny_llama"),
    (Method.LORA, "tiny_bert"),
    (Method.LORA, "tiny_llama"),
    (Method.FULL, "tiny_bert"),
    (Method.FULL, "tiny_llama"),
    (Method.FROZEN, "tiny_bert"),
    (Method.FROZEN, "tiny_llama"),
]
IDS = [f"{method.value}-{base}" if base else method.value for method, base in CASES]


def request_for(
    task: Task, method: Method, base: Path | None, tmp_path: Path, training: Training | None = None
) -> FitRequest:
    ref = BaseRef(name="tiny", path=str(base)) if base else None
    spec = RunSpec(task=task, method=method, base=ref, training=training or Training(epochs=2))
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
        base=BaseFiles(ref, base, identify(ref, base), 24) if ref and base else None,
    )


@pytest.fixture(params=CASES, ids=IDS)
def request_of_each(request: pytest.FixtureRequest, task: Task, tmp_path: Path) -> FitRequest:
    method, base = request.param
    folder = request.getfixturevalue(base) if base else None
    return request_for(task, method, folder, tmp_path)


def texts(data: Dataset) -> list[str]:
    return data.texts(Split.TEST)


def accuracy(fitted: Fitted, data: Dataset) -> float:
    found = fitted.model.probabilities(texts(data)).argmax(axis=1)
    return float((found == data.gold(data.splits[Split.TEST])).mean())


def test_every_method_survives_its_folder(request_of_each: FitRequest, tmp_path: Path) -> None:
    data = request_of_each.dataset
    fitted = fit(request_of_each)
    said = fitted.model.probabilities(texts(data))
    assert said.shape == (72, 3)
    assert np.allclose(said.sum(axis=1), 1)
    folder = tmp_path / "saved"
    folder.mkdir()
    fitted.model.save(folder)
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {".safetensors", ".json", ".txt", ".jinja"}
    assert read_card(folder).labels == data.labels
    again = load(folder).probabilities(texts(data))
    assert np.abs(again - said).max() < 1e-6


def test_the_order_and_number_of_texts_do_not_change_what_is_said(
    request_of_each: FitRequest,
) -> None:
    classifier = fit(request_of_each).model
    asked = texts(request_of_each.dataset)
    together = classifier.probabilities(asked)
    turned = classifier.probabilities(asked[::-1])[::-1]
    alone = np.vstack([classifier.probabilities([text]) for text in asked[:5]])
    assert np.abs(together - turned).max() < 1e-5
    assert np.abs(together[:5] - alone).max() < 1e-5


def test_the_majority_says_the_shares_of_the_training_labels(task: Task, tmp_path: Path) -> None:
    request = request_for(task, Method.MAJORITY, None, tmp_path)
    assert fit(request).model.probabilities(["any"]) == pytest.approx(np.full((1, 3), 1 / 3))


@pytest.mark.parametrize("base", ["tiny_bert", "tiny_llama"])
def test_lora_learns_and_keeps_the_step_of_the_lowest_validation_loss(
    task: Task, tmp_path: Path, base: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(base)
    asked = request_for(
        task, Method.LORA, folder, tmp_path, Training(epochs=25, learning_rate=5e-3)
    )
    fitted = fit(asked)
    assert accuracy(fitted, asked.dataset) > 0.9
    losses = fitted.validation_losses
    assert losses is not None
    assert losses.losses.shape == (len(losses.steps), 36)
    assert 8 <= len(losses.steps) <= 10
    means = losses.losses.mean(axis=1)
    assert fitted.best_step == losses.steps[means.argmin()]
    deployed = fitted.model.probabilities(asked.dataset.texts(Split.VALIDATION))
    gold = asked.dataset.gold(asked.dataset.splits[Split.VALIDATION])
    found = -np.log(deployed[np.arange(len(gold)), gold])
    assert found == pytest.approx(losses.losses[means.argmin()], abs=1e-4)


def test_resolved_settings_and_what_was_left_to_us_are_recorded(
    task: Task, tmp_path: Path, tiny_llama: Path
) -> None:
    training = Training(epochs=1, rank=4, learning_rate=1e-3)
    fitted = fit(request_for(task, Method.LORA, tiny_llama, tmp_path, training))
    assert fitted.training["rank"] == 4
    assert fitted.training["max_tokens"] == 24
    assert {"rank", "epochs", "learning_rate"}.isdisjoint(fitted.defaults)
    assert {"max_tokens", "batch_size", "alpha", "patience"} <= set(fitted.defaults)
    assert fitted.trainable_parameters > 0


def test_another_seed_trains_another_head(task: Task, tmp_path: Path, tiny_llama: Path) -> None:
    said = []
    for seed in (1, 2):
        asked = request_for(task, Method.LORA, tiny_llama, tmp_path / str(seed))
        spec = asked.spec.model_copy(update={"seed": seed})
        made = FitRequest(
            spec=spec,
            dataset=asked.dataset,
            checkpoints=asked.checkpoints,
            progress=asked.progress,
            stop=asked.stop,
            threads=1,
            base=asked.base,
        )
        said.append(fit(made).model.probabilities(texts(asked.dataset)))
    assert np.abs(said[0] - said[1]).max() > 1e-4


def test_texts_without_a_word_are_refused_by_tfidf(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    marks = "!?.,;:-+*/"
    rows = "".join(f'"{marks[n % 10]} {marks[n // 10]}",{"ab"[n % 2]}\n' for n in range(100))
    path.write_text("text,label\n" + rows)
    task = Task(name="t", data=DataSource(file=str(path)))
    with pytest.raises(BadData, match="No training text holds a word"):
        fit(request_for(task, Method.TFIDF, None, tmp_path))


def test_a_saved_model_refuses_a_base_whose_weights_changed(
    task: Task, tmp_path: Path, tiny_bert: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for path in tiny_bert.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    fitted = fit(request_for(task, Method.EMBEDDING, base, tmp_path))
    folder = tmp_path / "saved"
    folder.mkdir()
    fitted.model.save(folder)
    weights = base / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    with pytest.raises(CorruptFolder, match="are not those the model was"):
        load(folder)
