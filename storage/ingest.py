"""Ledger and run folders become rows of the board.

Only what changed since the last publication is taken in: the ledger numbers its steps and decisions
without gaps, so the steps after the last known one name every run, attempt and review that changed.
A run's folder is read once, when the run has succeeded; evidence that is not as the run wrote it is
noted with the reason and stops nobody else. Taking in the same things twice equals once.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, text

from storage.board import Board, schema_sha256
from storage.errors import CorruptFolder, UnknownName
from storage.home import Home
from storage.ledger import Ledger
from storage.predictions import predicted_rows
from storage.records import (
    MEASURED_ON_TEST,
    Check,
    DatasetVersion,
    Metric,
    RunSpec,
    Split,
    Task,
    digest_of,
    now,
)
from storage.run_folder import RunFolder

Row = dict[str, Any]

_AT_ONCE = 500
OF_ONE_RUN = {"seed", "shared"}
"""What two runs of one configuration may differ in."""
"""Ids a ledger query names at once; SQLite and PostgreSQL both take many more."""


@dataclass(frozen=True, slots=True)
class Known:
    """How much of the ledger a board knows."""

    ledger_version: int = 0
    transition_id: int = 0
    decision_seq: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """The ledger's rows that a board does not have yet, of one moment."""

    now_known: Known
    chain_head: str
    tasks: list[Row]
    runs: list[Row]
    attempts: list[Row]
    reviews: list[Row]
    transitions: list[Row]
    decisions: list[Row]


def known(board: Board) -> Known:
    """How much of the ledger the board has."""
    found = board.rows("select ledger_version, transition_id, decision_seq from publication")
    return Known(**found[0]) if found else Known()


def is_behind(board: Board, ledger: Ledger) -> bool:
    """Whether the board knows more than the ledger: then it was made from another ledger."""
    before, found = known(board), _ledger_numbers(ledger)
    return before.transition_id > found.transition_id or before.decision_seq > found.decision_seq


def ingest(board: Board, ledger: Ledger, home: Home, settings_digest: str = "") -> Known:
    """Take in what changed. No transaction: a work file that is not finished is thrown away.

    Args:
        settings_digest: Of the settings that numbers on the board depend on.

    Returns:
        How much of the ledger the board has now.
    """
    changes = _changes(ledger, known(board))
    _write_ledger_rows(board, changes)
    opened = _take_openings(board, ledger)
    for table in ("waivers", "marks", "votes"):
        board.clear(table)
        board.insert(table, _whole_table(ledger, table))
    for table in ("evidence", "metrics", "checks"):  # read anew: their scores may be shown now
        board.delete(table, "run_id", opened)
    _write_evidence(board, home, _new_evidence(board))
    board.clear("publication")
    board.insert("publication", [_publication(changes, settings_digest)])
    return changes.now_known


def _take_openings(board: Board, ledger: Ledger) -> list[str]:
    """Note which sealed runs were opened; gives those that were not known to be."""
    before = {row["run_id"] for row in board.rows("select run_id from openings")}
    now_open = _whole_table(ledger, "openings")
    board.clear("openings")
    board.insert("openings", now_open)
    return sorted({row["run_id"] for row in now_open} - before)


def _whole_table(ledger: Ledger, name: str) -> list[Row]:
    with ledger.read() as db:
        return _select(db, name)


def take_in_again(board: Board, home: Home, run_id: str) -> None:
    """Read a run's folder anew, because it is no longer as it was taken in."""
    for table in ("evidence", "metrics", "checks"):
        board.delete(table, "run_id", [run_id])
    _write_evidence(board, home, [run_id])


def _publication(changes: Changes, settings_digest: str) -> Row:
    return {
        "only_row": 1,
        "schema_sha256": schema_sha256(),
        "ledger_version": changes.now_known.ledger_version,
        "transition_id": changes.now_known.transition_id,
        "decision_seq": changes.now_known.decision_seq,
        "chain_head": changes.chain_head,
        "published_at": _naive(now()),
        "settings_digest": settings_digest,
    }


# --- from the ledger -----------------------------------------------------------------------------


def _ledger_numbers(ledger: Ledger) -> Known:
    with ledger.read() as db:
        return _numbers(db, 0)


