"""Bases, recipes, batches, checkpoints, and which engine is chosen."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import BadInput
from storage.records import BaseRef, Training
from storage.run_folder import sha256_of
from trainer.engines.bases import identify, locate
from trainer.engines.batches import by_length, epoch_batches, load_reader, padded
from trainer.engines.checkpoints import Checkpoints, Saved
from trainer.engines.choose import choose
from trainer.engines.preflight import unsloth_preflight
from trainer.engines.recipe import is_decoder, learning_rate, resolve

BERT = {"model_type": "bert", "hidden_size": 384, "architectures": ["BertModel"]}
LLAMA = {"model_type": "llama", "hidden_size": 64, "architectures": ["LlamaForCausalLM"]}


# --- bases ---------------------------------------------------------------------------------------


def test_a_base_is_identified_by_the_hash_of_its_weights(tiny_llama: Path) -> None:
    import torch
    from transformers import LlamaForCausalLM

    ref = BaseRef(name="tiny", path=str(tiny_llama))
    found = identify(ref, locate(ref))
    assert found.weights_sha256 == sha256_of(tiny_llama / "model.safetensors")
    assert (found.architecture, found.revision) == ("LlamaForCausalLM", "local")
    model = LlamaForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32)
    assert found.parameters == sum(p.numel() for p in model.parameters())


def test_code_that_a_base_brings_along_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(BadInput, match="code of its own"):
        locate(BaseRef(name="b", path=str(tmp_path)))


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(BadInput, match=r"no \.safetensors"):
        locate(BaseRef(name="b", path=str(tmp_path)))


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_config_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadInput, match=r"config\.json"):
        locate(BaseRef(name="b", path=str(tmp_path)))


def test_a_hub_id_without_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match="nor could the hub be reached"):
        locate(BaseRef(name="b", hub="someone/a-model", revision="0" * 40))


# --- batches -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=400), st.integers(1, 40), st.integers(0, 9)
)
def test_an_epoch_has_every_row_once_whatever_the_lengths(
    lengths: list[int], batch_size: int, seed: int
) -> None:
    batches = epoch_batches(np.array(lengths), batch_size, seed, 0)
    assert sorted(int(row) for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) <= batch_size for batch in batches)
    assert len(batches) == -(-len(lengths) // batch_size)


def test_epochs_differ_and_an_epoch_is_the_same_again() -> None:
    lengths = np.arange(1, 200)
    first, again, second = (epoch_batches(lengths, 8, 1, epoch) for epoch in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_batches_of_equal_length_save_most_of_the_padding() -> None:
    lengths = np.random.default_rng(0).integers(4, 60, 2000)
    work = [lengths[batch].max() * len(batch) for batch in epoch_batches(lengths, 32, 0, 0)]
    assert sum(work) < 1.15 * lengths.sum()


def test_padding_is_on_the_right_and_masked() -> None:
    batch = padded([[5, 6, 7], [8]], pad_id=9, device="cpu")
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_scoring_batches_cover_every_row() -> None:
    rows = [[1] * (place % 7 + 1) for place in range(100)]
    found = np.concatenate(list(by_length(rows, 16)))
    assert sorted(found.tolist()) == list(range(100))


def test_a_base_without_a_padding_token_gets_one(tiny_llama: Path) -> None:
    reader = load_reader(tiny_llama, 8)
    assert reader.pad_id == 2
    assert reader.tokenizer.padding_side == "right"
    assert [len(row) for row in reader.read(["refund " * 50, ""])] == [8, 1]


# --- recipes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "parameters", "rate"),
    [
        (BERT, 22_000_000, 2e-3),
        (BERT | {"hidden_size": 768}, 110_000_000, 1e-3),
        (BERT | {"hidden_size": 1024}, 340_000_000, 5e-4),
        (LLAMA, 260_032, 3e-3),
        (LLAMA | {"hidden_size": 2048}, 1_100_000_000, 4e-4),
        (LLAMA | {"hidden_size": 4096}, 8_000_000_000, 2e-4),
        (LLAMA | {"hidden_size": 8192}, 70_000_000_000, 1e-4),
    ],
)
def test_the_learning_rate_falls_with_the_size(
    config: dict[str, object], parameters: int, rate: float
) -> None:
    assert learning_rate(config, parameters) == rate


def test_what_the_spec_says_is_kept_and_the_rest_is_named_as_default() -> None:
    found = resolve(Training(rank=8, epochs=1.5), LLAMA, 260_032, 96, 3_000)
    assert (found.recipe.rank, found.recipe.epochs) == (8, 1.5)
    assert (found.recipe.max_tokens, found.recipe.batch_size) == (96, 32)
    assert set(found.defaults) == {
        *("learning_rate", "batch_size", "max_tokens", "alpha", "dropout", "patience"),
    }


@pytest.mark.parametrize(
    ("rows", "rank", "alpha", "batch"),
    [
        (120, 16, 32.0, 16),
        (160, 16, 32.0, 32),
        (10_000, 16, 32.0, 32),
        (10_001, 32, 32.0, 32),
        (100_001, 64, 64.0, 32),
    ],
)
def test_defaults_go_by_the_rows_there_are(rows: int, rank: int, alpha: float, batch: int) -> None:
    found = resolve(Training(), LLAMA, 260_032, 96, rows)
    assert (found.recipe.rank, found.recipe.alpha, found.recipe.batch_size) == (rank, alpha, batch)
    assert {"rank", "alpha", "batch_size"} <= set(found.defaults)


def test_decoders_and_encoders_are_told_apart() -> None:
    assert is_decoder(LLAMA)
    assert not is_decoder(BERT)


# --- checkpoints ---------------------------------------------------------------------------------


def saved(step: int) -> Saved:
    import torch

    return Saved(step, {"weights": torch.full((2,), float(step))}, {"seconds": 1.0})


def test_the_newest_whole_checkpoint_is_found_and_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key")
    for step in (5, 10, 15):
        checkpoints.save(saved(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000010", "step-000015"]
    (tmp_path / "step-000015" / "state.json").write_text("{}")
    found = checkpoints.newest()
    assert found is not None
    assert (found.step, found.tensors["weights"].tolist()) == (10, [10.0, 10.0])


def test_a_checkpoint_of_another_spec_does_not_fit(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "one").save(saved(5))
    assert Checkpoints(tmp_path, "another").newest() is None


def test_a_folder_that_was_never_renamed_is_not_a_checkpoint(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key")
    checkpoints.save(saved(5))
    (tmp_path / "step-000005").rename(tmp_path / ".step-000005.77")
    assert checkpoints.newest() is None


# --- which engine --------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "said"), [("auto", "by default"), ("transformers", "as asked")])
def test_heads_are_trained_by_plain_peft(asked: str, said: str) -> None:
    found = choose(asked, LLAMA, "cpu", head=True)  # type: ignore[arg-type]
    assert (found.engine.name, found.fallback) == ("transformers", False)
    assert said in found.reason


@pytest.mark.parametrize(
    ("config", "device", "said"),
    [(LLAMA, "cpu", "needs a CUDA GPU"), (BERT, "cuda", "this one is an encoder")],
)
def test_unsloth_that_cannot_be_used_is_replaced_with_a_stated_reason(
    config: dict[str, object], device: str, said: str
) -> None:
    found = choose("unsloth", config, device, head=True)  # type: ignore[arg-type]
    assert (found.engine.name, found.fallback) == ("transformers", True)
    assert said in found.reason
    assert "unsloth was asked for" in found.reason


def test_what_answers_with_words_uses_unsloth_where_it_can_and_says_where_not() -> None:
    found = choose("auto", LLAMA, "cpu", head=False)
    assert (found.engine.name, found.fallback) == ("transformers", False)
    assert "unsloth is the default here, but it needs a CUDA GPU" in found.reason


def test_the_preflight_says_why_unsloth_is_not_here() -> None:
    from importlib.util import find_spec

    found = unsloth_preflight()
    assert found.reason
    if find_spec("unsloth") is None:
        assert not found.usable
        assert "not installed" in found.reason


def test_a_preflight_that_imports_nothing_answers_in_one_line() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "trainer.engines.preflight"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(done.stdout)) == {"usable", "reason"}
