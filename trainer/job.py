"""The story of a run, told in order: data, gate, fit, predict, measure, check, evidence.

Nothing here knows which method or engine is at work; nothing below here knows the order.
"""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from storage.errors import BadData
from storage.records import (
    Check,
    EvidenceSummary,
    Metric,
    Outcome,
    RunSpec,
    Split,
    Task,
    TaskKind,
    now,
)
from storage.run_folder import RunFolder
from trainer.checks import reload as reload_check
from trainer.cleanliness import clean_metrics, leakage_checks, look
from trainer.crew import crew
from trainer.data.dataset import Dataset, load_dataset, with_quality
from trainer.data.mixing import kept_apart
from trainer.data.schema import Example
from trainer.data.subset import subset_of
from trainer.data.tokens import count_tokens, token_limit, with_token_counts
from trainer.engines.bases import identify, locate
from trainer.engines.footprint import require_room
from trainer.engines.ranks import Ranks
from trainer.environment import describe, peak_memory_mb
from trainer.evidence import Evidence, Scored, write_evidence
from trainer.kinds.answers import Answers
from trainer.kinds.classes import Classes
from trainer.kinds.kind import Kind
from trainer.methods.card import read_card
from trainer.methods.choose import fit
from trainer.methods.fitting import Along, BaseFiles, FitRequest, Fitted
from trainer.progress import Progress
from trainer.reloading import LIMITS, ROWS, ReloadFailed, Reloading, reloading
from trainer.stages import Looked, lineage_of, look_back
from trainer.stopping import StopRequest
from trainer.timing import Latencies, time_requests

log = logging.getLogger(__name__)

SAMPLE_SEED = 0
"""Of the training rows that are scored: the same rows for every run on a data set."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at a run, and its ways out to the world."""

    folder: RunFolder
    attempt: int
    threads: int
    progress: Progress
    stop: StopRequest
    processes: int = 1

    def next(self, stage: str, message: str = "") -> None:
        self.stop.raise_if_requested()
        log.info("%s %s %s", self.folder.run_id, stage, message)
        self.progress.stage(stage, message)


def run_job(job: Job) -> None:
    """Make the evidence of one run. Does nothing where it is complete already.

    Raises:
        UserError: Something the person can mend.
        Cancelled: The process was asked to stop; training can be resumed.
        ReloadFailed: The saved model does not repeat what the trained one said.
    """
    if job.folder.has_evidence:
        log.info("%s has its evidence already", job.folder.run_id)
        return
    spec = job.folder.spec()
    job.next("data", f"reading the rows of {spec.task.name}")
    dataset, along = _data(spec)
    dataset, base = _prepared_base(spec, dataset)
    job.next("gate", "looking for test rows among the training rows")
    cleanliness = look(dataset, along)
    job.next("fit", f"fitting {spec.method.value}")
    fitted = _fit(job, spec, dataset, base, along)
    job.next("save", "saving the model")
    adapter = job.folder.staging(job.attempt, "adapter")
    fitted.model.save(adapter)
    looked = Looked()
    if spec.parent is not None:
        job.next("stages", "measuring earlier stages again")
        looked = look_back(spec, fitted, job.stop)
        notes = (*fitted.notes, *looked.notes)
        fitted = replace(fitted, retention=looked.retention, notes=notes)
    kind, test_rows = _kind(spec, dataset, fitted), dataset.splits[Split.TEST]
    with reloading(job.folder.path, adapter, test_rows[:ROWS]) as fresh:
        job.next("predict", "scoring train sample, validation and test")
        scored = _score(job, kind, dataset)
        job.next("reload", "comparing with the saved model, loaded in a fresh process")
        reload = _reload(job, fresh, kind, fitted.dtype, test_rows[:ROWS])
    job.next("timing", "timing single requests")
    where = f"{fitted.device} with {fitted.threads} thread{'s' if fitted.threads > 1 else ''}"
    latencies = time_requests(kind.ask, test_rows, where, job.stop)
    job.next("measure", "measuring")
    test = scored[Split.TEST].judged
    positive = spec.task.positive if len(dataset.labels) == 2 else None
    clean = clean_metrics(cleanliness, test, spec.task, positive)
    metrics = (
        *kind.measure(scored),
        *clean,
        *looked.metrics,
        *_run_metrics(fitted, latencies, adapter),
    )
    job.next("check", "checking")
    checked = kind.check(scored, job.stop)
    leakage = leakage_checks(cleanliness, test, clean, spec.task)
    job.next("evidence", "writing the evidence")
    staging = job.folder.staging(job.attempt, "evidence")
    summary = _summary(job, spec, dataset, base, fitted, scored, read_card(adapter).scoring)
    write_evidence(
        staging,
        Evidence(
            dataset=dataset,
            scored=scored,
            latencies=latencies,
            curve=fitted.curve,
            validation_losses=fitted.validation_losses,
            metrics=metrics,
            checks=(*checked.checks, *leakage, reload),
            counterfactuals=checked.counterfactuals,
            summary=summary,
            environment=describe(fitted.threads, fitted.device),
            rendered=fitted.rendered,
            losses_along=fitted.losses_along,
            learnt_along=along,
        ),
    )
    job.folder.publish_evidence(job.attempt, staging, adapter)
    shutil.rmtree(job.folder.checkpoints, ignore_errors=True)
    job.progress.finished(_closing_words(spec, metrics))
    log.info("%s finished: %s", job.folder.run_id, _closing_words(spec, metrics))


