"""Predictions that somebody made elsewhere become the evidence of a run like any other.

Rows are JSON lines or Parquet: `id` (of the example) or `text`, and `probabilities` (label to p, or
a list in the order of the task's labels) or `predicted` (a label; null or anything else is no
usable answer, and wrong). `split` is "test" where it is left out; validation rows make the run
selectable. What lm-evaluation-harness logged is read as it is.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import BadData
from storage.records import (
    Check,
    EvidenceSummary,
    Method,
    Metric,
    Outcome,
    RunSpec,
    Split,
    TaskKind,
    now,
)
from storage.run_folder import RunFolder
from trainer import harness
from trainer.checks import bias_amplification, bias_groups
from trainer.data.dataset import Dataset, load_dataset
from trainer.data.schema import Example, fold, rows_in_words
from trainer.environment import describe
from trainer.evaluate.measure import measure, measure_groups
from trainer.evaluate.predictions import Predictions
from trainer.evidence import Evidence, Scored, write_evidence
from trainer.timing import Latencies

MADE_OUTSIDE = (
    *("overfit_gap", "overfit_upturn", "membership", "underfit", "calibration"),
    *("bias_counterfactual", "stereotypes", "forgetting_text", "forgetting_tasks"),
    *("lexical_support", "leakage_exact", "leakage_near", "adapter_reload"),
)
"""Checks that need the model or its training data, neither of which is here."""


@dataclass(frozen=True, slots=True)
class Given:
    """What stands beside the rows: numbers about the model that it was given with."""

    numbers: Mapping[str, float]
    note: str = ""
    missing_is_wrong: bool = False


def import_run(folder: RunFolder, file: Path, given: Given) -> None:
    """Write the evidence of a run from a file of predictions.

    Raises:
        BadData: A row, or the lack of one, makes them useless; says which.
    """
    spec = folder.spec()
    if spec.task.kind is not TaskKind.CLASSIFICATION:
        raise BadData(
            f"Task {spec.task.name!r} is of kind {spec.task.kind.value}; predictions from outside "
            "are read for labels only, so far."
        )
    dataset = load_dataset(spec.task)
    rows, given, accuracy = _given_rows(file, dataset, given)
    scored, notes = _scored(dataset, rows, given)
    test = scored[Split.TEST].predictions
    harness.same_accuracy(accuracy, float(test.correct.mean()))
    staging, adapter = folder.staging(1, "evidence"), folder.staging(1, "adapter")
    about = {"label": spec.label, "note": given.note}
    (adapter / "external.json").write_text(json.dumps(about), encoding="utf-8")
    write_evidence(
        staging,
        Evidence(
            dataset=dataset,
            scored=scored,
            latencies=Latencies(np.empty(0), len(test), "elsewhere"),
            curve=(),
            validation_losses=None,
            metrics=_metrics(spec, dataset, scored, given),
            checks=_checks(spec, dataset, scored[Split.TEST]),
            counterfactuals=(),
            summary=_summary(folder, spec, dataset, scored, notes),
            environment=describe(1, "cpu"),
        ),
    )
    folder.publish_evidence(1, staging, adapter)


def _given_rows(
    file: Path, dataset: Dataset, given: Given
) -> tuple[list[dict[str, Any]], Given, float | None]:
    """The rows, what is known of them, and the accuracy that somebody counted before."""
    results = harness.read_results(file) if harness.is_results(file) else None
    rows = _read(results.samples if results else file)
    if not rows or not harness.is_sample(rows[0]):
        return rows, given, None
    texts = {fold(e.text) for e in (*dataset.splits[Split.TEST], *dataset.splits[Split.VALIDATION])}
    about = results.about if results else "lm-evaluation-harness samples"
    given = replace(given, note=f"{about}; {given.note}" if given.note else about)
    rows = harness.as_rows(rows, dataset.labels, texts)
    return rows, given, results.accuracy if results else None


def _read(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".parquet":
        from pyarrow import parquet

        return [dict(row) for row in parquet.read_table(file).to_pylist()]
    found = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{str(file)!r} cannot be read as UTF-8 JSON lines: {error}.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadData(f"{file.name}, line {number}: it is not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise BadData(f"{file.name}, line {number}: a JSON object is expected.")
        found.append(row)
    return found


def _scored(
    dataset: Dataset, rows: Sequence[dict[str, Any]], given: Given
) -> tuple[dict[Split, Scored], tuple[str, ...]]:
    """The splits that were answered, test always, and what to note about them."""
    by_split: dict[Split, dict[str, dict[str, Any]]] = defaultdict(dict)
    known = {split: _Known(dataset.splits[split]) for split in (Split.TEST, Split.VALIDATION)}
    unknown: list[int] = []
    for number, row in enumerate(rows, 1):
        split = _split(row, number)
        identity = known[split].find(row)
        if identity is None:
            unknown.append(number)
        elif identity in by_split[split]:
            raise BadData(f"row {number}: example {identity!r} is answered twice.")
        elif row.get("gold", known[split].label[identity]) != known[split].label[identity]:
            raise BadData(
                f"row {number}: its gold label is {row['gold']!r}; in the task it is "
                f"{known[split].label[identity]!r}."
            )
        else:
            by_split[split][identity] = row | {"row": number}
    if unknown:
        raise BadData(
            f"{rows_in_words(unknown)}: no such example in the task. Give its `id`, or its `text` "
            "as it stands in the task's file."
        )
    notes = [f"imported; {given.note}" if given.note else "imported from outside"]
    scored = {}
    for split in (Split.VALIDATION, Split.TEST):
        answered = by_split.get(split, {})
        missing = [e.id for e in dataset.splits[split] if e.id not in answered]
        if split is Split.VALIDATION and not answered:
            continue
        if missing and not given.missing_is_wrong:
            total = len(dataset.splits[split])
            raise BadData(
                f"{len(missing)} of {total} {split.value} rows are not answered, such as "
                f"{missing[0]!r}. Answer them all, or add missing=wrong to count them as wrong."
            )
        notes += [f"{len(missing)} {split.value} rows had no answer: wrong"] if missing else []
        scored[split] = Scored(tuple(dataset.splits[split]), _predictions(dataset, split, answered))
    return scored, tuple(notes)


class _Known:
    """Examples by id, and by folded text: the first of equal texts, then the next."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.label = {example.id: example.label for example in examples}
        self._texts: dict[str, list[str]] = defaultdict(list)
        for example in examples:
            self._texts[fold(example.text)].append(example.id)

    def find(self, row: Mapping[str, Any]) -> str | None:
        if "id" in row:
            return str(row["id"]) if str(row["id"]) in self.label else None
        waiting = self._texts.get(fold(str(row.get("text", ""))), [])
        return waiting.pop(0) if waiting else None


