"""The files of a run's evidence: predictions, curves, losses, metrics, checks, summary."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from storage.evidence_tables import (
    ALONG_LOSSES,
    ANSWER_LIMIT,
    COUNTERFACTUALS,
    CURVES,
    FINGERPRINTS,
    PREDICTIONS,
    TEXT_LIMIT,
    VALIDATION_LOSSES,
    write_table,
)
from storage.records import Check, DatasetVersion, EvidenceSummary, Metric, Split
from storage.run_folder import dump_records, write_whole
from trainer.checks.counterfactual import Counterfactual
from trainer.data.dataset import Dataset
from trainer.data.fingerprints import fingerprints
from trainer.data.schema import Example
from trainer.evaluate.arrays import FloatArray
from trainer.evaluate.judged import Judged, as_classes
from trainer.evaluate.outputs import Outputs
from trainer.evaluate.predictions import Predictions
from trainer.methods.fitting import CurvePoint, Rendered, ValidationLosses
from trainer.timing import Latencies

RENDERED = "rendered.json"
"""The first rows as a language model reads them: prompt, answer and tokens of each."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The rows of one split that were scored, and what the model said.

    Attributes:
        losses: Shape (n,). What each right answer cost, in nats (a token, where it is a text); None
            where that is not known.
    """

    rows: tuple[Example, ...]
    judged: Judged
    losses: FloatArray | None = None

    @property
    def predictions(self) -> Predictions:
        """What was said, where it was class probabilities.

        Raises:
            ValueError: It was something else.
        """
        return as_classes([self.judged])[0]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is written down of a run."""

    dataset: Dataset
    scored: Mapping[Split, Scored]
    latencies: Latencies
    curve: Sequence[CurvePoint]
    validation_losses: ValidationLosses | None
    metrics: Sequence[Metric]
    checks: Sequence[Check]
    counterfactuals: Sequence[Counterfactual]
    summary: EvidenceSummary
    environment: Mapping[str, object]
    rendered: Sequence[Rendered] = ()
    losses_along: Mapping[str, ValidationLosses] = field(default_factory=dict)
    learnt_along: Sequence[Dataset] = ()


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """Write every file but the manifest into a staging folder."""
    write_table(folder / PREDICTIONS, _prediction_columns(evidence))
    write_table(folder / CURVES, _curve_columns(evidence.curve))
    write_table(folder / VALIDATION_LOSSES, _loss_columns(evidence.validation_losses))
    if evidence.losses_along:
        write_table(folder / ALONG_LOSSES, _along_columns(evidence.losses_along))
    if evidence.counterfactuals:
        columns = _counterfactual_columns(evidence.counterfactuals)
        write_table(folder / COUNTERFACTUALS, columns)
    write_table(folder / FINGERPRINTS, _fingerprint_columns(evidence))
    write_whole(folder / "metrics.json", dump_records(evidence.metrics))
    write_whole(folder / "checks.json", dump_records(evidence.checks))
    write_whole(folder / "summary.json", evidence.summary.model_dump_json(indent=1))
    version: DatasetVersion = evidence.dataset.version
    write_whole(folder / "dataset.json", version.model_dump_json(indent=1))
    if evidence.rendered:
        rows = [asdict(row) for row in evidence.rendered]
        write_whole(folder / RENDERED, json.dumps(rows, indent=1, ensure_ascii=False))
    environment = json.dumps(evidence.environment, indent=1, ensure_ascii=False)
    write_whole(folder / "environment.json", environment)


def _prediction_columns(evidence: Evidence) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {}
    sensitive = evidence.dataset.sensitive
    for split, scored in evidence.scored.items():
        found = scored.judged
        timed = evidence.latencies.milliseconds.tolist() if split is Split.TEST else []
        part: dict[str, list[object]] = {
            "split": [split.value] * len(found),
            "example_id": [row.id for row in scored.rows],
            "row": [row.row for row in scored.rows],
            "text": [row.text[:TEXT_LIMIT] for row in scored.rows],
            "latency_ms": timed + [None] * (len(found) - len(timed)),
            "groups": [list(zip(sensitive, row.groups, strict=True)) for row in scored.rows],
            "cluster": list(found.clusters) or [None] * len(found),
        }
        part |= _of_classes(scored) if isinstance(found, Predictions) else _of_outputs(scored)
        for name, values in part.items():
            columns.setdefault(name, []).extend(values)
    return columns


def _of_classes(scored: Scored) -> dict[str, list[object]]:
    found, nothing = scored.predictions, [None] * len(scored.rows)
    given = found.answers is None
    chosen = found.probabilities[np.arange(len(found)), found.gold]
    losses = -np.log(np.maximum(chosen, np.finfo(float).tiny))
    return {
        "gold": [row.label for row in scored.rows],
        "predicted": [found.labels[p] if p >= 0 else None for p in found.predicted],
        "probabilities": found.probabilities.tolist() if given else list(nothing),
        "loss": losses.tolist() if given else list(nothing),
        "scores": list(nothing),
    }


def _of_outputs(scored: Scored) -> dict[str, list[object]]:
    found, nothing = scored.judged, [None] * len(scored.rows)
    if not isinstance(found, Outputs):
        raise TypeError("classes have columns of their own")
    names = list(found.columns)
    rows = zip(*(found.columns[name].tolist() for name in names), strict=True)
    return {
        "gold": [row.label[:ANSWER_LIMIT] for row in scored.rows],
        "predicted": [said[:ANSWER_LIMIT] for said in found.written] or list(nothing),
        "probabilities": list(nothing),
        "loss": list(nothing) if scored.losses is None else scored.losses.tolist(),
        "scores": [list(zip(names, values, strict=True)) for values in rows],
    }


def _fingerprint_columns(evidence: Evidence) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {"split": [], "hash": [], "signature": []}
    for split in Split:
        texts = evidence.dataset.texts(split)
        if split is not Split.TEST:
            texts += [text for data in evidence.learnt_along for text in data.texts(split)]
        found = fingerprints(texts)
        columns["split"] += [split.value] * len(texts)
        columns["hash"] += found.hashes.tolist()
        columns["signature"] += [row.astype("<u4").tobytes() for row in found.signatures]
    return columns


def _curve_columns(curve: Sequence[CurvePoint]) -> dict[str, list[object]]:
    names = [column.name for column in fields(CurvePoint)]
    return {name: [getattr(point, name) for point in curve] for name in names}


def _counterfactual_columns(found: Sequence[Counterfactual]) -> dict[str, list[object]]:
    names = [column.name for column in fields(Counterfactual)]
    columns = {name: [getattr(row, name) for row in found] for name in names}
    for name in ("original", "swapped"):
        columns[name] = [text[:TEXT_LIMIT] for text in columns[name]]
    return columns


def _along_columns(found: Mapping[str, ValidationLosses]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"task": []}
    for task, losses in found.items():
        part = _loss_columns(losses)
        columns["task"] += [task] * len(part["step"])
        for name, values in part.items():
            columns.setdefault(name, []).extend(values)
    return columns


def _loss_columns(found: ValidationLosses | None) -> dict[str, list[Any]]:
    if found is None:
        return {"step": [], "example_id": [], "loss": [], "correct": []}
    evaluations = len(found.steps)
    return {
        "step": np.repeat(found.steps, len(found.ids)).tolist(),
        "example_id": list(found.ids) * evaluations,
        "loss": found.losses.ravel().tolist(),
        "correct": found.correct.ravel().tolist(),
    }