def help_train(job: Job, ranks: Ranks) -> None:
    """Do one process's part of a run's training; the first process does the rest."""
    spec = job.folder.spec()
    dataset, along = _data(spec)
    dataset, base = _prepared_base(spec, dataset)
    request = _request(job, spec, dataset, base)
    fit(replace(request, along=_along(request, along), ranks=ranks))


def _data(spec: RunSpec) -> tuple[Dataset, tuple[Dataset, ...]]:
    """The rows of the run's task, and of those that are learnt along."""
    own = subset_of(_verified_data(spec.task, spec.dataset_digest), spec.subset)
    if not spec.mix:
        return own, ()
    others = {
        portion.task.name: _verified_data(portion.task, portion.dataset_digest)
        for portion in spec.mix
    }
    apart = kept_apart({spec.task.name: own} | others)
    return apart[spec.task.name], tuple(apart[name] for name in others)


def _verified_data(task: Task, asked: str | None) -> Dataset:
    dataset = load_dataset(task)
    found = dataset.version.content_digest
    if asked is not None and found != asked:
        files = ", ".join(file.path for file in dataset.version.files)
        raise BadData(
            f"The data of task {task.name!r} is not what the run was planned on: its digest "
            f"is {found[:12]}, {asked[:12]} was expected. Put the old {files} back, or add the "
            "task again and start a new run."
        )
    return dataset


def _prepared_base(spec: RunSpec, dataset: Dataset) -> tuple[Dataset, BaseFiles | None]:
    """The base's files and identity, and the data's quality with its token counts."""
    if spec.base is None:
        return dataset, None
    folder = locate(spec.base)
    counts = count_tokens(dataset, folder)
    limit = token_limit(spec.training.max_tokens, counts.train, folder)
    quality = with_token_counts(dataset.version.quality, counts, limit)
    require_room(spec, spec.base, folder, limit)
    return with_quality(dataset, quality), BaseFiles(
        spec.base, folder, identify(spec.base, folder), limit
    )


def _fit(
    job: Job,
    spec: RunSpec,
    dataset: Dataset,
    base: BaseFiles | None,
    along: Sequence[Dataset] = (),
) -> Fitted:
    request = _request(job, spec, dataset, base)
    request = replace(request, along=_along(request, along))
    with crew(job.folder, job.attempt, spec, job.processes) as ranks:
        fitted = fit(replace(request, ranks=ranks))
    log.info(
        "%s fitted by %s (%s) in %.1f s",
        job.folder.run_id,
        fitted.engine,
        fitted.engine_reason,
        fitted.train_seconds,
    )
    for note in fitted.notes:
        job.progress.warning(note)
    return fitted


def _request(job: Job, spec: RunSpec, dataset: Dataset, base: BaseFiles | None) -> FitRequest:
    return FitRequest(
        spec=spec,
        dataset=dataset,
        checkpoints=job.folder.checkpoints,
        progress=job.progress,
        stop=job.stop,
        threads=job.threads,
        base=base,
    )


def _along(request: FitRequest, datasets: Sequence[Dataset]) -> tuple[Along, ...]:
    """The further tasks of a mix, each as if it were learnt by itself."""
    found = []
    for portion, data in zip(request.spec.mix, datasets, strict=True):
        kept = {"task": portion.task, "dataset_digest": portion.dataset_digest, "mix": ()}
        spec = request.spec.model_copy(update=kept)
        dataset, base = _prepared_base(spec, data)
        found.append(Along(replace(request, spec=spec, dataset=dataset, base=base), portion.weight))
    return tuple(found)


