"""What leaves as a file: boards, predictions, model cards. A process of its own, for its weight.

    python -m bot.hosts.export --home DIR board TASK FILE | card RUN FILE | predictions RUN FILE

It prints one JSON object.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storage import reviews
from storage.board_reader import newest_snapshot
from storage.errors import BadInput, CorruptFolder
from storage.evidence_tables import PREDICTIONS
from storage.export import export_board, export_predictions
from storage.home import Home
from storage.judgements import Standing
from storage.ledger import Ledger
from storage.published import standing_of
from storage.records import Check, EvidenceSummary, Metric, Review, Run

HEADLINE = ("accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "pr_auc", "log_loss", "ece")


def board(home: Home, task: str, target: Path) -> dict[str, Any]:
    """Write the published board of a task.

    Raises:
        BadInput: Nothing was published yet.
    """
    snapshot = newest_snapshot(home)
    if snapshot is None:
        raise BadInput("There is no board yet. `tuneboard rebuild` makes one.")
    return {"rows": export_board(snapshot, task, target), "file": str(target)}


def card(home: Home, run_id: str, target: Path) -> dict[str, Any]:
    """Write the model card of a run.

    Raises:
        BadInput: The run has no sound evidence, or its test scores are sealed.
    """
    run, found = _open_run(home, run_id)
    folder = home.run(run_id)
    summary, metrics = folder.summary(), folder.metrics()
    standing = standing_of(home.board, run_id)
    checks = standing.checks if standing else folder.checks()
    text = _card(run, summary, metrics, checks, standing, found[0] if found else None)
    target.write_text(text, encoding="utf-8")
    return {"file": str(target), "run": run_id}


def predictions(home: Home, run_id: str, target: Path) -> dict[str, Any]:
    """Write what a run answered to each example.

    Raises:
        BadInput: The run has no sound evidence, or its test scores are sealed.
    """
    _open_run(home, run_id)
    rows = export_predictions(home.run(run_id).evidence / PREDICTIONS, target)
    return {"rows": rows, "file": str(target), "run": run_id}


def _open_run(home: Home, run_id: str) -> tuple[Run, list[Review]]:
    """A run whose evidence is sound and may be seen, and its reviews."""
    ledger = Ledger.open(home.ledger_file)
    try:
        run = ledger.run(run_id)
        found = reviews.reviews(ledger, run_id)
    finally:
        ledger.close()
    try:
        home.run(run_id).verified_digest()
    except CorruptFolder as error:
        raise BadInput(f"{run_id} has no sound evidence to write from: {error}.") from error
    if run.spec.task.sealed and not found:
        raise BadInput(f"The test set is sealed: `submit {run_id}` for review first.")
    return run, list(found)


def _card(
    run: Run,
    summary: EvidenceSummary,
    metrics: Sequence[Metric],
    checks: Sequence[Check],
    standing: Standing | None,
    review: Review | None,
) -> str:
    """The card in Hugging Face's form, with `model-index`."""
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    task = run.spec.task
    shown = [m for m in metrics if m.split == "test" and not m.group and m.name in HEADLINE]
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type=task.name,
            dataset_name=task.name,
            dataset_split="test",
            dataset_revision=summary.test_digest[:12],
            metric_type=m.name,
            metric_value=m.value,
            metric_name=m.name,
        )
        for m in shown
        if m.value is not None
    ]
    data = ModelCardData(
        model_name=f"{task.name} {summary.method.value} {run.id}",
        license=task.licence or "other",
        base_model=run.spec.base.hub if run.spec.base and run.spec.base.hub else None,
        tags=["tuneboard", summary.method.value],
        eval_results=results,
    )
    body = _body(run, summary, shown, checks, standing, review)
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}"))


def _body(
    run: Run,
    summary: EvidenceSummary,
    metrics: Sequence[Metric],
    checks: Sequence[Check],
    standing: Standing | None,
    review: Review | None,
) -> str:
    base = summary.base
    lines = [
        f"# {run.spec.task.name}: {summary.method.value}{f' on {base.name}' if base else ''}",
        "",
        f"Run `{run.id}`, task version {run.spec.task.version}, seed {run.spec.seed}, engine "
        f"{summary.engine} on {summary.device}. Licence of the data: "
        f"{run.spec.task.licence or 'not named'}.",
        "",
        "## Results on test",
        "",
        "| metric | value | 95 % interval | n |",
        "| --- | --- | --- | --- |",
        *(_metric_row(metric) for metric in metrics),
        "",
        "## Checks",
        "",
        "| check | outcome | value | limit | what was found |",
        "| --- | --- | --- | --- | --- |",
        *(_check_row(check) for check in checks),
        "",
        "## Where it stands",
        "",
        f"Place {standing.place} in tie group {standing.tie_group or '–'}."
        if standing and standing.ranked
        else "It has no place on a board.",
        f"Policy: {standing.gate.status.replace('_', ' ')} ({standing.gate.counts})."
        if standing and standing.gate
        else "The policy was not held against it.",
        f"Review {review.id}: {review.state.value.replace('_', ' ')}."
        if review
        else "It was not put up for review.",
        "",
        "## How it came about",
        "",
        f"Data `{summary.dataset_digest}`, test set `{summary.test_digest}`. Settings: "
        f"{json.dumps(summary.training)}.",
        *(f"Note: {note}." for note in summary.notes),
    ]
    return "\n".join(lines) + "\n"


def _metric_row(metric: Metric) -> str:
    if metric.value is None:
        return f"| {metric.name} | not measured | {metric.missing_because} | {metric.n} |"
    between = "none" if metric.low is None else f"{metric.low:.4f} to {metric.high:.4f}"
    return f"| {metric.name} | {metric.value:.4f} | {between} | {metric.n} |"


def _check_row(check: Check) -> str:
    value = "–" if check.value is None else f"{check.value:.4g}"
    limit = "–" if check.limit is None else f"{check.limit:.4g}"
    outcome = check.outcome.value.replace("_", " ")
    reason = check.reason.replace("|", "\\|").replace("\n", " ")
    return f"| {check.id} | {outcome} | {value} | {limit} | {reason} |"


WRITERS = {"board": board, "card": card, "predictions": predictions}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when the file is written, 2 where it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m bot.hosts.export", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("what", choices=list(WRITERS))
    parser.add_argument("of")
    parser.add_argument("file", type=Path)
    options = parser.parse_args(argv)
    try:
        found = WRITERS[options.what](Home(options.home), options.of, options.file)
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{str(options.file)!r} cannot be written: {error.strerror}.\n")
        return BadInput.exit_code
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
