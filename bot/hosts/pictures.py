"""What a chat shows of a finished run besides words: two plots and its surest mistakes.

    python -m bot.hosts.pictures --home DIR RUN [--against RUN]

A process of its own, because it reads Parquet and draws. It leaves `loss.png`, `confusion.png` and
`told.json` below `pictures/RUN` of the home and prints what is in the last. Everything here is made
of evidence, which never changes, and may be deleted at any time.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from matplotlib.figure import Figure
from pyarrow import parquet

from bot.hosts.answering import answer
from bot.hosts.compare import compare
from storage import openings
from storage.errors import BadInput, CorruptFolder, WrongState
from storage.evidence_tables import CURVES, PREDICTIONS
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Run, TaskKind
from storage.run_folder import RunFolder, write_whole
from trainer.evaluate.arrays import IntArray

MISTAKES = 3
TEXT_SHOWN = 120
LABELS_WITH_COUNTS = 25
"""With more labels, counts would not be readable inside their cells."""
INK, GREY, BLUE, GOLD = "#2b3540", "#7a8791", "#2f86c1", "#c98a1b"


def make(home: Home, ledger: Ledger, run_id: str, against: str = "") -> dict[str, Any]:
    """Draw what there is to draw of a succeeded run.

    Args:
        against: A run that it is held against in `told.json`, such as the one in production.

    Returns:
        `files`: name, title and a description in words of each picture; `split`: where the mistakes
        are from; `mistakes`: `text` (empty where the task's texts are sensitive), `gold`,
        `predicted` and `loss`, the surest first; `against`: the comparison, or why there is none.

    Raises:
        WrongState: The run has left no evidence.
        FileNotFoundError: A part of its evidence is missing.
    """
    run, folder = ledger.run(run_id), home.run(run_id)
    if not folder.has_evidence:
        raise WrongState(f"{run_id} has left no evidence to draw.")
    place = home.pictures(run_id)
    place.mkdir(parents=True, exist_ok=True)
    split = "validation" if openings.is_hidden(ledger, run) else "test"
    found: dict[str, Any] = {"files": [], "split": split, "mistakes": [], "against": None}
    if losses := draw_losses(folder, place / "loss.png"):
        found["files"].append({"name": "loss.png", "title": "Loss by step", "alt": losses})
    if run.spec.task.kind is TaskKind.CLASSIFICATION:
        rows = _rows(folder, split)
        words = draw_confusion(folder.summary().labels, rows, split, place / "confusion.png")
        title = f"Confusion on {split}"
        found["files"].append({"name": "confusion.png", "title": title, "alt": words})
        found["mistakes"] = _surest_mistakes(run, rows)
    if against:
        found["against"] = _held_against(home, ledger, run_id, against)
    write_whole(place / "told.json", json.dumps(found))
    return found


def draw_losses(folder: RunFolder, target: Path) -> str:
    """Train and validation loss by step; returns it in words, empty where nothing was trained."""
    try:
        rows = parquet.read_table(folder.evidence / CURVES).to_pylist()
    except FileNotFoundError:
        return ""
    train = [(row["step"], row["train_loss"]) for row in rows if row["train_loss"] is not None]
    held = [
        (row["step"], row["validation_loss"]) for row in rows if row["validation_loss"] is not None
    ]
    if not train or not held:
        return ""
    figure, axes = _figure(6.4, 3.6)
    axes.plot(*zip(*train, strict=True), color=GREY, linewidth=1, alpha=0.7, label="train")
    axes.plot(*zip(*held, strict=True), color=BLUE, marker="o", markersize=4, label="validation")
    best = folder.summary().best_step
    if best is not None:
        axes.axvline(best, color=GOLD, linestyle=":", label=f"kept: step {best:,}")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(target)
    lowest = min(held, key=lambda point: point[1])
    return (
        f"Train loss went from {train[0][1]:.3f} to {train[-1][1]:.3f} in {train[-1][0]:,} steps; "
        f"validation loss was lowest at step {lowest[0]:,} ({lowest[1]:.3f})."
    )


def draw_confusion(
    labels: Sequence[str], rows: Sequence[Mapping[str, Any]], split: str, target: Path
) -> str:
    """True labels down, answers across, each row shaded by its own total; returns it in words."""
    counts = _counts(labels, rows)
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(9.0, 2.6 + 0.42 * len(labels))
    figure, axes = _figure(size + 0.8, size)
    axes.imshow(counts / totals, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("answered")
    axes.set_ylabel("true")
    if len(labels) <= LABELS_WITH_COUNTS:
        names = [label if len(label) <= 24 else f"{label[:23]}…" for label in labels]
        axes.set_xticks(range(len(labels)), names, rotation=40, ha="right", fontsize=8)
        axes.set_yticks(range(len(labels)), names, fontsize=8)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                ink = "white" if count / totals[row, 0] > 0.55 else INK
                axes.text(
                    column, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=8
                )
    figure.savefig(target)
    wrong = counts - np.diag(np.diag(counts))
    right = f"{int(np.trace(counts)):,} of {len(rows):,} {split} rows are right"
    if not wrong.any():
        return f"{right}."
    row, column = divmod(int(wrong.argmax()), len(labels))
    times = int(wrong[row, column])
    often = "once" if times == 1 else f"{times:,} times"
    mistake = f"{labels[row]} answered as {labels[column]}"
    return f"{right}; the most frequent mistake is {mistake}, {often}."


# --- inside ---------------------------------------------------------------------------------------


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    """An empty plot in inches, in one style."""
    figure = Figure(figsize=(width, height), dpi=144, layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def _rows(folder: RunFolder, split: str) -> list[dict[str, Any]]:
    columns = ["split", "text", "gold", "predicted", "loss"]
    table = parquet.read_table(folder.evidence / PREDICTIONS, columns=columns)
    found: list[dict[str, Any]] = table.filter(pc.equal(table.column("split"), split)).to_pylist()
    return found


def _counts(labels: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> IntArray:
    """Shape (labels, labels). What was answered with no label of the task is left out."""
    places = {label: place for place, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for row in rows:
        if row["predicted"] in places:
            counts[places[row["gold"]], places[row["predicted"]]] += 1
    return counts


def _surest_mistakes(run: Run, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The wrong answers that were given with the least doubt."""
    wrong = [row for row in rows if row["gold"] != row["predicted"]]
    wrong.sort(key=lambda row: row["loss"] if row["loss"] is not None else 0.0, reverse=True)
    hide = run.spec.task.has_sensitive_texts
    return [
        {
            "text": "" if hide else _shortened(row["text"]),
            "gold": row["gold"],
            "predicted": row["predicted"] or "no label",
            "loss": row["loss"],
        }
        for row in wrong[:MISTAKES]
    ]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_SHOWN else f"{line[: TEXT_SHOWN - 1]}…"


def _held_against(home: Home, ledger: Ledger, run_id: str, against: str) -> dict[str, Any]:
    try:
        found = compare(home, ledger, run_id, against)
    except (BadInput, CorruptFolder) as error:
        return {"run": against, "why_not": str(error)}
    kept = {name: found[name] for name in ("metric", "split", "difference", "asked")}
    return {"run": against} | kept


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.hosts.pictures")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--against", default="")
    parser.add_argument("run")
    given = parser.parse_args(words)
    return answer(given.home, lambda home, ledger: make(home, ledger, given.run, given.against))


if __name__ == "__main__":
    sys.exit(main())
