"""What the board knows about each run before it is placed, and its standing once it is.

The placing itself is arithmetic and lives with the projection; here are the questions it asks of
the board and the rows it leaves.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storage.board import Board
from storage.ingest import check_row
from storage.judgements import BoardSummary, Difference, Standing
from storage.records import Check, Method, Metric, RunSpec, RunState, Task, now

_HEADLINE = ("accuracy", "macro_f1", "weighted_f1", "mcc", "roc_auc", "log_loss", "brier")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that succeeded or failed, with what its standing is made from.

    `family` is the digest of its spec without the seed; `review` the state of its newest review.
    """

    run_id: str
    method: Method
    base: str
    seed: int
    family: str
    requested_by: str
    state: RunState
    reason: str
    problem: str
    manifest_digest: str
    test_digest: str
    rows_digest: str
    labels: tuple[str, ...]
    engine: str
    engine_reason: str
    finished_at: datetime | None
    review: str
    metrics: tuple[Metric, ...]
    checks: tuple[Check, ...]

    def metric(self, name: str, split: str = "test") -> Metric | None:
        return next((m for m in self.metrics if m.name == name and m.split == split), None)


@dataclass(frozen=True, slots=True)
class TaskBoard:
    """One version of a task with its runs. Only the newest version gives places."""

    task: Task
    newest: Task
    test_digest: str
    candidates: tuple[Candidate, ...]

    @property
    def is_newest(self) -> bool:
        return self.task.version == self.newest.version


def task_boards(board: Board) -> tuple[TaskBoard, ...]:
    """Every task version that has runs, by name, newest version first."""
    registered = _registered(board)
    grouped: dict[tuple[str, int], list[Candidate]] = defaultdict(list)
    for key, candidate in _candidates(board):
        grouped[key].append(candidate)
    specs = _one_spec_each(board)
    newest = dict(sorted({*registered, *grouped}))  # the highest version comes last and stays
    found = []
    for name, version in sorted(grouped, key=lambda key: (key[0], -key[1])):
        top = registered.get((name, newest[name])) or (specs[name, newest[name]], "")
        task, test_digest = registered.get((name, version)) or (specs[name, version], "")
        candidates = tuple(grouped[name, version])
        test_digest = test_digest or next((c.test_digest for c in candidates if c.test_digest), "")
        found.append(TaskBoard(task, top[0], test_digest, candidates))
    return tuple(found)


def _registered(board: Board) -> dict[tuple[str, int], tuple[Task, str]]:
    rows = board.rows("select name, version, record, test_digest from tasks")
    tasks = [(row, Task.model_validate_json(row["record"])) for row in rows]
    return {(row["name"], row["version"]): (task, row["test_digest"]) for row, task in tasks}


def _one_spec_each(board: Board) -> dict[tuple[str, int], Task]:
    """The task as a run had it, for runs whose task is not registered here."""
    query = "select task, task_version, min(spec) as spec from runs group by task, task_version"
    rows = board.rows(query)
    specs = [(row, RunSpec.model_validate_json(row["spec"])) for row in rows]
    return {(row["task"], row["task_version"]): spec.task for row, spec in specs}


def _candidates(board: Board) -> list[tuple[tuple[str, int], Candidate]]:
    metrics, checks = _metrics(board), _checks(board)
    rows = board.rows(
        "select r.id as run_id, r.task, r.task_version, r.method, r.base, r.seed, r.family,"
        " r.requested_by, r.state, r.reason, coalesce(e.problem, '') as problem,"
        " coalesce(e.manifest_digest, '') as manifest_digest,"
        " coalesce(e.test_digest, '') as test_digest, coalesce(e.rows_digest, '') as rows_digest,"
        " coalesce(e.engine, '') as engine, coalesce(e.engine_reason, '') as engine_reason,"
        " e.finished_at, coalesce(e.summary, '') as summary,"
        " coalesce((select state from reviews v where v.run_id = r.id"
        " order by v.created_at desc, v.id desc limit 1), '') as review"
        " from runs r left join evidence e on e.run_id = r.id"
        " where r.state in ('succeeded', 'failed') order by r.id"
    )
    return [((row["task"], row["task_version"]), _candidate(row, metrics, checks)) for row in rows]


def _candidate(
    row: dict[str, Any],
    metrics: Mapping[str, Sequence[Metric]],
    checks: Mapping[str, Sequence[Check]],
) -> Candidate:
    run_id = row["run_id"]
    kept = ("run_id", "base", "seed", "family", "requested_by", "reason", "problem")
    more = ("manifest_digest", "test_digest", "rows_digest", "engine", "engine_reason", "review")
    return Candidate(
        **{name: row[name] for name in (*kept, *more)},
        method=Method(row["method"]),
        state=RunState(row["state"]),
        labels=_labels(row["summary"]),
        finished_at=row["finished_at"].replace(tzinfo=UTC) if row["finished_at"] else None,
        metrics=tuple(metrics.get(run_id, ())),
        checks=tuple(checks.get(run_id, ())),
    )


