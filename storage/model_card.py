"""The model card of a run, in Hugging Face's form: numbers, checks, where it stands, its origin."""

import json
from collections.abc import Sequence

from storage import reviews
from storage.errors import BadInput, CorruptFolder
from storage.home import Home
from storage.judgements import Standing
from storage.ledger import Ledger
from storage.published import standing_of
from storage.records import (
    PRIMARY_METRICS,
    Check,
    EvidenceSummary,
    Metric,
    Review,
    Run,
    TaskKind,
)

TASK_TYPES = {
    TaskKind.CLASSIFICATION: "text-classification",
    TaskKind.EXTRACTION: "token-classification",
    TaskKind.REGRESSION: "text-regression",
}
"""What Hugging Face calls a kind; the others write text."""

HEADLINE = ("accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "pr_auc", "log_loss", "ece")


def model_card(home: Home, run_id: str) -> str:
    """The card as Markdown with a head of YAML.

    Raises:
        BadInput: The run has no sound evidence, or its test scores are sealed.
    """
    run, found = open_run(home, run_id)
    folder = home.run(run_id)
    summary, metrics = folder.summary(), folder.metrics()
    standing = standing_of(home.board, run_id)
    checks = standing.checks if standing else folder.checks()
    return _card(run, summary, metrics, checks, standing, found[0] if found else None)


def open_run(home: Home, run_id: str) -> tuple[Run, list[Review]]:
    """A run whose evidence is sound and may be seen, and its reviews.

    Raises:
        BadInput: It is not, or may not.
    """
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
    named = {*HEADLINE, *PRIMARY_METRICS[task.kind]}
    shown = [m for m in metrics if m.split == "test" and not m.group and m.name in named]
    results = [
        EvalResult(
            task_type=TASK_TYPES.get(task.kind, "text-generation"),
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
