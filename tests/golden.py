"""Golden run folders: complete, believable and hash-verified, made in milliseconds without torch.

`make_run_folder` writes what a finished run leaves behind; its metrics are computed by
`trainer.evaluate.measure` from the probabilities it writes. `make_home` fills a whole home through
the ledger, as the bot would. As a script it makes a home to look at:

    python tests/golden.py DIR --runs 50
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage import reviews
from storage.board import Board, building, publish
from storage.evidence_tables import CURVES, PREDICTIONS, VALIDATION_LOSSES, write_table
from storage.home import Home
from storage.ingest import check_row, ingest
from storage.judgements import BoardSummary
from storage.ledger import Ledger
from storage.records import (
    AttemptState,
    BaseIdentity,
    BaseRef,
    Check,
    DataFile,
    DataQuality,
    DatasetVersion,
    DataSource,
    Event,
    EvidenceSummary,
    Manifest,
    Method,
    Metric,
    Outcome,
    Person,
    Policy,
    Role,
    Run,
    RunSpec,
    RunState,
    Split,
    SplitSummary,
    Task,
    Training,
    Verdict,
    digest_of,
    now,
)
from storage.run_folder import dump_records, write_whole
from storage.tasks import add_task
from trainer.evaluate.measure import measure, measure_groups
from trainer.evaluate.predictions import Predictions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LABELS = ("billing", "cancel", "delivery", "login", "other", "refund")
REGIONS = ("east", "north", "south", "west")
PHRASES = {
    "billing": ("I was charged twice for {}", "the invoice for {} shows the wrong sum"),
    "cancel": ("please cancel my order of {}", "I no longer want {}, stop it"),
    "delivery": ("where is my parcel with {}", "{} should have come on Monday"),
    "login": ("I cannot sign in to see {}", "my password for {} is not accepted"),
    "other": ("do you also sell {}", "a question about {}"),
    "refund": ("I want my money back for {}", "{} came broken, please refund me"),
}
THINGS = ("the kettle", "two lamps", "the blue chair", "my subscription", "a desk", "the shoes")
BASE = BaseRef(name="minilm", path="/bases/minilm")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one split."""

    split: Split
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    gold: IntArray
    regions: tuple[str, ...]
    hardness: FloatArray


@dataclass(frozen=True, slots=True)
class GoldenTask:
    """A task with its rows, as if read from a file."""

    task: Task
    dataset: DatasetVersion
    rows: dict[Split, Rows]


