"""The objects of `--json`: one function a thing."""

from collections.abc import Mapping
from typing import Any

from bot import phrases
from storage.records import Check, EvidenceSummary, Metric, Run
from storage.tasks import RegisteredTask


def run_json(found: Run, summary: EvidenceSummary | None) -> Mapping[str, Any]:
    """The object `run` of every command that is about a run."""
    spec = found.spec
    return {
        "id": found.id,
        "state": found.state.value,
        "reason": found.reason,
        "task": spec.task.name,
        "task_version": spec.task.version,
        "method": spec.method.value,
        "base": spec.base.name if spec.base else None,
        "seed": spec.seed,
        "engine": summary.engine if summary else None,
        "engine_reason": summary.engine_reason if summary else None,
        "device": summary.device if summary else None,
        "seconds": phrases.total_seconds(summary) if summary else None,
        "attempt": found.attempt,
        "requested_by": found.requested_by,
        "dataset": spec.dataset_digest,
        "training": dict(summary.training) if summary else None,
        "notes": list(summary.notes) if summary else [],
        "created_at": found.created_at.isoformat(),
        "updated_at": found.updated_at.isoformat(),
    }


def metric_json(metric: Metric) -> Mapping[str, Any]:
    return metric.model_dump(mode="json")


def check_json(check: Check) -> Mapping[str, Any]:
    return check.model_dump(mode="json")


def task_json(item: RegisteredTask) -> Mapping[str, Any]:
    """A task with what was found in its data."""
    return {
        **item.task.model_dump(mode="json"),
        "labels": list(item.dataset.labels),
        "dataset": item.dataset.model_dump(mode="json"),
        "added_by": item.added_by,
    }
