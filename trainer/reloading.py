"""The saved model, loaded again in a fresh process, must say what the trained one said.

What is approved and shipped is the folder on disk, not the model in memory: a head that was not
saved, a tokenizer that pads on the other side or a base that changed shows only here. The texts go
to the other process through its standard input, the probabilities come back as JSON.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import InternalError
from trainer.evaluate.arrays import FloatArray
from trainer.stopping import StopRequest

ROWS = 200
LIMITS = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 2e-2}
"""The largest difference that rounding explains, by dtype."""


class ReloadFailed(InternalError):
    """The saved model cannot be loaded, or says something else than the trained one."""


def reload_probabilities(
    run: Path, adapter: Path, texts: Sequence[str], stop: StopRequest
) -> FloatArray:
    """Probabilities of the saved model from a fresh process, shape (texts, labels).

    Raises:
        ReloadFailed: The process could not load the model; its output is in the log.
        Cancelled: This process was asked to stop.
    """
    words = [sys.executable, "-m", "trainer", "reload", str(run), "--adapter", str(adapter)]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        answer = _answer(process, json.dumps({"texts": list(texts)}), stop)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    found = _understood(answer)
    if process.returncode or "probabilities" not in found:
        why = found.get("error", {}).get("message", f"exit code {process.returncode}")
        raise ReloadFailed(f"the saved model could not be loaded in a fresh process: {why}")
    return np.asarray(found["probabilities"], np.float64)


def _answer(process: "subprocess.Popen[str]", question: str, stop: StopRequest) -> str:
    sent: str | None = question
    while True:
        try:
            return process.communicate(sent, timeout=0.5)[0]
        except subprocess.TimeoutExpired:
            sent = None
            stop.raise_if_requested()


def _understood(answer: str) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def answer_reload(adapter: Path, question: str) -> dict[str, Any]:
    """The fresh process's side: load the model and score the texts of the question."""
    from trainer.methods.choose import load

    texts = json.loads(question)["texts"]
    return {"probabilities": load(adapter).probabilities(texts).tolist()}
