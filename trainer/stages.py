"""Stage after stage: a run that goes on from another is asked again what the others had learnt.

After each stage every earlier stage's test is measured again with the new weights, asked as that
stage asked. What changed is told by pairs of rows: the stage × task matrix, and `forgetting_tasks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import BadData, BadInput, CorruptFolder
from storage.records import Metric, RunSpec, Split, TaskKind
from storage.run_folder import RunFolder
from trainer.data.dataset import Dataset, load_dataset
from trainer.evaluate.arrays import BoolArray
from trainer.evaluate.forgetting import Retention
from trainer.evidence import Scored
from trainer.kinds.answers import Answers
from trainer.kinds.classes import Classes
from trainer.methods.fitting import Fitted
from trainer.methods.words import WordModel
from trainer.methods.written import LanguageAuthor
from trainer.stopping import StopRequest

MOST = 20
"""Stages that are looked back on."""
NEITHER_RIGHT_NOR_WRONG = {TaskKind.REGRESSION, TaskKind.TEXT}


@dataclass(frozen=True, slots=True)
class Stage:
    """An earlier run of the line."""

    folder: RunFolder
    spec: RunSpec


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of measuring the earlier stages again."""

    metrics: tuple[Metric, ...] = ()
    retention: Retention | None = None
    notes: tuple[str, ...] = ()


def earlier(spec: RunSpec) -> tuple[Stage, ...]:
    """The runs that this one goes on from, the nearest first."""
    found: list[Stage] = []
    while spec.parent is not None and len(found) < MOST:
        folder = RunFolder(Path(spec.parent.folder))
        spec = folder.spec()
        found.append(Stage(folder, spec))
    return tuple(found)


def lineage_of(spec: RunSpec) -> tuple[str, ...]:
    """The ids of the runs that this one goes on from, the nearest first."""
    return (spec.parent.run_id, *spec.parent.lineage) if spec.parent else ()


def look_back(spec: RunSpec, fitted: Fitted, stop: StopRequest) -> Looked:
    """Measure every earlier stage's test with the new weights.

    Raises:
        Cancelled: Asked to stop.
    """
    metrics: list[Metric] = []
    notes: list[str] = []
    before: list[BoolArray] = []
    after: list[BoolArray] = []
    tasks: list[str] = []
    for stage in earlier(spec):
        stop.raise_if_requested()
        name = stage.spec.task.name
        if stage.spec.task.sealed:
            notes.append(f"{name} ({stage.folder.run_id}) is sealed: not measured again")
            continue
        try:
            then, now, found = _measured(stage, fitted, stop)
        except (BadData, BadInput, CorruptFolder, OSError) as error:
            notes.append(f"{name} ({stage.folder.run_id}) could not be measured again: {error}")
            continue
        metrics += found
        if stage.spec.task.kind in NEITHER_RIGHT_NOR_WRONG:
            notes.append(f"{name}: measured again, and without right and wrong no item of a suite")
            continue
        before.append(then)
        after.append(now)
        tasks += [name] * len(then)
    kept = (
        Retention(np.concatenate(before), np.concatenate(after), tuple(tasks)) if before else None
    )
    return Looked(tuple(metrics), kept, tuple(notes))


def _measured(
    stage: Stage, fitted: Fitted, stop: StopRequest
) -> tuple[BoolArray, BoolArray, tuple[Metric, ...]]:
    """Which test rows were right after the stage and are now, and its metrics now."""
    dataset = load_dataset(stage.spec.task)
    summary = stage.folder.summary()
    if dataset.version.test_digest != summary.test_digest:
        raise BadData("its test rows are not what they were")
    kind = _kind(stage, dataset, fitted)
    now = kind.score(dataset.splits[Split.TEST], stop)
    group = f"stage:{stage.spec.task.name}"
    found = kind.measure({Split.TEST: now} | _rest(now))
    primary = {stage.spec.task.primary_metric, "accuracy"}
    chosen = tuple(
        metric.model_copy(update={"group": group})
        for metric in found
        if metric.split == "test" and metric.name in primary and not metric.group
    )
    return _right_then(stage, now), now.judged.correct, chosen


def _rest(now: Scored) -> dict[Split, Scored]:
    """Validation as the kinds of tasks want it; nothing of it is shown."""
    return {Split.VALIDATION: now}


def _kind(stage: Stage, dataset: Dataset, fitted: Fitted) -> Classes | Answers:
    """The new weights, asked as the stage asked.

    Raises:
        BadData: The stage answered with a head, which the new weights have not.
    """
    from trainer.methods.choose import load, load_author

    weights = _weights(fitted)
    if stage.spec.task.kind is not TaskKind.CLASSIFICATION:
        author: Any = load_author(stage.folder.adapter)
        return Answers(stage.spec, dataset, replace(fitted, model=replace(author, model=weights)))
    model: Any = load(stage.folder.adapter)
    if not isinstance(model, WordModel):
        raise BadData("it answered with a head; only words can be asked of new weights")
    asked = replace(model, model=weights, scorer=replace(model.scorer, model=weights))
    return Classes(stage.spec, dataset, replace(fitted, model=asked))


def _weights(fitted: Fitted) -> Any:
    if not isinstance(fitted.model, WordModel | LanguageAuthor):
        raise BadData("this run answers with a head; only words can be asked of new weights")
    return fitted.model.model


def _right_then(stage: Stage, now: Scored) -> BoolArray:
    """Which of the same rows were right after the stage itself, from its predictions."""
    from pyarrow import parquet

    table = parquet.read_table(
        stage.folder.evidence / "predictions.parquet",
        columns=["example_id", "gold", "predicted", "scores"],
        filters=[("split", "=", "test")],
    ).to_pylist()
    right: Mapping[str, bool] = {row["example_id"]: _was_right(row) for row in table}
    return np.array([right[row.id] for row in now.rows], np.bool_)


def _was_right(row: Mapping[str, Any]) -> bool:
    if row["scores"] is None:
        return bool(row["gold"] == row["predicted"])
    scores = dict(row["scores"])
    if "exact_match" in scores:
        return bool(scores["exact_match"] == 1)
    return bool(
        "hits" in scores and scores["hits"] == scores["named"] and scores["hits"] == scores["gold"]
    )
