"""What the board knows about each run before it is placed, and its standing once it is.

The placing itself is arithmetic and lives with the projection; here are the questions it asks of
the board and the rows it leaves.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from storage.board import Board
from storage.ingest import check_row, metric_row
from storage.judgements import BoardSummary, Difference, SeedPool, Standing, TaskNotes, Worth
from storage.records import (
    PRIMARY_METRICS,
    Check,
    Method,
    Metric,
    Record,
    RunSpec,
    RunState,
    Task,
    now,
)

_HEADLINE = (
    *(name for names in PRIMARY_METRICS.values() for name in names),
    *("log_loss", "brier", "ece", "unparsable_rate", "invented_rate", "spearman"),
)

FIRST_BOARD_METRIC = 10_000
"""Numbers that the board adds to a run's own, costs from prices, have places from here on."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that succeeded or failed, with what its standing is made from.

    `family` is the digest of its spec without the seed, `size_family` also without its share of
    train; `review` the state of its newest review.
    """

    run_id: str
    method: Method
    base: str
    seed: int
    family: str
    size_family: str
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
    device: str
    seconds: float | None
    lineage: tuple[str, ...]
    trained_rows: int
    opened: bool
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
    looks: int = 0

    @property
    def split(self) -> str:
        """Where runs are compared: on validation while the test set is sealed."""
        return "validation" if self.task.sealed else "test"

    @property
    def is_newest(self) -> bool:
        return self.task.version == self.newest.version


def task_boards(board: Board) -> tuple[TaskBoard, ...]:
    """Every task version that has runs, by name, newest version first."""
    registered = _registered(board)
    grouped: dict[tuple[str, int], list[Candidate]] = defaultdict(list)
    for key, candidate in _candidates(board):
        grouped[key].append(candidate)
    specs, looks = _one_spec_each(board), _looks(board)
    newest = dict(sorted({*registered, *grouped}))  # the highest version comes last and stays
    found = []
    for name, version in sorted(grouped, key=lambda key: (key[0], -key[1])):
        top = registered.get((name, newest[name])) or (specs[name, newest[name]], "")
        task, test_digest = registered.get((name, version)) or (specs[name, version], "")
        candidates = tuple(grouped[name, version])
        test_digest = test_digest or next((c.test_digest for c in candidates if c.test_digest), "")
        seen = looks.get((name, version), len(candidates))
        found.append(TaskBoard(task, top[0], test_digest, candidates, seen))
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


def _looks(board: Board) -> dict[tuple[str, int], int]:
    """How many runs have met the test rows of each task version, whatever became of them.

    A run counts once it has started, failed, cancelled and deleted ones too, and under every
    version of a task with the same test rows. A sealed test set is met when its scores are shown.
    """
    rows = board.rows(
        "with met as (select t.test_digest, r.id from runs r"
        " join tasks t on t.name = r.task and t.version = r.task_version"
        " where r.attempt > 0 and (coalesce(cast(json_extract(t.record, '$.sealed') as boolean),"
        " false) = false or r.id in (select run_id from openings)))"
        " select t.name, t.version, count(distinct m.id) as looks from tasks t"
        " left join met m on m.test_digest = t.test_digest group by t.name, t.version"
    )
    return {(row["name"], row["version"]): row["looks"] for row in rows}


def _candidates(board: Board) -> list[tuple[tuple[str, int], Candidate]]:
    metrics, checks = _metrics(board), _checks(board)
    rows = board.rows(
        "select r.id as run_id, r.task, r.task_version, r.method, r.base, r.seed, r.family,"
        " r.size_family,"
        " r.requested_by, r.state, r.reason, coalesce(e.problem, '') as problem,"
        " coalesce(e.manifest_digest, '') as manifest_digest,"
        " coalesce(e.test_digest, '') as test_digest, coalesce(e.rows_digest, '') as rows_digest,"
        " coalesce(e.engine, '') as engine, coalesce(e.engine_reason, '') as engine_reason,"
        " e.finished_at, coalesce(e.summary, '') as summary,"
        " coalesce((select state from reviews v where v.run_id = r.id"
        " order by v.created_at desc, v.id desc limit 1), '') as review,"
        " exists (select 1 from openings o where o.run_id = r.id) as opened"
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
    kept = ("run_id", "base", "seed", "family", "size_family", "requested_by", "reason", "problem")
    more = ("manifest_digest", "test_digest", "rows_digest", "engine", "engine_reason", "review")
    summary = json.loads(row["summary"]) if row["summary"] else {}
    return Candidate(
        **{name: row[name] for name in (*kept, *more, "opened")},
        method=Method(row["method"]),
        state=RunState(row["state"]),
        labels=tuple(summary.get("labels", ())),
        device=summary.get("device", ""),
        seconds=sum(summary["seconds"].values()) if summary else None,
        lineage=tuple(summary.get("lineage", ())),
        trained_rows=summary.get("rows", {}).get("train", 0),
        finished_at=row["finished_at"].replace(tzinfo=UTC) if row["finished_at"] else None,
        metrics=tuple(metrics.get(run_id, ())),
        checks=tuple(checks.get(run_id, ())),
    )


def _metrics(board: Board) -> Mapping[str, Sequence[Metric]]:
    """What a list shows: the whole of test and validation, and what belongs to no split."""
    rows = board.rows(
        "select run_id, name, split, value, low, high, n, how, missing_because from metrics"
        " where group_name = '' and (split = 'run' or (split in ('test', 'validation')"
        " and name in (select unnest($names)))) and place < $first order by run_id, place",
        names=list(_HEADLINE),
        first=FIRST_BOARD_METRIC,
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


class Comparison(Record):
    """What was computed from all comparable runs of a task at once.

    Attributes:
        places: Run to its best and worst rank and its tie group.
        seeds: Run to the pool of its spec's seeds, where there are several.
        published: Runs that were a new best when they finished, by the ladder.
    """

    places: dict[str, tuple[int, int, int]]
    detectable: float | None = None
    optimism: float | None = None
    seeds: dict[str, SeedPool] = Field(default_factory=dict)
    seed_checks: dict[str, Check] = Field(default_factory=dict)
    published: tuple[str, ...] = ()


def known_comparison(board: Board, task: Task, inputs: str) -> Comparison | None:
    """The comparison as computed from the same inputs before, if it was."""
    found = board.rows(
        "select inputs, record from placings where task = $task and task_version = $version",
        task=task.name,
        version=task.version,
    )
    if not found or found[0]["inputs"] != inputs:
        return None
    return Comparison.model_validate_json(found[0]["record"])


def keep_comparison(board: Board, task: Task, inputs: str, comparison: Comparison) -> None:
    """Note a comparison and what it was computed from."""
    key = {"task": task.name, "task_version": task.version}
    board.rows("delete from placings where task = $task and task_version = $task_version", **key)
    board.insert("placings", [key | {"inputs": inputs, "record": comparison.model_dump_json()}])


# --- what is published ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """All that the board says about one task version, its standings best first.

    `checks` and `metrics` are those that the board adds to a run's own; `differences` holds every
    comparison of two runs that was made, by the run.
    """

    task: str
    task_version: int
    standings: tuple[Standing, ...]
    checks: Mapping[str, tuple[Check, ...]]
    metrics: Mapping[str, tuple[Metric, ...]] = field(default_factory=dict)
    differences: tuple[tuple[str, Difference], ...] = ()
    worth: Worth | None = None
    notes: TaskNotes | None = None


def write_board(board: Board, tasks: Sequence[Placed]) -> None:
    """Put what was judged in place of what was there before."""
    board.clear("standings", "differences", "verdicts")
    board.rows("delete from checks where origin = 'board'")
    board.rows("delete from metrics where place >= $first", first=FIRST_BOARD_METRIC)
    orders: dict[str, int] = defaultdict(int)
    rows = []
    for placed in tasks:
        for standing in placed.standings:
            orders[standing.task] += 1
            rows.append(_standing_row(standing, orders[standing.task]))
    board.insert("standings", rows)
    board.insert("differences", [row for placed in tasks for row in _difference_rows(placed)])
    board.insert("verdicts", [_verdict_row(placed) for placed in tasks if placed.worth])
    board.insert("checks", [row for placed in tasks for row in _check_rows(placed)])
    board.insert("metrics", [row for placed in tasks for row in _cost_rows(placed)])


def summary_of(ledger_version: int, tasks: Sequence[Placed]) -> BoardSummary:
    """The published board in short; a task's verdict is that of its newest version, which is first.

    Args:
        tasks: Newest version of each task first.
    """
    found: dict[str, list[Standing]] = defaultdict(list)
    newest: dict[str, Placed] = {}
    for placed in tasks:
        found[placed.task] += placed.standings
        newest.setdefault(placed.task, placed)
    return BoardSummary(
        ledger_version=ledger_version,
        published_at=now(),
        standings={task: tuple(rows) for task, rows in found.items()},
        worth={task: placed.worth for task, placed in newest.items() if placed.worth},
        notes={task: placed.notes for task, placed in newest.items() if placed.notes},
    )


def _standing_row(standing: Standing, order: int) -> dict[str, Any]:
    kept = ("run_id", "task", "task_version", "status", "ranked", "unranked_because", "place_low")
    more = ("place_high", "evidence_digest", "tie_group", "sealed", "published_best")
    row = standing.model_dump(include={*kept, *more})
    against = standing.difference.against if standing.difference else ""
    return row | {
        "board_order": order,
        "provisional": list(standing.provisional),
        "against": against,
        "seeds": standing.seeds.model_dump_json() if standing.seeds else "",
        "targets": json.dumps([reading.model_dump(mode="json") for reading in standing.targets]),
        "gate": standing.gate.model_dump_json() if standing.gate else "",
    }


def _difference_rows(placed: Placed) -> Iterator[dict[str, Any]]:
    if not placed.standings:
        return
    metric = placed.standings[0].primary.name
    for run_id, difference in placed.differences:
        yield difference.model_dump() | {"run_id": run_id, "metric": metric}


def _verdict_row(placed: Placed) -> dict[str, Any]:
    notes = placed.notes or TaskNotes()
    return {
        "task": placed.task,
        "task_version": placed.task_version,
        "worth": placed.worth.model_dump_json() if placed.worth else "",
        "notes": notes.model_dump_json(),
    }


def _check_rows(placed: Placed) -> Iterator[dict[str, Any]]:
    for run_id, checks in sorted(placed.checks.items()):
        for place, check in enumerate(checks):
            yield check_row(run_id, "board", place, check)


def _cost_rows(placed: Placed) -> Iterator[dict[str, Any]]:
    for run_id, metrics in sorted(placed.metrics.items()):
        for place, metric in enumerate(metrics):
            yield metric_row(run_id, FIRST_BOARD_METRIC + place, metric)
