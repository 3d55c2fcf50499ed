"""The saved model, loaded again in a fresh process, must say what the trained one said.

What is approved and shipped is the folder on disk, not the model in memory: a head that was not
saved, a tokenizer that pads on the other side or a base that changed shows only here. The rows go
to the other process as its standard input, numbers come back as JSON.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import InternalError
from trainer.data.schema import Example
from trainer.evaluate.arrays import FloatArray
from trainer.methods.fitting import Author
from trainer.stopping import StopRequest

ROWS = 200
LIMITS = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 2e-2}
"""The largest difference that rounding explains, by dtype."""


class ReloadFailed(InternalError):
    """The saved model cannot be loaded, or says something else than the trained one."""


@dataclass(frozen=True, slots=True)
class Reloading:
    """A fresh process that loads the saved model while this one goes on."""

    process: "subprocess.Popen[str]"

    def fingerprint(self, stop: StopRequest) -> FloatArray:
        """What the saved model says: shape (rows, labels), or (rows, 1) of a model that writes.

        Raises:
            ReloadFailed: The process could not load the model; its output is in the log.
            Cancelled: This process was asked to stop.
        """
        found = _understood(self._answer(stop))
        if self.process.returncode or "numbers" not in found:
            why = found.get("error", {}).get("message", f"exit code {self.process.returncode}")
            raise ReloadFailed(f"the saved model could not be loaded in a fresh process: {why}")
        return np.asarray(found["numbers"], np.float64)

    def _answer(self, stop: StopRequest) -> str:
        while True:
            try:
                return self.process.communicate(timeout=0.5)[0]
            except subprocess.TimeoutExpired:
                stop.raise_if_requested()


@contextmanager
def reloading(run: Path, adapter: Path, rows: Sequence[Example]) -> Iterator[Reloading]:
    """Start the fresh process; it is ended when the block is left."""
    words = [sys.executable, "-P", "-m", "trainer", "reload", str(run), "--adapter", str(adapter)]
    # A file and not a pipe, so that it can be read whenever the other side is ready for it.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as question:
        json.dump({"rows": [asdict(row) for row in rows]}, question)
        question.seek(0)
        process = subprocess.Popen(
            words, stdin=question, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
    try:
        yield Reloading(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _understood(answer: str) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def answer_reload(adapter: Path, question: str) -> dict[str, Any]:
    """The fresh process's side: load the model and score the rows of the question."""
    from trainer.methods.card import read_card
    from trainer.methods.choose import load, load_author

    rows = [
        Example(**row | {"turns": tuple(map(tuple, row["turns"]))})
        for row in json.loads(question)["rows"]
    ]
    if read_card(adapter).writing is not None:
        return {"numbers": token_costs(load_author(adapter), rows).tolist()}
    texts = [row.text for row in rows]
    return {"numbers": load(adapter).probabilities(texts).tolist()}


def token_costs(author: Author, rows: Sequence[Example]) -> FloatArray:
    """Shape (rows, 1). Nats a token of the right answers."""
    found = author.costs(rows)
    return np.asarray(found.nats / found.tokens, np.float64)[:, None]