def _labels(summary: str) -> tuple[str, ...]:
    return tuple(json.loads(summary)["labels"]) if summary else ()


def _metrics(board: Board) -> Mapping[str, Sequence[Metric]]:
    """What a list shows: the whole test split and what belongs to no split."""
    rows = board.rows(
        "select run_id, name, split, value, low, high, n, how, missing_because from metrics"
        " where group_name = '' and (split = 'run' or (split = 'test' and name in"
        " (select unnest($names)))) order by run_id, place",
        names=list(_HEADLINE),
    )
    found: dict[str, list[Metric]] = defaultdict(list)
    for row in rows:
        found[row.pop("run_id")].append(Metric(**row))
    return found


def _checks(board: Board) -> Mapping[str, Sequence[Check]]:
    rows = board.rows(
        "select run_id, id, outcome, value, low, high, limit_value, n, reason, advice,"
        " relaunch from checks"
        " where origin = 'run' order by run_id, place"
    )
    found: dict[str, list[Check]] = defaultdict(list)
    for row in rows:
        found[row.pop("run_id")].append(Check(limit=row.pop("limit_value"), **row))
    return found


# --- what was computed before --------------------------------------------------------------------


def known_difference(board: Board, run_id: str, against: str, metric: str) -> Difference | None:
    """A comparison made before: it depends on the two runs alone, which never change."""
    rows = board.rows(
        "select against, value, low, high, p, n, how from differences"
        " where run_id = $run_id and against = $against and metric = $metric",
        run_id=run_id,
        against=against,
        metric=metric,
    )
    return Difference(**rows[0]) if rows else None


def known_places(board: Board, task: Task, inputs: str) -> dict[str, tuple[int, int]] | None:
    """The places as computed from the same inputs before, if they were."""
    key = {"task": task.name, "version": task.version}
    where = "where task = $task and task_version = $version"
    found = board.rows(f"select inputs from placings {where}", **key)  # noqa: S608  our own text
    if not found or found[0]["inputs"] != inputs:
        return None
    rows = board.rows(f"select run_id, place_low, place_high from places {where}", **key)  # noqa: S608
    return {row["run_id"]: (row["place_low"], row["place_high"]) for row in rows}


def keep_places(
    board: Board, task: Task, inputs: str, places: Mapping[str, tuple[int, int]]
) -> None:
    """Note places and what they were computed from."""
    key = {"task": task.name, "task_version": task.version}
    for table in ("placings", "places"):
        board.rows(
            f"delete from {table} where task = $task and task_version = $task_version",  # noqa: S608
            **key,
        )
    board.insert("placings", [key | {"inputs": inputs}])
    rows = [
        key | {"run_id": run_id, "place_low": low, "place_high": high}
        for run_id, (low, high) in places.items()
    ]
    board.insert("places", rows)


# --- what is published ---------------------------------------------------------------------------


def write_standings(
    board: Board, standings: Sequence[Standing], board_checks: Mapping[str, Sequence[Check]]
) -> None:
    """Put the standings in place of those before, in the order given, with their board checks."""
    board.clear("standings", "differences")
    board.rows("delete from checks where origin = 'board'")
    orders: dict[str, int] = defaultdict(int)
    rows = []
    for standing in standings:
        orders[standing.task] += 1
        rows.append(_standing_row(standing, orders[standing.task]))
    board.insert("standings", rows)
    board.insert("differences", [_difference_row(s) for s in standings if s.difference])
    board.insert(
        "checks",
        [
            check_row(run_id, "board", place, check)
            for run_id, checks in sorted(board_checks.items())
            for place, check in enumerate(checks)
        ],
    )


def summary_of(ledger_version: int, standings: Sequence[Standing]) -> BoardSummary:
    """The published board in short."""
    found: dict[str, list[Standing]] = defaultdict(list)
    for standing in standings:
        found[standing.task].append(standing)
    return BoardSummary(
        ledger_version=ledger_version,
        published_at=now(),
        standings={task: tuple(rows) for task, rows in found.items()},
    )


def _standing_row(standing: Standing, order: int) -> dict[str, Any]:
    kept = ("run_id", "task", "task_version", "status", "ranked", "unranked_because", "place_low")
    row = standing.model_dump(include={*kept, "place_high", "evidence_digest"})
    against = standing.difference.against if standing.difference else ""
    return row | {
        "board_order": order,
        "provisional": list(standing.provisional),
        "against": against,
    }


def _difference_row(standing: Standing) -> dict[str, Any]:
    assert standing.difference is not None  # noqa: S101  the caller chose those that have one
    found = standing.difference.model_dump()
    return found | {"run_id": standing.run_id, "metric": standing.primary.name}
