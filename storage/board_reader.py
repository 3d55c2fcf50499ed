"""What pages ask of a published board. Each question is a file in `queries/` and opens read-only.

A snapshot never changes, so an answer may be kept under the snapshot's name. Predictions and curves
are queried where they lie, in the run folders.
"""

from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from pydantic import TypeAdapter

from storage.board import Board, is_sound
from storage.board_rows import (
    BoardFilter,
    BoardRow,
    BoardSpan,
    ChainRow,
    CheckRow,
    Confusion,
    CurvePoint,
    DecisionRow,
    ElsewhereRow,
    ExampleRow,
    Flag,
    GroupRow,
    LadderRow,
    MarkRow,
    Mistake,
    NewsRow,
    Publication,
    ReviewRow,
    RunPage,
    Said,
    Slice,
    StageRow,
    Step,
    SurenessRow,
    TaskRow,
    UsageRow,
    VersionRow,
    VoteCount,
    WeekRow,
)
from storage.errors import InternalError
from storage.evidence_tables import CURVES, PREDICTIONS
from storage.home import Home
from storage.judgements import Gate, SeedPool, TargetReading, TaskNotes, Worth
from storage.published import read_pointer
from storage.records import Check, DatasetVersion, EvidenceSummary, Metric, Outcome, RunSpec, Task

T = TypeVar("T")

SORTS = {
    "place": "",
    "newest": "",
    "latency": "latency_p95_ms",
    "cost": "cost_per_1000",
    "training": "train_seconds",
    "size": "trainable_parameters",
}
"""How a board may be ordered: by place, by age, or by a number of the run, the least first."""

_TARGETS = TypeAdapter(tuple[TargetReading, ...])


class BoardGone(InternalError):
    """The snapshot was replaced while it was read, or was made by another version; ask again."""


def newest_snapshot(home: Home) -> Path | None:
    """The snapshot to read, or None before the first publication.

    Raises:
        BoardGone: The newest one cannot be read by this version.
    """
    for _ in range(2):  # a publication may replace the one that was just looked up
        pointer = read_pointer(home.board)
        if pointer is None:
            return None
        if is_sound(home.board, pointer):
            return home.board / pointer.snapshot
    raise BoardGone("the board was made by another version, or is broken")


def publication(snapshot: Path) -> Publication:
    query = "select ledger_version, chain_head, published_at from publication"
    return _rows(snapshot, Publication, query)[0]


def tasks(snapshot: Path) -> list[TaskRow]:
    """Every task at its newest version."""
    return [_task_row(row) for row in _ask(snapshot, _query("tasks"))]


def _task_row(row: dict[str, Any]) -> TaskRow:
    task = Task.model_validate_json(row.pop("record"))
    return TaskRow(task=task, **row)


def board_rows(
    snapshot: Path,
    task: str,
    primary: str,
    *,
    only: BoardFilter | None = None,
    limit: int = 50,
    offset: int = 0,
    split: str = "test",
    sort: str = "place",
) -> list[BoardRow]:
    """A page of a task's board.

    Args:
        primary: The metric that ranks.
        sort: One of `SORTS`: `place` is best first.
        split: Where it ranks: `validation` for a task whose test set is sealed.
        only: Which runs; None for all.
    """
    found = _ask(
        snapshot,
        _query("board"),
        task=task,
        primary=primary,
        limit=limit,
        offset=offset,
        split=split,
        **_filtered(only),
        cost=SORTS[sort] or None,
        newest=sort == "newest",
    )
    return [_board_row(row) for row in found]


def _board_row(row: dict[str, Any]) -> BoardRow:
    flags = [Flag(**flag | {"outcome": Outcome(flag["outcome"])}) for flag in row.pop("flags")]
    return BoardRow(flags=flags, **_judged(row))