def _split(row: Mapping[str, Any], number: int) -> Split:
    name = row.get("split") or "test"
    if name not in {"test", "validation"}:
        raise BadData(f"row {number}: split is {name!r}; test or validation is expected.")
    return Split(name)


def _predictions(
    dataset: Dataset, split: Split, answered: Mapping[str, Mapping[str, Any]]
) -> Predictions:
    rows, labels = dataset.splits[split], dataset.labels
    gold, ids = dataset.gold(rows), tuple(row.id for row in rows)
    clusters = dataset.clusters(rows)
    if answered and all(row.get("probabilities") is not None for row in answered.values()):
        if len(answered) == len(rows):
            given = np.array([_distribution(answered[name], labels) for name in ids])
            return Predictions(labels, gold, given, ids, clusters)
        raise BadData("missing=wrong needs rows with `predicted`, not with `probabilities`.")
    place = {label: index for index, label in enumerate(labels)}
    said = [place.get(str(answered.get(name, {}).get("predicted")), -1) for name in ids]
    return Predictions.of_answers(labels, gold, np.array(said, np.int64), ids, clusters)


def _distribution(row: Mapping[str, Any], labels: Sequence[str]) -> list[float]:
    found, number = row["probabilities"], row["row"]
    if isinstance(found, dict):
        if set(found) != set(labels):
            raise BadData(
                f"row {number}: probabilities name {sorted(found)}; the labels are {list(labels)}."
            )
        found = [found[label] for label in labels]
    try:
        values = [float(value) for value in found]
    except (TypeError, ValueError) as error:
        raise BadData(f"row {number}: probabilities must be numbers.") from error
    sound = all(np.isfinite(v) and v >= 0 for v in values) and abs(sum(values) - 1) <= 1e-3
    if len(values) != len(labels) or not sound:
        raise BadData(
            f"row {number}: {len(labels)} probabilities that sum to 1 are expected, not {values}."
        )
    return values


def _metrics(
    spec: RunSpec, dataset: Dataset, scored: Mapping[Split, Scored], given: Given
) -> tuple[Metric, ...]:
    positive = spec.task.positive if len(dataset.labels) == 2 else None
    found: list[Metric] = []
    for split, part in scored.items():
        found += measure(part.predictions, split.value, positive)
    if dataset.sensitive:
        test = scored[Split.TEST]
        groups = dataset.groups(test.rows)
        found += measure_groups(test.predictions, "test", groups, spec.task.favourable)
    found += [
        Metric(name=name, split="run", value=value, n=1, how="as given with the predictions")
        for name, value in given.numbers.items()
    ]
    return tuple(found)


def _checks(spec: RunSpec, dataset: Dataset, test: Scored) -> tuple[Check, ...]:
    policy, groups = spec.task.policy, dataset.groups(test.rows)
    reason = "The model was made outside: neither it nor its training data is here."
    return (
        bias_groups.check(
            test.predictions,
            groups,
            spec.task.favourable,
            policy.group_ratio_limit,
            policy.minimum_group_rows,
        ),
        bias_amplification.check(
            test.predictions, groups, policy.amplification_limit, policy.minimum_group_rows
        ),
        *(Check(id=name, outcome=Outcome.NOT_RUN, reason=reason) for name in MADE_OUTSIDE),
    )


def _summary(
    folder: RunFolder,
    spec: RunSpec,
    dataset: Dataset,
    scored: Mapping[Split, Scored],
    notes: tuple[str, ...],
) -> EvidenceSummary:
    answers = scored[Split.TEST].predictions.answers is not None
    return EvidenceSummary(
        run_id=folder.run_id,
        attempt=1,
        spec_digest=spec.digest(),
        task=spec.task.name,
        task_version=spec.task.version,
        method=Method.EXTERNAL,
        seed=spec.seed,
        dataset_digest=dataset.version.content_digest,
        test_digest=dataset.version.test_digest,
        scoring="answers" if answers else "probabilities as given",
        labels=dataset.labels,
        rows={part.split.value: part.rows for part in dataset.version.splits},
        engine="outside",
        engine_reason="predictions were imported",
        device="outside",
        dtype="unknown",
        notes=notes,
        finished_at=now(),
    )