def _numbers(db: Connection, version: int) -> Known:
    query = "select name, value from counters where name in ('transition', 'decision')"
    found = {row.name: row.value for row in db.execute(text(query))}
    return Known(version, found["transition"], found["decision"])


def _changes(ledger: Ledger, before: Known) -> Changes:
    version = ledger.version()  # read first: what happens after it is taken in the next time
    with ledger.read() as db:
        steps = _select(db, "transitions where id > :after order by id", after=before.transition_id)
        decided = _select(
            db, "decisions where seq > :after order by seq", after=before.decision_seq
        )
        ids = {kind: _subjects(steps, kind) for kind in ("run", "attempt", "review")}
        attempted = sorted({subject.split("/")[0] for subject in ids["attempt"]})
        return Changes(
            now_known=_numbers(db, version),
            chain_head=_chain_head(db),
            tasks=[_task_row(row) for row in _select(db, "tasks order by name, version")],
            runs=[_run_row(row) for row in _select_ids(db, "runs", "id", ids["run"])],
            attempts=[_attempt_row(r) for r in _select_ids(db, "attempts", "run_id", attempted)],
            reviews=[_review_row(row) for row in _select_ids(db, "reviews", "id", ids["review"])],
            transitions=[_with_times(row, "happened_at") for row in steps],
            decisions=[_with_times(row, "decided_at") for row in decided],
        )


def _select(db: Connection, rest: str, **values: object) -> list[Row]:
    """Rows of a table of the ledger; `rest` is our own text, values are bound."""
    return [dict(r) for r in db.execute(text(f"select * from {rest}"), values).mappings()]  # noqa: S608


def _select_ids(db: Connection, table: str, column: str, ids: Sequence[str]) -> Iterator[Row]:
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        values = {f"i{place}": value for place, value in enumerate(part)}
        names = ", ".join(f":{name}" for name in values)
        yield from _select(db, f"{table} where {column} in ({names}) order by {column}", **values)


def _subjects(steps: Iterable[Row], kind: str) -> list[str]:
    return sorted({step["subject"] for step in steps if step["kind"] == kind})


def _chain_head(db: Connection) -> str:
    found = db.execute(text("select hash from decisions order by seq desc limit 1")).first()
    return str(found.hash) if found else ""


def _task_row(row: Row) -> Row:
    task = Task.model_validate_json(row["record"])
    dataset = DatasetVersion.model_validate_json(row["dataset"])
    return {
        "name": task.name,
        "version": task.version,
        "kind": task.kind.value,
        "primary_metric": task.primary_metric,
        "owner": task.owner or row["added_by"],
        "labels": list(dataset.labels),
        "test_rows": dataset.split(Split.TEST).rows,
        "test_digest": dataset.test_digest,
        "dataset_digest": dataset.content_digest,
        "record": row["record"],
        "dataset": row["dataset"],
        "added_by": row["added_by"],
        "added_at": _time(row["added_at"]),
    }


def _run_row(row: Row) -> Row:
    spec = RunSpec.model_validate_json(row["spec"])
    kept = ("id", "task", "task_version", "method", "spec", "state", "reason", "requested_by")
    return {name: row[name] for name in (*kept, "origin", "attempt")} | {
        "base": spec.base.name if spec.base else spec.label,
        "seed": spec.seed,
        "family": digest_of(spec.model_dump(mode="json", exclude=OF_ONE_RUN)),
        "size_family": digest_of(spec.model_dump(mode="json", exclude=OF_ONE_RUN | {"subset"})),
        "created_at": _time(row["created_at"]),
        "updated_at": _time(row["updated_at"]),
    }


def _attempt_row(row: Row) -> Row:
    kept = {name: row[name] for name in ("run_id", "number", "state", "host", "reason")}
    return kept | {name: _time(row[name]) for name in ("created_at", "updated_at")}


def _review_row(row: Row) -> Row:
    compared = list(filter(None, row["compared_with"].split(",")))
    return _with_times(row, "created_at", "updated_at") | {"compared_with": compared}


def _with_times(row: Row, *names: str) -> Row:
    return row | {name: _time(row[name]) for name in names}