def _kind(spec: RunSpec, dataset: Dataset, fitted: Fitted) -> Kind:
    if spec.task.kind is TaskKind.CLASSIFICATION:
        return Classes(spec, dataset, fitted)
    return Answers(spec, dataset, fitted)


def _score(job: Job, kind: Kind, dataset: Dataset) -> dict[Split, Scored]:
    """Our own pass over a train sample (as large as validation), validation and test."""
    train = dataset.splits[Split.TRAIN]
    size = min(len(train), len(dataset.splits[Split.VALIDATION]))
    places = np.sort(np.random.default_rng(SAMPLE_SEED).permutation(len(train))[:size])
    chosen = {
        Split.TRAIN: tuple(train[place] for place in places),
        Split.VALIDATION: dataset.splits[Split.VALIDATION],
        Split.TEST: dataset.splits[Split.TEST],
    }
    scored = {}
    for split, rows in chosen.items():
        job.stop.raise_if_requested()
        scored[split] = kind.score(rows, job.stop)
    return scored


def _reload(job: Job, fresh: Reloading, kind: Kind, dtype: str, rows: Sequence[Example]) -> Check:
    """The adapter check; a model that cannot be used again is no result."""
    again = fresh.fingerprint(job.stop)
    # The trained model scores the same batch, so that padding is the same on both sides.
    found = reload_check.check(kind.fingerprint(rows), again, LIMITS[dtype])
    if found.outcome is Outcome.FAIL:
        raise ReloadFailed(found.reason)
    return found


def _run_metrics(fitted: Fitted, latencies: Latencies, adapter: Path) -> tuple[Metric, ...]:
    size = sum(path.stat().st_size for path in adapter.rglob("*") if path.is_file())
    memory = f"peak resident memory of the trainer's process{_cuda_memory(fitted.device)}"
    counted = {
        "trainable_parameters": (float(fitted.trainable_parameters), "counted"),
        "train_seconds": (fitted.train_seconds, "timed, all attempts together"),
        "peak_memory_mb": (peak_memory_mb(), memory),
        "adapter_mb": (size / 2**20, "counted: every file of the saved model"),
    }
    return (
        *latencies.metrics(),
        *(
            Metric(name=name, split="run", value=value, n=1, how=how)
            for name, (value, how) in counted.items()
        ),
    )


def _cuda_memory(device: str) -> str:
    if device != "cuda":
        return ""
    import torch

    return f"; on the GPU {torch.cuda.max_memory_allocated() / 2**20:.0f} MB"


def _summary(
    job: Job,
    spec: RunSpec,
    dataset: Dataset,
    base: BaseFiles | None,
    fitted: Fitted,
    scored: Mapping[Split, Scored],
    scoring: str,
) -> EvidenceSummary:
    rows = {summary.split.value: summary.rows for summary in dataset.version.splits}
    return EvidenceSummary(
        run_id=job.folder.run_id,
        attempt=job.attempt,
        spec_digest=spec.digest(),
        task=spec.task.name,
        task_version=spec.task.version,
        method=spec.method,
        seed=spec.seed,
        dataset_digest=dataset.version.content_digest,
        test_digest=dataset.version.test_digest,
        scoring=scoring,
        labels=dataset.labels,
        rows=rows | {"train_sample": len(scored[Split.TRAIN].rows)},
        engine=fitted.engine,
        engine_reason=fitted.engine_reason,
        device=fitted.device,
        dtype=fitted.dtype,
        base=base.identity if base else None,
        training=fitted.training,
        defaults=fitted.defaults,
        seconds=job.progress.seconds(),
        steps=fitted.steps,
        best_step=fitted.best_step,
        resumed_from_step=fitted.resumed_from_step,
        notes=fitted.notes,
        lineage=lineage_of(spec),
        finished_at=now(),
    )


def _closing_words(spec: RunSpec, metrics: tuple[Metric, ...]) -> str:
    name = spec.task.primary_metric
    split = "validation" if spec.task.sealed else "test"  # sealed: nobody is told before a review
    found = next(m for m in metrics if m.name == name and m.split == split and not m.group)
    if found.value is None:
        return f"{name} could not be measured: {found.missing_because}"
    interval = "" if found.low is None else f" ({found.low:.3f} to {found.high:.3f})"
    return f"{name} {found.value:.3f}{interval} on {found.n} {split} rows"
