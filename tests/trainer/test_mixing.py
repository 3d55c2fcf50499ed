"""Several tasks in one training: rows by weight, one row on each board, no test row learnt."""

import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from storage.evidence_tables import ALONG_LOSSES, VALIDATION_LOSSES
from storage.records import (
    EXIT_BAD_INPUT,
    EXIT_DONE,
    BaseRef,
    DataSource,
    Method,
    Portion,
    Prompt,
    RunSpec,
    SharedTraining,
    Split,
    Task,
    TaskKind,
    Training,
)
from storage.run_folder import RunFolder
from trainer.data.dataset import load_dataset
from trainer.data.mixing import kept_apart, repeated

from .conftest import THINGS, Made, make_rows, write_jsonl

SAID = {"delivery": "parcel", "login": "password", "refund": "money"}


def labelled(tmp_path: Path) -> Task:
    path = write_jsonl(tmp_path / "labels.jsonl", make_rows(240))
    prompt = Prompt(template="{text} where", words=SAID)
    return Task(name="labels", data=DataSource(file=str(path)), prompts={"p": prompt})


def written(tmp_path: Path) -> Task:
    rows = [{"text": f"{THINGS[n % 10]} {n}", "label": THINGS[(n + 1) % 10]} for n in range(120)]
    path = write_jsonl(tmp_path / "texts.jsonl", rows)
    prompt = Prompt(template="{text} order")
    return Task(
        name="texts",
        kind=TaskKind.GENERATION,
        data=DataSource(file=str(path)),
        prompts={"p": prompt},
    )


def made(tmp_path: Path, spec: RunSpec, name: str) -> Made:
    folder = RunFolder(tmp_path / "runs" / name)
    folder.create(spec)
    folder.attempt(1).mkdir()
    return Made(folder)


def primary(run: Made) -> float:
    name = run.folder.spec().task.primary_metric
    (found,) = (
        m.value for m in run.folder.metrics() if (m.name, m.split, m.group) == (name, "test", "")
    )
    assert found is not None
    return found


@pytest.mark.engine
def test_two_tasks_are_learnt_in_one_training_and_each_has_its_evidence(
    tmp_path: Path, tiny_llama: Path
) -> None:
    own, other = labelled(tmp_path), written(tmp_path)
    spec = RunSpec(
        task=own,
        method=Method.LORA,
        base=BaseRef(name="tiny", path=str(tiny_llama)),
        training=Training(epochs=24, learning_rate=5e-3, rank=16, patience=30),
        mix=(Portion(task=other, weight=2.0),),
    )
    first = made(tmp_path, spec, "first")
    shared = SharedTraining(run_id="first", folder=str(first.folder.path))
    asked = spec.model_copy(
        update={"task": other, "mix": (Portion(task=own),), "weight": 2.0, "shared": shared}
    )
    early = made(tmp_path, asked, "early").run()
    assert early.returncode == EXIT_BAD_INPUT
    assert "did not come to an end" in early.stderr

    done = first.run()
    assert done.returncode == EXIT_DONE, done.stderr
    second = made(tmp_path, asked, "second")
    done = second.run()
    assert done.returncode == EXIT_DONE, done.stderr
    assert primary(first) > 0.9
    assert primary(second) > 0.4  # of ten answers
    assert primary(second) > 0.5

    one, two = first.folder.summary(), second.folder.summary()
    assert "by weight: labels 1, texts 2" in " ".join(one.notes)
    assert "trained in first on 2 tasks together" in two.engine_reason
    assert (two.steps, two.best_step, two.training["rank"]) == (one.steps, one.best_step, 16)
    assert one.steps == 24 * np.ceil((168 + 2 * 84) / int(one.training["batch_size"] or 1))
    weights = [run.folder.adapter / "adapter_model.safetensors" for run in (first, second)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    kept = parquet.read_table(first.folder.evidence / ALONG_LOSSES).to_pylist()
    again = parquet.read_table(second.folder.evidence / VALIDATION_LOSSES).to_pylist()
    assert [row["loss"] for row in kept] == [row["loss"] for row in again]


def test_no_test_row_of_one_task_is_learnt_with_another(tmp_path: Path) -> None:
    own = labelled(tmp_path)
    test = load_dataset(own).splits[Split.TEST]
    rows = [{"text": row.text.upper(), "label": "a"} for row in test[:40]]
    rows += [{"text": f"something else {n}", "label": "ab"[n % 2]} for n in range(200)]
    path = write_jsonl(tmp_path / "other.jsonl", rows)
    other = Task(name="other", data=DataSource(file=str(path)))
    given = {"labels": load_dataset(own), "other": load_dataset(other)}
    apart = kept_apart(given)
    held = {row.text.casefold() for row in test}
    learnt = [*apart["other"].splits[Split.TRAIN], *apart["other"].splits[Split.VALIDATION]]
    assert not held & {row.text.casefold() for row in learnt}
    before = sum(len(given["other"].splits[s]) for s in (Split.TRAIN, Split.VALIDATION))
    dropped = before - len(learnt)
    assert dropped > 0
    assert f"{dropped} rows were left out" in apart["other"].version.quality.notes[-1]
    assert apart["other"].version.split(Split.TRAIN).rows == len(apart["other"].splits[Split.TRAIN])


def test_an_epoch_takes_rows_by_weight() -> None:
    first, second, third = repeated([10, 4, 3], [1, 2.5, 1], seed=0)
    assert first.tolist() == list(range(10))
    assert len(second) == 10
    assert np.bincount(second, minlength=4).min() == 2
    assert len(third) == 3
    again = repeated([10, 4, 3], [2, 5, 2], seed=0)[1]
    assert again.tolist() == second.tolist()


def test_a_mix_is_refused_where_it_cannot_be(tmp_path: Path) -> None:
    own, other = labelled(tmp_path), written(tmp_path)
    given = {
        "task": own,
        "method": "lora",
        "base": {"name": "b", "path": "/b"},
        "mix": [{"task": json.loads(other.model_dump_json())}],
    }
    for change, said in (
        ({"method": "tfidf", "base": None}, "by lora, qlora or full, not tfidf"),
        ({"mix": [{"task": own}]}, "named once"),
        ({"subset": 0.5}, "`subset` is of one task"),
    ):
        with pytest.raises(ValueError, match=said):
            RunSpec.model_validate(given | change)