def _write_ledger_rows(board: Board, changes: Changes) -> None:
    board.clear("tasks")
    board.insert("tasks", changes.tasks)
    for table, column, rows in (
        ("runs", "id", changes.runs),
        ("attempts", "run_id", changes.attempts),
        ("reviews", "id", changes.reviews),
    ):
        board.delete(table, column, sorted({row[column] for row in rows}))
        board.insert(table, rows)
    board.insert("transitions", changes.transitions)
    board.insert("decisions", changes.decisions)


# --- from the run folders ------------------------------------------------------------------------


def _new_evidence(board: Board) -> list[str]:
    """Runs that succeeded and whose folders were not read yet."""
    query = (
        "select id from runs where state = 'succeeded'"
        " and id not in (select run_id from evidence) order by id"
    )
    return [row["id"] for row in board.rows(query)]


def _write_evidence(board: Board, home: Home, run_ids: Sequence[str]) -> None:
    rows: dict[str, list[Row]] = {"evidence": [], "metrics": [], "checks": []}
    opened = {row["run_id"] for row in board.rows("select run_id from openings")}
    for run_id in run_ids:
        for table, found in _read_evidence(home, run_id, opened=run_id in opened).items():
            rows[table] += found
    for table, found in rows.items():
        board.insert(table, found)


def _read_evidence(home: Home, run_id: str, *, opened: bool) -> Mapping[str, list[Row]]:
    """The rows of one run's folder, or one row that says why there are none."""
    try:
        return _folder_rows(home.run(run_id), opened=opened)
    except (CorruptFolder, UnknownName, OSError, ValidationError, json.JSONDecodeError) as error:
        return {"evidence": [_evidence_row(run_id, problem=_in_words(error))]}


def _in_words(error: Exception) -> str:
    if isinstance(error, CorruptFolder | UnknownName):
        return str(error)
    if isinstance(error, OSError):
        return f"its evidence cannot be read: {error.strerror or type(error).__name__}"
    return "its evidence does not have the shape this version of Tuneboard knows"


def _folder_rows(folder: RunFolder, *, opened: bool) -> Mapping[str, list[Row]]:
    if not folder.has_evidence:
        raise CorruptFolder("it says succeeded, but left no evidence")
    digest = folder.verified_digest()
    summary = folder.summary()
    rows_digest = predicted_rows(folder, summary.labels).digest
    evidence = _evidence_row(
        folder.run_id,
        manifest_digest=digest,
        rows_digest=rows_digest,
        test_digest=summary.test_digest,
        scoring=summary.scoring,
        engine=summary.engine,
        engine_reason=summary.engine_reason,
        summary=summary.model_dump_json(),
        finished_at=_naive(summary.finished_at),
    )
    hidden = folder.spec().task.sealed and not opened
    metrics = [
        metric_row(folder.run_id, place, metric)
        for place, metric in enumerate(folder.metrics())
        if not (hidden and metric.split == "test")
    ]
    checks = [
        check_row(folder.run_id, "run", place, check)
        for place, check in enumerate(folder.checks())
        if not (hidden and check.id in MEASURED_ON_TEST)
    ]
    return {"evidence": [evidence], "metrics": metrics, "checks": checks}


def _evidence_row(run_id: str, **found: Any) -> Row:
    names = ("problem", "manifest_digest", "test_digest", "rows_digest", "scoring", "engine")
    empty: Row = dict.fromkeys((*names, "engine_reason", "summary"), "")
    return {"run_id": run_id, "finished_at": None} | empty | found


def metric_row(run_id: str, place: int, metric: Metric) -> Row:
    """A metric as a row of the board."""
    found = metric.model_dump(mode="json")
    return {"run_id": run_id, "place": place, "group_name": found.pop("group")} | found


def check_row(run_id: str, origin: str, place: int, check: Check) -> Row:
    """A check as a row of the board; origin is `run` or `board`."""
    found = check.model_dump(mode="json")
    limit = found.pop("limit")
    return {"run_id": run_id, "origin": origin, "place": place, "limit_value": limit} | found


def _time(value: str) -> datetime:
    return _naive(datetime.fromisoformat(value))


def _naive(moment: datetime) -> datetime:
    """UTC without a zone: DuckDB 2.0 needs another package to read zoned times."""
    return moment.astimezone(UTC).replace(tzinfo=None)
