"""A run's model as one that stands by itself: the adapter worked into its base, and proven equal.

    python -m trainer merge RUN_DIR FOLDER [--gguf] [--push ORG/NAME]

Merging has gone wrong in other hands (other precision, a head left out, a wrong end-of-text token),
so the merged files are loaded again and must give the logits of adapter and base. What does not is
not left behind.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import BadInput, InternalError
from storage.records import Method
from storage.run_folder import RunFolder
from trainer.engines.batches import load_reader, padded
from trainer.engines.saved import load_learnt
from trainer.engines.transformers import load_base, load_causal
from trainer.evaluate.arrays import FloatArray
from trainer.methods.card import ModelCard, based_on, read_card
from trainer.methods.training import ADAPTATIONS

LIMIT = 1e-3
"""The largest difference of two logits in float32 that rounding explains."""
TEXTS = 8
CONVERTER = "convert_hf_to_gguf.py"
GGUF_TIMEOUT_S = 3600
TOKENIZER = ("tokenizer", "special_tokens", "vocab", "merges", "chat_template")
"""How the names of a tokenizer's files begin."""


class MergeFailed(InternalError):
    """The merged model does not say what adapter and base say."""


def merge(run: RunFolder, target: Path) -> dict[str, Any]:
    """Write a merged model that transformers loads by itself.

    Args:
        run: With evidence and an adapter.
        target: A folder that is not there yet, or is empty.

    Returns:
        `folder`, `rows` and `largest_difference` of the logits.

    Raises:
        BadInput: The run has nothing to merge, or the folder holds something.
        MergeFailed: The merged model says something else.
    """
    card = _mergeable(run, target)
    aside = target.with_name(f".{target.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        texts = _texts(run)
        model = load_learnt(_base(card, run.adapter), run.adapter, ADAPTATIONS[card.method])
        before = _logits(model.eval(), run.adapter, texts)
        merged = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
        merged.save_pretrained(aside)
        _copy_words(run.adapter, aside)
        after = _logits(_again(card, aside).eval(), aside, texts)
        apart = float(np.abs(before - after).max())
        if not apart <= LIMIT:
            raise MergeFailed(
                f"the merged model's logits are up to {apart:.3g} off those of adapter and base "
                f"({LIMIT:g} is fine); nothing was written"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            target.rmdir()
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return {"folder": str(target), "rows": len(texts), "largest_difference": apart}


def to_gguf(folder: Path) -> dict[str, Any]:
    """Convert a merged model by llama.cpp's own script.

    Raises:
        BadInput: The script is not installed, or it refuses the model; says what it said.
    """
    script = shutil.which(CONVERTER)
    if script is None:
        raise BadInput(
            f"GGUF is made by llama.cpp's {CONVERTER}, which is not on the PATH. Install llama.cpp "
            f"and its Python requirements, then run: {CONVERTER} {folder} --outfile "
            f"{folder}/model.gguf. The merged model itself is in {folder}."
        )
    target = folder / "model.gguf"
    done = subprocess.run(
        [script, str(folder), "--outfile", str(target)],
        capture_output=True,
        text=True,
        timeout=GGUF_TIMEOUT_S,
        check=False,
    )
    if done.returncode or not target.is_file():
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
        raise BadInput(f"{CONVERTER} ended with code {done.returncode}: {said[0][:300]}")
    return {"gguf": str(target)}


def push(folder: Path, repository: str) -> dict[str, Any]:
    """Put a merged model on a hub, as a private repository; the token is the environment's.

    Raises:
        BadInput: The hub refuses or cannot be reached.
    """
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        hub = HfApi()
        hub.create_repo(repository, private=True, exist_ok=True)
        done = hub.upload_folder(repo_id=repository, folder_path=folder)
    except (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, httpx.HTTPError) as error:
        raise BadInput(
            f"{repository!r} could not be written ({type(error).__name__}). Check the name, the "
            "network and HF_TOKEN; the merged model is still in its folder."
        ) from error
    return {"pushed": str(done)}


def _mergeable(run: RunFolder, target: Path) -> ModelCard:
    if not run.has_evidence:
        raise BadInput(f"{run.run_id} has no model yet: it did not finish.")
    run.verified_digest()
    card = read_card(run.adapter)
    if card.method not in {Method.LORA, Method.QLORA, Method.FULL}:
        raise BadInput(
            f"{run.run_id} is of method {card.method.value}: there is no adapter to merge. Merge a "
            "run of lora, qlora or full."
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(f"{str(target)!r} holds something already. Name a folder that is not there.")
    return card


def _base(card: ModelCard, adapter: Path) -> Any:
    folder = adapter if card.method is Method.FULL else based_on(card)
    return _again(card, folder)


def _again(card: ModelCard, folder: Path) -> Any:
    """A model of the card's kind from a folder, on the CPU in float32."""
    if card.labels and card.words is None:
        return load_base(folder, card.labels, card.pad_token_id or 0)[0]
    return load_causal(folder, "cpu", "float32")


def _texts(run: RunFolder) -> list[str]:
    import pyarrow.parquet as parquet

    table = parquet.read_table(run.evidence / "predictions.parquet", columns=["text"])
    return [text or " " for text in table.column("text").slice(0, TEXTS).to_pylist()]


def _logits(model: Any, folder: Path, texts: Sequence[str]) -> FloatArray:
    import torch

    reader = load_reader(folder, 64)
    found = []
    with torch.inference_mode():
        for ids in reader.read(texts):
            logits = model(**padded([ids], reader.pad_id, "cpu")).logits
            found.append(logits.double().reshape(-1).numpy())
    return np.concatenate(found)


def _copy_words(adapter: Path, target: Path) -> None:
    """The tokenizer as it was trained with: its end-of-text token and chat template too."""
    for path in adapter.iterdir():
        if path.name.startswith(TOKENIZER):
            shutil.copy2(path, target / path.name)
