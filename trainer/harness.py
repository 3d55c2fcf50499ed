"""Answers that lm-evaluation-harness logged, as the rows of an import.

The harness writes `results_<date>.json` and, with `--log_samples`, `samples_<task>_<date>.jsonl`
beside it. Only the samples can be paired with other models, row by row; the results say which model
it was, and what accuracy the harness counted, which must come out again.

Source: lm-evaluation-harness 0.4.13, `EvaluationTracker.save_results_samples`: one line a document
with `doc`, `target`, `arguments`, `filtered_resps` (all numbers as text) and `filter`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.special import softmax

from storage.errors import BadData
from trainer.data.schema import fold

SAMPLE_KEYS = {"doc", "target", "arguments", "filtered_resps"}
ACCURACY_APART = 1e-6
"""How far the harness's accuracy may be from the one counted here; both are shares of n rows."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a results file says of one task of the harness.

    Attributes:
        samples: The file of its answers.
        accuracy: As the harness counted it; None where it counted another metric.
    """

    task: str
    samples: Path
    about: str
    accuracy: float | None


def is_results(file: Path) -> bool:
    """Whether a file is named as the harness names its results."""
    return file.suffix == ".json"


def read_results(file: Path) -> Results:
    """Find the answers that belong to a results file.

    Raises:
        BadData: It is no results file, has several tasks, or its samples are not there.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        tasks = dict(found["results"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(
            f"{file.name} is no results file of lm-evaluation-harness (an object with `results`); "
            "predictions are given as JSON lines (.jsonl) or Parquet."
        ) from error
    if len(tasks) != 1:
        raise BadData(
            f"{file.name} has the results of {len(tasks)} tasks: {', '.join(sorted(tasks))}. Give "
            "the samples_….jsonl of the one that is meant."
        )
    task, scores = next(iter(tasks.items()))
    date = file.stem.removeprefix("results_")
    samples = file.with_name(f"samples_{task}_{date}.jsonl")
    if not samples.is_file():
        raise BadData(
            f"{samples.name} is not beside {file.name}. A score alone cannot be compared row by "
            "row: run lm_eval with --log_samples."
        )
    version = found.get("lm_eval_version", "of unknown version")
    shots = (found.get("n-shot") or {}).get(task, "unknown")
    about = f"lm-evaluation-harness {version}, {found.get('model_name', 'model unknown')}, "
    return Results(task, samples, f"{about}task {task}, {shots} shots", _number(scores))


def _number(scores: Mapping[str, Any]) -> float | None:
    """The accuracy of the first filter."""
    named = [v for k, v in scores.items() if k.split(",")[0] == "acc"]
    return float(named[0]) if named and isinstance(named[0], int | float) else None


def same_accuracy(counted: float | None, here: float) -> None:
    """Make sure that the rows mean what the harness took them for.

    Raises:
        BadData: The harness counted another accuracy than is counted here.
    """
    if counted is not None and abs(counted - here) > ACCURACY_APART:
        raise BadData(
            f"lm_eval counted an accuracy of {counted:.6f}, its samples give {here:.6f} on this "
            "task's test rows. Evaluate the same rows, all of them, with the same labels."
        )


def is_sample(row: Mapping[str, Any]) -> bool:
    """Whether a row is one that the harness logged."""
    return row.keys() >= SAMPLE_KEYS


def as_rows(
    samples: Sequence[Mapping[str, Any]], labels: Sequence[str], texts: Collection[str]
) -> list[dict[str, Any]]:
    """Turn logged samples into rows with `text`, `gold` and `probabilities` or `predicted`.

    Choices scored by log-likelihood become probabilities over the labels (softmax of the sums);
    a generated text is the answer as it stands, trimmed.

    Args:
        samples: As logged, any filter; the first filter's are taken.
        labels: The task's, in order. A choice is found by its folded text.
        texts: The folded texts of the task's examples.

    Raises:
        BadData: A sample names no example or other choices than the labels; says which.
    """
    first = samples[0].get("filter")
    found = []
    for sample in samples:
        if sample.get("filter") != first:
            continue
        name = f"document {sample.get('doc_id')}"
        try:
            answer = _answer(sample, labels, name)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BadData(f"{name} is not as lm_eval logs it: {error!r}.") from error
        found.append({"text": _text(sample["doc"], texts, name)} | answer)
    return found


def _answer(sample: Mapping[str, Any], labels: Sequence[str], name: str) -> dict[str, Any]:
    known = {fold(label): label for label in labels}
    responses = sample["filtered_resps"]
    if isinstance(responses[0], str):
        said = responses[0].strip()
        return {"predicted": known.get(fold(said), said)}
    choices = [fold(str(one["arg_1"])) for one in sample["arguments"].values()]
    if sorted(choices) != sorted(known):
        raise BadData(f"{name}: its choices are {choices}; the task's labels are {list(labels)}.")
    odds = softmax([float(response[0]) for response in responses])
    by_label = {known[choice]: float(p) for choice, p in zip(choices, odds, strict=True)}
    target = str(sample["target"])
    gold = choices[int(target)] if target.isdecimal() and int(target) < len(choices) else target
    return {"probabilities": by_label, "gold": known.get(fold(gold), gold)}


def _text(document: Mapping[str, Any], texts: Collection[str], name: str) -> str:
    """The field of a document that is the text of an example."""
    found = [v for v in document.values() if isinstance(v, str) and fold(v) in texts]
    if not found:
        raise BadData(f"{name}: none of its fields {sorted(document)} is a text of the task.")
    return max(found, key=len)
