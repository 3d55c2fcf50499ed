"""Stage after stage: the line is kept, and what was learnt before is asked again."""

from pathlib import Path
from typing import Any

import pytest

from storage.errors import BadInput
from storage.records import (
    EXIT_BAD_INPUT,
    EXIT_DONE,
    BaseRef,
    DataSource,
    Method,
    Outcome,
    Parent,
    Prompt,
    RunSpec,
    Split,
    Task,
    Training,
)
from storage.run_folder import RunFolder, sha256_of
from trainer.data.dataset import load_dataset
from trainer.data.subset import subset_of
from trainer.stages import look_back
from trainer.stopping import StopRequest

from .conftest import WORDS, Made, make_rows, write_jsonl

NOTHING: Any = None
"""In place of a model that must not be asked."""
SAID = {"delivery": "parcel", "login": "password", "refund": "money"}


def stage(
    tmp_path: Path, base: Path, name: str, parent: Made | None = None, **training: float
) -> Made:
    """A run of its own task, by words; the second stage's labels are answered with others."""
    path = write_jsonl(tmp_path / f"{name}.jsonl", make_rows(360, seed=len(name)))
    words = SAID if parent is None else {"delivery": "lamp", "login": "desk", "refund": "chair"}
    prompt = Prompt(template="{text} where", words=words)
    task = Task(name=name, data=DataSource(file=str(path)), prompts={"p": prompt})
    spec = RunSpec(
        task=task,
        method=Method.LORA,
        scoring="label_words",
        base=BaseRef(name="tiny", path=str(base)),
        training=Training.model_validate({"epochs": 12, "learning_rate": 5e-3} | training),
        parent=parent and parent_of(parent),
    )
    folder = RunFolder(tmp_path / "runs" / name)
    folder.create(spec)
    folder.attempt(1).mkdir()
    return Made(folder)


def parent_of(made: Made) -> Parent:
    weights = made.folder.adapter / "adapter_model.safetensors"
    return Parent(
        run_id=made.folder.run_id, folder=str(made.folder.path), adapter_sha256=sha256_of(weights)
    )


@pytest.mark.engine
def test_an_earlier_stage_is_measured_again_and_its_loss_is_flagged(
    tmp_path: Path, tiny_llama: Path
) -> None:
    first = stage(tmp_path, tiny_llama, "one")
    assert first.run().returncode == EXIT_DONE
    second = stage(tmp_path, tiny_llama, "second", first)
    done = second.run()
    assert done.returncode == EXIT_DONE, done.stderr
    summary = second.folder.summary()
    assert summary.lineage == ("one",)
    assert summary.training["rank"] == first.folder.summary().training["rank"]
    again = [m for m in second.folder.metrics() if m.group == "stage:one"]
    assert {m.name for m in again} == {"accuracy", "macro_f1"}
    (now,) = (m.value for m in again if m.name == "accuracy")
    (then,) = (
        m.value
        for m in first.folder.metrics()
        if (m.name, m.split, m.group) == ("accuracy", "test", "")
    )
    assert now is not None
    assert then is not None
    assert then > 0.9
    (check,) = (c for c in second.folder.checks() if c.id == "forgetting_tasks")
    # Too few items for a verdict, and that is said.
    assert check.outcome is Outcome.NOT_RUN
    assert "72 items; 100 are needed" in check.reason

    changed = parent_of(first).model_copy(update={"adapter_sha256": "0" * 64})
    spec = second.folder.spec().model_copy(update={"parent": changed})
    broken = RunFolder(tmp_path / "runs" / "broken")
    broken.create(spec)
    broken.attempt(1).mkdir()
    done = Made(broken).run()
    assert done.returncode == EXIT_BAD_INPUT
    assert "is not what it was" in done.stderr


def test_training_begins_with_the_weights_of_the_run_before(
    tmp_path: Path, tiny_llama: Path
) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    from trainer.engines.transformers import load_causal, take_over

    def adapter(rank: int) -> Any:
        config = LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM")
        return get_peft_model(load_causal(tiny_llama, "cpu"), config)

    first, second = adapter(4), adapter(4)
    with torch.no_grad():
        for name, weight in first.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.01)
    first.save_pretrained(tmp_path)
    take_over(second, tmp_path)
    for (name, one), (_, other) in zip(
        first.named_parameters(), second.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name
    with pytest.raises(BadInput, match=r"(?s)does not fit.*same base and rank"):
        take_over(adapter(8), tmp_path)


def test_what_is_sealed_is_not_measured_again(tmp_path: Path, tiny_llama: Path) -> None:
    first = stage(tmp_path, tiny_llama, "one").folder.spec()
    sealed = first.model_copy(update={"task": first.task.model_copy(update={"sealed": True})})
    hidden = RunFolder(tmp_path / "runs" / "hidden")
    hidden.create(sealed)
    parent = Parent(run_id="hidden", folder=str(hidden.path), adapter_sha256="0" * 64)
    looked = look_back(first.model_copy(update={"parent": parent}), NOTHING, StopRequest())
    assert looked.notes == ("one (hidden) is sealed: not measured again",)
    assert looked.metrics == ()
    assert looked.retention is None


@pytest.mark.engine
def test_a_training_ends_with_its_steps(tmp_path: Path, tiny_llama: Path) -> None:
    made = stage(tmp_path, tiny_llama, "one", max_steps=7)
    assert made.run().returncode == EXIT_DONE
    assert made.folder.summary().steps == 7


def test_subsets_are_nested_and_keep_every_label(task: Task) -> None:
    whole = load_dataset(task)
    small, large = subset_of(whole, 0.1), subset_of(whole, 0.5)
    ids = [{row.id for row in data.splits[Split.TRAIN]} for data in (small, large, whole)]
    assert ids[0] < ids[1] < ids[2]
    assert [len(found) for found in ids] == [27, 126, 252]
    assert {row.label for row in small.splits[Split.TRAIN]} == set(WORDS)
    assert small.splits[Split.TEST] == whole.splits[Split.TEST]
    assert small.version.test_digest == whole.version.test_digest
    assert small.version.split(Split.TRAIN).rows == 27
    assert "27 of 252" in small.version.quality.notes[-1]
    assert subset_of(whole, None) is whole