def _judged(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose JSON columns are the records they hold."""
    return row | {
        "seeds": SeedPool.model_validate_json(row["seeds"]) if row["seeds"] else None,
        "targets": _TARGETS.validate_json(row["targets"]),
        "gate": Gate.model_validate_json(row["gate"]) if row["gate"] else None,
    }


def verdict(snapshot: Path, task: str) -> tuple[Worth, TaskNotes] | None:
    """Whether fine-tuning was worth it, and what holds for the whole board; None before any run."""
    found = _ask(snapshot, _query("verdict"), task=task)
    if not found:
        return None
    row = found[0]
    return Worth.model_validate_json(row["worth"]), TaskNotes.model_validate_json(row["notes"])


def _filtered(only: BoardFilter | None) -> dict[str, Any]:
    only = only or BoardFilter()
    return {
        "methods": list(only.methods) or None,
        "statuses": list(only.statuses) or None,
        "policies": list(only.policies) or None,
        "words": only.words.lower(),
    }


def board_span(
    snapshot: Path,
    task: str,
    primary: str,
    only: BoardFilter | None = None,
    split: str = "test",
) -> BoardSpan:
    """What the whole board spans, not only the page of it that is shown."""
    found = _rows(
        snapshot,
        BoardSpan,
        _query("board_span"),
        task=task,
        primary=primary,
        split=split,
        **_filtered(only),
    )
    return found[0]


def elsewhere(snapshot: Path, task: str) -> list[ElsewhereRow]:
    """Runs of a task that wait, train or were cancelled; the newest 50."""
    return _rows(snapshot, ElsewhereRow, _query("elsewhere"), task=task)


def run_page(snapshot: Path, run_id: str) -> RunPage | None:
    """A run, or None where the board does not know it."""
    found = _ask(snapshot, _query("run"), run_id=run_id)
    if not found:
        return None
    row = found[0]
    summary = row.pop("summary")
    return RunPage(
        spec=RunSpec.model_validate_json(row.pop("spec")),
        summary=EvidenceSummary.model_validate_json(summary) if summary else None,
        **_judged(row),
    )


def run_metrics(snapshot: Path, run_id: str) -> list[Metric]:
    return [Metric(**row) for row in _ask(snapshot, _query("run_metrics"), run_id=run_id)]


def run_checks(snapshot: Path, run_id: str) -> list[Check]:
    """The checks of a run and those that the board made, what needs attention first."""
    return [Check(**row) for row in _ask(snapshot, _query("run_checks"), run_id=run_id)]


def run_steps(snapshot: Path, run_id: str) -> list[Step]:
    """How a run came about, oldest first."""
    return _rows(snapshot, Step, _query("run_steps"), run_id=run_id)


def reviews(snapshot: Path, review_id: str | None = None, limit: int = 200) -> list[ReviewRow]:
    """Reviews, what waits first; or the one of this id."""
    return _rows(snapshot, ReviewRow, _query("reviews"), review_id=review_id, limit=limit)


def decisions(snapshot: Path, review_id: str) -> list[DecisionRow]:
    return _rows(snapshot, DecisionRow, _query("decisions"), review_id=review_id)


def week(snapshot: Path, since: datetime) -> list[WeekRow]:
    """What happened since a moment, by task."""
    return _rows(snapshot, WeekRow, _query("week"), since=since.replace(tzinfo=None))


def approved(snapshot: Path, each: int = 20) -> list[ReviewRow]:
    """Approved reviews by task, the newest first: the first of a task is what is in production.

    Args:
        each: How many of a task at most.
    """
    return _rows(snapshot, ReviewRow, _query("approved"), each=each)


def news(snapshot: Path, since: datetime, limit: int = 10) -> list[NewsRow]:
    """What became the best of a task, and what was decided, since a moment; the newest first."""
    since = since.replace(tzinfo=None)
    return _rows(snapshot, NewsRow, _query("news"), since=since, limit=limit)


def usage(snapshot: Path) -> list[UsageRow]:
    return _rows(snapshot, UsageRow, _query("usage"))


def waiting(snapshot: Path) -> list[ElsewhereRow]:
    """Runs that have not ended; at most 200."""
    return _rows(snapshot, ElsewhereRow, _query("waiting"))


def chain(snapshot: Path) -> list[ChainRow]:
    """Every decision, in the order of the chain."""
    return _rows(snapshot, ChainRow, _query("chain"))


def groups(snapshot: Path, task: str) -> list[GroupRow]:
    return _rows(snapshot, GroupRow, _query("groups"), task=task)


def task_checks(snapshot: Path, task: str, ids: tuple[str, ...]) -> list[CheckRow]:
    """Checks of these names, of each run of a task."""
    found = _ask(snapshot, _query("task_checks"), task=task, ids=list(ids))
    return [CheckRow(**row | {"outcome": Outcome(row["outcome"])}) for row in found]


def currency(snapshot: Path) -> str:
    """What costs are in, such as `EUR`; empty where nothing has a price."""
    return str(_ask(snapshot, _query("currency"))[0]["currency"])


def marks(snapshot: Path, task: str) -> list[MarkRow]:
    return _rows(snapshot, MarkRow, _query("marks"), task=task)


def votes(snapshot: Path, run_id: str) -> VoteCount:
    return _rows(snapshot, VoteCount, _query("votes"), run_id=run_id)[0]


def stages(snapshot: Path) -> list[StageRow]:
    return _rows(snapshot, StageRow, _query("stages"))


def ladder(snapshot: Path, task: str, primary: str, split: str = "test") -> list[LadderRow]:
    return _rows(snapshot, LadderRow, _query("ladder"), task=task, primary=primary, split=split)


def versions(snapshot: Path, task: str) -> list[VersionRow]:
    """Every version of a task, the newest first."""
    found = _ask(snapshot, _query("versions"), task=task)
    return [
        VersionRow(**row | {"dataset": DatasetVersion.model_validate_json(row["dataset"])})
        for row in found
    ]


# --- in the run folders --------------------------------------------------------------------------


def confusion(home: Home, run_id: str) -> list[Confusion]:
    """Pairs of true and predicted label on test; empty where the file is not there."""
    return _parquet(home, run_id, PREDICTIONS, Confusion, "confusion", "predictions")


def calibration(home: Home, run_id: str) -> list[SurenessRow]:
    """Tenths of the test rows by how sure the run was; empty where it gives no probabilities."""
    return _parquet(home, run_id, PREDICTIONS, SurenessRow, "calibration", "predictions")


def mistakes(home: Home, run_id: str, limit: int = 12) -> list[Mistake]:
    """The surest mistakes on test."""
    return _parquet(home, run_id, PREDICTIONS, Mistake, "mistakes", "predictions", limit=limit)


def curves(home: Home, run_id: str) -> list[CurvePoint]:
    """What was measured while training; empty for methods that do not train in steps."""
    return _parquet(home, run_id, CURVES, CurvePoint, "curves", "curves")


def slices(home: Home, run_id: str) -> list[Slice]:
    """Parts of the test rows that can be looked at alone, the largest of each kind first."""
    return _parquet(home, run_id, PREDICTIONS, Slice, "slices", "predictions")


def examples(
    home: Home,
    run_ids: tuple[str, ...],
    *,
    split: str = "test",
    words: str = "",
    part: Slice | None = None,
    wrong_only: bool = False,
    limit: int = 25,
    offset: int = 0,
) -> list[ExampleRow]:
    """Examples with what each run said of them, those that most runs had wrong first."""
    places = {str(home.run(run_id).evidence / PREDICTIONS): run_id for run_id in run_ids}
    there = [place for place in places if Path(place).is_file()]
    if not there:
        return []
    with duckdb.connect() as connection:
        rows = Board(connection).rows(
            _query("examples"),
            files=there,
            split=split,
            words=words,
            column=part.column if part else "",
            value=part.value if part else None,
            wrong_only=wrong_only,
            limit=limit,
            offset=offset,
        )
    return [
        ExampleRow(
            **row
            | {
                "said": [
                    Said(places[said["file"]], said["predicted"] or "", bool(said["right"]))
                    for said in row["said"]
                ]
            }
        )
        for row in rows
    ]


def _parquet(
    home: Home, run_id: str, name: str, kind: type[T], query: str, parameter: str, **values: Any
) -> list[T]:
    target = home.run(run_id).evidence / name
    if not target.is_file():
        return []
    with duckdb.connect() as connection:
        board = Board(connection)
        return _made(kind, board.rows(_query(query), **{parameter: str(target)}, **values))


def _rows(snapshot: Path, kind: type[T], query: str, **values: Any) -> list[T]:
    return _made(kind, _ask(snapshot, query, **values))


def _made(kind: type[T], rows: list[dict[str, Any]]) -> list[T]:
    return [kind(**row) for row in rows]


def _ask(snapshot: Path, query: str, **values: Any) -> list[dict[str, Any]]:
    try:
        board = Board.read(snapshot)
    except duckdb.Error as error:
        raise BoardGone(f"{snapshot.name} cannot be opened: {error}") from error
    try:
        return board.rows(query, **values)
    except duckdb.CatalogException as error:
        raise BoardGone(f"{snapshot.name} has another schema: {error}") from error
    finally:
        board.close()


@cache
def _query(name: str) -> str:
    return (files("storage") / "queries" / f"{name}.sql").read_text(encoding="utf-8")
