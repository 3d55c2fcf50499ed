"""Likelihoods, answers and suites that somebody measured elsewhere, read from JSON lines."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import BadInput
from trainer.evaluate.forgetting import Retention, TextLosses
from trainer.evaluate.lexical import Answer


def read_text_losses(path: Path) -> TextLosses:
    """JSON lines with `base_nats`, `tuned_nats` and `bytes`, one document a line.

    Raises:
        BadInput: A line is not that, or a number is not above 0; says which line.
    """
    rows = _read_lines(path, ("base_nats", "tuned_nats", "bytes"))
    for number, row in enumerate(rows, 1):
        if not all(isinstance(v, int | float) and math.isfinite(v) and v > 0 for v in row.values()):
            raise BadInput(f"{path.name}, line {number}: {row} has a number that is not above 0.")
    columns = [np.array([row[name] for row in rows], np.float64) for name in rows[0]]
    return TextLosses(*columns)


def read_retention(path: Path) -> Retention:
    """JSON lines with `subtask`, `base_correct` and `tuned_correct`, one item a line.

    Raises:
        BadInput: A line is not that; says which.
    """
    rows = _read_lines(path, ("subtask", "base_correct", "tuned_correct"))
    for number, row in enumerate(rows, 1):
        if row["base_correct"] not in (0, 1) or row["tuned_correct"] not in (0, 1):
            raise BadInput(f"{path.name}, line {number}: `…_correct` must be true or false.")
    return Retention(
        np.array([bool(row["base_correct"]) for row in rows]),
        np.array([bool(row["tuned_correct"]) for row in rows]),
        tuple(str(row["subtask"]) for row in rows),
    )


def _read_lines(path: Path, names: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{str(path)!r} cannot be read as UTF-8 text: {error}.") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.append({name: row[name] for name in names})
        except (ValueError, KeyError, TypeError) as error:
            listed = ", ".join(names)
            raise BadInput(
                f"{path.name}, line {number}: a JSON object with {listed} is expected."
            ) from error
    if not found:
        raise BadInput(f"{path.name} has no lines. Write one JSON object a line.")
    return found


def read_answers(path: Path) -> tuple[Answer, ...]:
    """JSON lines with `answer` and `sources` (an object of id to text).

    Raises:
        BadInput: A line is not that; says which.
    """
    rows = _read_lines(path, ("answer", "sources"))
    for number, row in enumerate(rows, 1):
        if not isinstance(row["answer"], str) or not isinstance(row["sources"], dict):
            raise BadInput(
                f"{path.name}, line {number}: `answer` is a text and `sources` an object of id to "
                "text."
            )
    return tuple(
        Answer(row["answer"], {str(k): str(v) for k, v in row["sources"].items()}) for row in rows
    )