def make_task(
    name: str = "tickets",
    *,
    labels: Sequence[str] = LABELS,
    test_rows: int = 500,
    primary_metric: str = "macro_f1",
    sensitive: Sequence[str] = ("region",),
    policy: Policy | None = None,
    seed: int = 7,
) -> GoldenTask:
    """A task of short support messages with train, validation and test rows."""
    rng = np.random.default_rng(seed)
    sizes = {
        Split.TRAIN: 2 * test_rows,
        Split.VALIDATION: max(2, test_rows // 2),
        Split.TEST: test_rows,
    }
    rows = {split: _make_rows(split, size, labels, rng) for split, size in sizes.items()}
    path = f"/data/{name}.csv"
    task = Task(
        name=name,
        primary_metric=primary_metric,
        owner="support-ml",
        sensitive=tuple(sensitive),
        data=DataSource(file=path, text="message", label="intent"),
        policy=policy or Policy(),
    )
    return GoldenTask(task, _dataset(path, tuple(labels), rows), rows)


def _make_rows(split: Split, size: int, labels: Sequence[str], rng: np.random.Generator) -> Rows:
    weights = np.linspace(1.5, 0.5, len(labels))
    gold = rng.choice(len(labels), size=size, p=weights / weights.sum()).astype(np.int64)
    texts = tuple(_message(labels[label], rng, row) for row, label in enumerate(gold))
    return Rows(
        split,
        ids=tuple(_hash(f"{split}{row}{text}")[:16] for row, text in enumerate(texts)),
        texts=texts,
        gold=gold,
        regions=tuple(rng.choice(REGIONS, size=size).tolist()),
        hardness=rng.normal(size=size),
    )


def _message(label: str, rng: np.random.Generator, row: int) -> str:
    phrases = PHRASES.get(label, (f"{label} {{}}",))
    text = phrases[rng.integers(len(phrases))].format(THINGS[rng.integers(len(THINGS))])
    return f"{text} (no. {row + 1})"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _dataset(path: str, labels: tuple[str, ...], rows: dict[Split, Rows]) -> DatasetVersion:
    total = sum(len(part.ids) for part in rows.values())
    content = digest_of([part.ids for part in rows.values()])
    summaries = tuple(
        SplitSummary(
            split=split,
            rows=len(part.ids),
            class_counts={name: int((part.gold == k).sum()) for k, name in enumerate(labels)},
            group_counts={"region": {name: part.regions.count(name) for name in REGIONS}},
        )
        for split, part in rows.items()
    )
    return DatasetVersion(
        content_digest=content,
        test_digest=digest_of(rows[Split.TEST].ids),
        files=(
            DataFile(role="file", path=path, size_bytes=40 * total, sha256=content, rows=total),
        ),
        labels=labels,
        splits=summaries,
        quality=DataQuality(rows_read=total, rows_used=total, duplicates_folded=12),
    )


# --- one run -------------------------------------------------------------------------------------


def make_spec(
    golden: GoldenTask, method: Method = Method.LORA, *, seed: int = 1, epochs: float | None = None
) -> RunSpec:
    """What would be asked for."""
    return RunSpec(
        task=golden.task,
        method=method,
        base=BASE if method.needs_base else None,
        seed=seed,
        training=Training(epochs=epochs),
        dataset_digest=golden.dataset.content_digest,
    )


def make_run_folder(
    home: Home,
    run: Run,
    *,
    golden: GoldenTask,
    accuracy: float,
    seed: int | None = None,
    train_gap: float = 0.02,
    checks: Sequence[Check] = (),
    engine: str = "transformers",
    notes: Sequence[str] = (),
) -> Manifest:
    """Write everything a finished run leaves behind.

    Args:
        run: Its id, spec and attempt; attempt 0 counts as 1.
        accuracy: About this share of the test rows is predicted rightly.
        seed: Of the noise; by default the spec's.
        train_gap: How much higher the accuracy on train is: large looks like overfitting.
        checks: More run checks than the overfitting ones; one of the same id replaces them.
        engine: The engine that "was used".
        notes: Fallbacks and the like, for the summary.
    """
    folder, number = home.run(run.id), max(run.attempt, 1)
    folder.create(run.spec)
    asked = run.spec.model_dump_json(exclude={"task"}).encode()
    rng = np.random.default_rng([seed if seed is not None else run.spec.seed, *asked])
    gaps = {Split.TRAIN: train_gap, Split.VALIDATION: 0.0, Split.TEST: 0.0}
    made = {
        split: _predict(rows, run.spec.method, len(golden.dataset.labels), accuracy + gap, rng)
        for (split, rows), gap in zip(golden.rows.items(), gaps.values(), strict=True)
    }
    evidence, adapter = folder.staging(number, "evidence"), folder.staging(number, "adapter")
    write_table(evidence / PREDICTIONS, _prediction_columns(golden, made, rng))
    curve = _curve(run.spec.method, train_gap, rng)
    write_table(evidence / CURVES, curve)
    write_table(evidence / VALIDATION_LOSSES, _validation_losses(golden, curve, rng))
    found = _predictions(golden, made)
    metrics = [m for split, p in found.items() for m in measure(p, split.value, seed=0)]
    records = {
        "metrics": [*metrics, *_by_region(golden, found), *_run_metrics(run.spec.method, rng)],
        "checks": _run_checks(found, train_gap, run.spec, checks),
    }
    for name, rows in records.items():
        write_whole(evidence / f"{name}.json", dump_records(rows))
    summary = _summary(run, number, golden, engine, notes, curve)
    write_whole(evidence / "summary.json", summary.model_dump_json(indent=1))
    write_whole(evidence / "dataset.json", golden.dataset.model_dump_json(indent=1))
    write_whole(evidence / "environment.json", '{"python": "3.11", "numpy": "2.2"}')
    (adapter / "tuneboard.json").write_text(f'{{"seed": {run.spec.seed}}}')
    return folder.publish_evidence(number, evidence, adapter)


def _predict(
    rows: Rows, method: Method, labels: int, accuracy: float, rng: np.random.Generator
) -> FloatArray:
    """Probabilities, shape (rows, labels): runs err on the same hard rows, as real ones do."""
    size = len(rows.ids)
    if method is Method.MAJORITY:
        share = np.bincount(rows.gold, minlength=labels) / size
        return np.tile(share, (size, 1))
    ease = 0.6 * rng.normal(size=size) - 0.8 * rows.hardness
    margin = 2.0 * (ease - np.quantile(ease, 1.0 - min(accuracy, 0.999)))
    logits = rng.normal(-2.5, 0.4, size=(size, labels))
    other = (rows.gold + 1 + (rng.random(size) < 0.3)) % labels
    other = np.where(other == rows.gold, (other + 1) % labels, other)
    logits[np.arange(size), rows.gold] = margin
    logits[np.arange(size), other] = 0.0
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _predictions(golden: GoldenTask, made: dict[Split, FloatArray]) -> dict[Split, Predictions]:
    return {
        split: Predictions(
            labels=golden.dataset.labels,
            gold=golden.rows[split].gold,
            probabilities=probabilities,
            ids=golden.rows[split].ids,
        )
        for split, probabilities in made.items()
    }


def _by_region(golden: GoldenTask, found: dict[Split, Predictions]) -> tuple[Metric, ...]:
    regions = {"region": golden.rows[Split.TEST].regions}
    return measure_groups(found[Split.TEST], "test", regions, golden.dataset.labels[:1])


def _prediction_columns(
    golden: GoldenTask, made: dict[Split, FloatArray], rng: np.random.Generator
) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {}
    names = golden.dataset.labels
    for split, probabilities in made.items():
        rows = golden.rows[split]
        size = len(rows.ids)
        part = {
            "split": [split.value] * size,
            "example_id": list(rows.ids),
            "row": list(range(2, size + 2)),
            "text": list(rows.texts),
            "gold": [names[k] for k in rows.gold],
            "predicted": [names[k] for k in probabilities.argmax(axis=1)],
            "probabilities": probabilities.tolist(),
            "loss": (-np.log(probabilities[np.arange(size), rows.gold])).tolist(),
            "latency_ms": rng.gamma(9.0, 0.8, size).tolist(),
            "groups": [[("region", region)] for region in rows.regions],
            "cluster": [None] * size,
            "scores": [None] * size,
        }
        for name, values in part.items():
            columns.setdefault(name, []).extend(values)
    return columns


def _curve(method: Method, gap: float, rng: np.random.Generator) -> dict[str, list[object]]:
    """Sixty steps, evaluated every sixth; validation loss turns up where the gap is large."""
    steps = np.arange(1, 61) if method is Method.LORA else np.arange(0)
    share = steps / 60
    train = 1.7 * np.exp(-3.2 * share) + 0.12 + rng.normal(0, 0.02, len(steps))
    rise = np.maximum(share - 0.5, 0) * max(gap - 0.03, 0) * 8
    validation = 1.7 * np.exp(-3.0 * share) + 0.22 + rise
    seen = steps % 6 == 0
    return {
        "step": steps.tolist(),
        "epoch": (share * 2).tolist(),
        "train_loss": train.tolist(),
        "validation_loss": [float(v) if s else None for v, s in zip(validation, seen, strict=True)],
        "validation_metric": [
            float(1 - v / 3) if s else None for v, s in zip(validation, seen, strict=True)
        ],
        "learning_rate": (2e-3 * (1 - share)).tolist(),
    }


def _evaluated(curve: dict[str, list[object]]) -> dict[int, float]:
    pairs = zip(curve["step"], curve["validation_loss"], strict=True)
    return {int(str(step)): float(str(loss)) for step, loss in pairs if loss is not None}


def _validation_losses(
    golden: GoldenTask, curve: dict[str, list[object]], rng: np.random.Generator
) -> dict[str, list[object]]:
    rows = golden.rows[Split.VALIDATION]
    columns: dict[str, list[object]] = {"step": [], "example_id": [], "loss": [], "correct": []}
    for step, mean in _evaluated(curve).items():
        losses = mean * np.exp(0.5 * rows.hardness) * rng.uniform(0.9, 1.1, len(rows.ids))
        columns["step"] += [step] * len(rows.ids)
        columns["example_id"] += rows.ids
        columns["loss"] += losses.tolist()
        columns["correct"] += (losses < 0.7).tolist()
    return columns


def _run_metrics(method: Method, rng: np.random.Generator) -> list[Metric]:
    cost = {Method.MAJORITY: 0.01, Method.TFIDF: 0.9, Method.EMBEDDING: 9.0, Method.LORA: 48.0}
    factor = float(rng.uniform(0.9, 1.2))
    timed = Metric(
        name="latency_p95_ms", split="run", value=0.2 * cost[method] + 1.0, n=200, how="timed"
    )
    counted = 147_456 if method is Method.LORA else 0
    size = Metric(name="trainable_parameters", split="run", value=counted, n=1, how="counted")
    memory = Metric(
        name="peak_memory_mb", split="run", value=None, n=0, missing_because="not recorded here"
    )
    seconds = cost[method] * factor
    return [
        timed,
        size,
        memory,
        Metric(name="train_seconds", split="run", value=seconds, n=1, how="timed"),
    ]


def _run_checks(
    found: dict[Split, Predictions], gap: float, spec: RunSpec, more: Sequence[Check]
) -> list[Check]:
    share = {split: float((p.predicted == p.gold).mean()) for split, p in found.items()}
    value, limit = share[Split.TRAIN] - share[Split.VALIDATION], spec.task.policy.overfit_gap_limit
    n = len(found[Split.VALIDATION].gold)
    checks = {
        "overfit_gap": Check(
            id="overfit_gap",
            outcome=Outcome.FAIL
            if value > 2 * limit
            else Outcome.WARN
            if value > limit
            else Outcome.PASS,
            value=value,
            limit=limit,
            n=n,
            reason=f"accuracy on train is {value:+.3f} against validation; the limit is {limit}",
            advice="fewer epochs or a lower rank" if value > limit else "",
        ),
        "leakage_exact": Check(
            id="leakage_exact",
            outcome=Outcome.PASS,
            value=0.0,
            limit=spec.task.policy.leakage_limit,
            n=len(found[Split.TEST].gold),
            reason="no test text is in train; 12 duplicates were kept out of train",
        ),
    }
    checks |= {identity: _passed(identity) for identity in ("adapter_reload", "underfit")}
    checks |= {
        identity: Check(id=identity, outcome=Outcome.NOT_RUN, reason="not tried here")
        for identity in NOT_TRIED
    }
    checks |= {check.id: check for check in more}
    return list(checks.values())


NOT_TRIED = (
    *("overfit_upturn", "membership", "calibration", "bias_groups", "bias_counterfactual"),
    *("bias_amplification", "stereotypes", "forgetting_text", "forgetting_tasks"),
    *("lexical_support", "overlong", "leakage_near"),
)


def _passed(identity: str) -> Check:
    return Check(id=identity, outcome=Outcome.PASS, value=0.0, n=200, reason="as it should be")


BOARD_CHECKS = tuple(
    _passed(identity)
    for identity in ("beats_baseline", "test_size", "test_reuse", "leakage_registered")
)
"""What a board may have found about a sound run."""


def _summary(
    run: Run,
    number: int,
    golden: GoldenTask,
    engine: str,
    notes: Sequence[str],
    curve: dict[str, list[object]],
) -> EvidenceSummary:
    trains, spec = run.spec.method is Method.LORA, run.spec
    losses = _evaluated(curve)
    return EvidenceSummary(
        run_id=run.id,
        attempt=number,
        spec_digest=spec.digest(),
        task=spec.task.name,
        task_version=spec.task.version,
        method=spec.method,
        seed=spec.seed,
        dataset_digest=golden.dataset.content_digest,
        test_digest=golden.dataset.test_digest,
        scoring="head",
        labels=golden.dataset.labels,
        rows={split.value: len(rows.ids) for split, rows in golden.rows.items()},
        engine=engine if spec.method.needs_base else "scikit-learn",
        engine_reason="no CUDA GPU here" if trains else "this method needs no training engine",
        device="cpu",
        dtype="float32",
        base=BaseIdentity(
            name=BASE.name,
            source="local folder",
            revision="",
            weights_sha256=_hash("minilm"),
            architecture="BertModel",
            parameters=22_713_216,
        )
        if spec.base
        else None,
        training={"epochs": 2.0, "learning_rate": 2e-3, "rank": 16} if trains else {},
        defaults=("learning_rate", "rank") if trains else (),
        seconds={"fit": 48.0, "predict": 3.0} if trains else {"fit": 0.9},
        steps=60 if trains else None,
        best_step=min(losses, key=lambda step: losses[step]) if losses else None,
        notes=tuple(notes),
        finished_at=now(),
    )


# --- a home --------------------------------------------------------------------------------------

ANA = Person(name="ana", roles=frozenset({Role.LAUNCHER}))
RUTH = Person(name="ruth", roles=frozenset({Role.REVIEWER}))


def add_golden_task(ledger: Ledger, golden: GoldenTask, person: str = "ana") -> GoldenTask:
    """Register the task; what comes back carries the version it got."""
    added = add_task(ledger, golden.task, golden.dataset, "", person)
    return GoldenTask(added.task, golden.dataset, golden.rows)


def start_run(ledger: Ledger, home: Home, spec: RunSpec, *, key: str, person: str = "ana") -> Run:
    """A run that is active with a running attempt and some events."""
    ledger.request_run(spec, key, person)
    claimed = ledger.claim_next_run("laptop")
    assert claimed is not None
    run, attempt = claimed
    folder = home.run(run.id)
    folder.create(run.spec)
    folder.attempt(attempt.number).mkdir()
    for seq in range(1, 21):
        step = 3 * seq
        event = Event(
            seq=seq,
            at=attempt.created_at + timedelta(seconds=2 * seq),
            kind="progress",
            stage="fit",
            message="training",
            step=step,
            steps=180,
            loss=1.6 * 0.96**step + 0.1,
            eta_s=float(180 - step) / 2,
        )
        folder.append_event(attempt.number, event)
    ledger.move_attempt(run.id, attempt.number, AttemptState.RUNNING, "laptop")
    return ledger.run(run.id)


def finish_run(
    ledger: Ledger,
    home: Home,
    golden: GoldenTask,
    spec: RunSpec,
    *,
    key: str,
    accuracy: float,
    **more: object,
) -> Run:
    """A run that succeeded, with its folder."""
    run = start_run(ledger, home, spec, key=key)
    make_run_folder(home, run, golden=golden, accuracy=accuracy, **more)  # type: ignore[arg-type]
    return ledger.end_attempt(
        run.id, run.attempt, AttemptState.SUCCEEDED, "laptop", run_state=RunState.SUCCEEDED
    )


def fail_run(ledger: Ledger, home: Home, spec: RunSpec, *, key: str, message: str) -> Run:
    """A run that failed with a message for people."""
    run = start_run(ledger, home, spec, key=key)
    home.run(run.id).write_error(run.attempt, "BadData", message)
    return ledger.end_attempt(
        run.id, run.attempt, AttemptState.FAILED, "laptop", message, run_state=RunState.FAILED
    )


def make_home(path: Path, *, runs: int = 12, test_rows: int = 500) -> Home:
    """A home with tasks, runs in every state, attempts, reviews and decisions.

    Args:
        runs: How many runs succeed; some more are failed, cancelled, queued and active.
    """
    home = Home(path)
    home.create()
    ledger = Ledger.open(home.ledger_file)
    try:
        golden = add_golden_task(ledger, make_task(test_rows=test_rows))
        add_golden_task(ledger, make_task("emails", seed=11))
        tiny = add_golden_task(ledger, make_task("pilot", test_rows=120, seed=12))
        done = _finished_runs(ledger, home, golden, runs)
        finish_run(ledger, home, tiny, make_spec(tiny, Method.TFIDF), key="pilot", accuracy=0.8)
        _unfinished_runs(ledger, home, golden)
        _decide(
            ledger, home, golden.task.policy, [r for r in done if not r.spec.method.is_baseline]
        )
    finally:
        ledger.close()
    return home


def _finished_runs(ledger: Ledger, home: Home, golden: GoldenTask, count: int) -> list[Run]:
    levels = {Method.MAJORITY: 0.3, Method.TFIDF: 0.82, Method.EMBEDDING: 0.86}
    done = [
        finish_run(ledger, home, golden, make_spec(golden, method), key=method, accuracy=level)
        for method, level in list(levels.items())[:count]
    ]
    for number in range(count - len(done)):
        overfit = number % 5 == 3
        done.append(
            finish_run(
                ledger,
                home,
                golden,
                make_spec(golden, seed=number + 1, epochs=2.0 + number % 3),
                key=f"lora-{number}",
                accuracy=0.93 - 0.012 * (number % 6),
                train_gap=0.13 if overfit else 0.02,
                notes=("unsloth asked for: no CUDA GPU here; used transformers",)
                if number == 1
                else (),
            )
        )
    return done


def _unfinished_runs(ledger: Ledger, home: Home, golden: GoldenTask) -> None:
    def spec(seed: int) -> RunSpec:
        return make_spec(golden, seed=seed)

    fail_run(ledger, home, spec(901), key="failed", message="Row 17 of tickets.csv has no label.")
    again = start_run(ledger, home, spec(902), key="lost")
    ledger.end_lost_attempt(again.id, again.attempt, "laptop", "the trainer was killed")
    ledger.claim_next_run("laptop")  # its second attempt
    start_run(ledger, home, spec(903), key="active")
    run, _ = ledger.request_run(spec(904), "cancelled", "ana")
    ledger.request_cancel(run.id, "ana")
    ledger.request_run(spec(905), "queued", "bo")


def _decide(ledger: Ledger, home: Home, policy: Policy, tuned: Sequence[Run]) -> None:
    """One approved, one rejected, one that waits, as far as there are runs."""
    words = {
        0: (Verdict.APPROVE, "beats the baseline, no flags"),
        3: (Verdict.REJECT, "it overfits"),
    }
    for place, run in enumerate(tuned[:5]):
        if place not in {0, 3, 4}:
            continue
        review = reviews.submit(ledger, home, run, policy, ANA, ())
        if place in words:
            reviews.decide(
                ledger,
                home,
                review.id,
                policy,
                RUTH,
                *words[place],
                board_checks=BOARD_CHECKS,
            )


def make_big_board(home: Home, runs: int, tasks: int = 1) -> None:
    """Publish a board of many runs with 20 numbers each, made up: to time pages, not to believe.

    No folders are written: lists do not need them.
    """
    home.create()
    ledger = Ledger.open(home.ledger_file)
    golden = make_task(test_rows=500)
    for number in range(tasks):
        named = golden.task.model_copy(update={"name": f"task-{number}"})
        add_task(ledger, named, golden.dataset, "", "ana")
    with building(home.board, rebuild=True) as board:
        ingest(board, ledger, home)
        for number in range(tasks):
            _big_rows(board, golden, f"task-{number}", runs // tasks)
        version = ledger.version()
    publish(home.board, BoardSummary(ledger_version=version, published_at=now(), standings={}))
    ledger.close()


def _big_rows(board: Board, golden: GoldenTask, task: str, runs: int) -> None:
    rng, at = np.random.default_rng(5), now().replace(tzinfo=None)
    spec = make_spec(golden, Method.LORA)
    ids = [f"r{task[-1]}{number:08d}" for number in range(runs)]
    levels = -np.sort(-rng.uniform(0.5, 0.98, runs))
    own = {"task": task, "task_version": 1}
    said = {"method": "lora", "base": "minilm", "family": "", "spec": spec.model_dump_json()}
    said |= {"state": "succeeded", "reason": "", "requested_by": "ana", "origin": "slack"}
    said |= {"attempt": 1, "created_at": at, "updated_at": at}
    board.insert("runs", [own | said | {"id": run, "seed": i} for i, run in enumerate(ids)])
    found = {"problem": "", "manifest_digest": "m", "test_digest": "t", "rows_digest": "d"}
    found |= {"scoring": "head", "engine": "transformers", "engine_reason": "no GPU"}
    one = Run(
        id=ids[0],
        key="k",
        spec=spec,
        state=RunState.SUCCEEDED,
        requested_by="ana",
        created_at=now(),
        updated_at=now(),
    )
    summary = _summary(one, 1, golden, "transformers", (), _curve(spec.method, 0.0, rng))
    found |= {"summary": summary.model_dump_json(), "finished_at": at}
    board.insert("evidence", [found | {"run_id": run} for run in ids])
    names = ["accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "log_loss", "brier"]
    named = [(name, "test") for name in names]
    named += [(name, "run") for name in ("latency_p95_ms", "train_seconds", "trainable_parameters")]
    named += [(f"extra_{number}", "test") for number in range(20 - len(named))]
    metrics = [
        {
            "run_id": run,
            "place": place,
            "name": name,
            "split": split,
            "group_name": "",
            "value": float(level),
            "low": float(level) - 0.02,
            "high": float(level) + 0.02,
            "n": 500,
            "how": "made up",
        }
        for run, level in zip(ids, levels, strict=True)
        for place, (name, split) in enumerate(named)
    ]
    board.insert("metrics", metrics)
    check = Check(id="overfit_gap", outcome=Outcome.WARN, value=0.07, limit=0.05, reason="made up")
    board.insert("checks", [check_row(run, "run", 0, check) for run in ids])
    board.insert(
        "standings",
        [
            own
            | {
                "run_id": run,
                "board_order": place,
                "status": "candidate",
                "ranked": place <= 100,
                "unranked_because": "" if place <= 100 else "not among the 100 best",
                "place_low": place if place <= 100 else None,
                "place_high": 100 if place <= 100 else None,
                "provisional": ["single seed"],
                "against": "",
                "evidence_digest": "",
            }
            for place, run in enumerate(ids, 1)
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a home with golden runs to look at.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--test-rows", type=int, default=500)
    parser.add_argument("--big", action="store_true", help="only the rows that lists need")
    options = parser.parse_args()
    if options.big:
        make_big_board(Home(options.folder), options.runs)
        return
    make_home(options.folder, runs=options.runs, test_rows=options.test_rows)


if __name__ == "__main__":
    main()
