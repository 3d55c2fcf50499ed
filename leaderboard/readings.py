"""Everything the pages read, kept under the name of the snapshot it was read from.

A snapshot never changes, so what was read from one stays true; a new publication has a new name and
is read anew. The folders of finished runs do not change either.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import streamlit as st

from leaderboard.settings import Settings
from storage import board_reader as reader
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
    GroupRow,
    LadderRow,
    MarkRow,
    Mistake,
    NewsRow,
    Publication,
    ReviewRow,
    RunPage,
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
from storage.errors import UserError
from storage.export import export_board
from storage.home import Home
from storage.judgements import TaskNotes, Worth
from storage.records import Check, Event, Metric

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Readings:
    """One publication, and the questions that pages ask of it."""

    home: Home
    snapshot: Path

    def publication(self) -> Publication:
        return _kept(reader.publication, self.snapshot)

    def tasks(self) -> list[TaskRow]:
        return _kept(reader.tasks, self.snapshot)

    def board_rows(
        self,
        task: TaskRow,
        only: BoardFilter | None = None,
        *,
        limit: int = 50,
        offset: int = 0,
        sort: str = "place",
    ) -> list[BoardRow]:
        return _kept(
            reader.board_rows,
            self.snapshot,
            task.name,
            task.primary_metric,
            only=only,
            limit=limit,
            offset=offset,
            split=task.split,
            sort=sort,
        )

    def board_span(self, task: TaskRow, only: BoardFilter | None = None) -> BoardSpan:
        return _kept(
            reader.board_span, self.snapshot, task.name, task.primary_metric, only, task.split
        )

    def verdict(self, task: str) -> tuple[Worth, TaskNotes] | None:
        return _kept(reader.verdict, self.snapshot, task)

    def elsewhere(self, task: str) -> list[ElsewhereRow]:
        return _kept(reader.elsewhere, self.snapshot, task)

    def run_page(self, run_id: str) -> RunPage | None:
        return _kept(reader.run_page, self.snapshot, run_id)

    def run_metrics(self, run_id: str) -> list[Metric]:
        return _kept(reader.run_metrics, self.snapshot, run_id)

    def run_checks(self, run_id: str) -> list[Check]:
        return _kept(reader.run_checks, self.snapshot, run_id)

    def run_steps(self, run_id: str) -> list[Step]:
        return _kept(reader.run_steps, self.snapshot, run_id)

    def reviews(self, review_id: str | None = None) -> list[ReviewRow]:
        return _kept(reader.reviews, self.snapshot, review_id)

    def decisions(self, review_id: str) -> list[DecisionRow]:
        return _kept(reader.decisions, self.snapshot, review_id)

    def week(self, since: datetime) -> list[WeekRow]:
        return _kept(reader.week, self.snapshot, since)

    def approved(self, each: int = 20) -> list[ReviewRow]:
        return _kept(reader.approved, self.snapshot, each)

    def in_production(self, task: str, besides: str = "") -> ReviewRow | None:
        """The newest approval of a task, or of another run than this one."""
        found = self.approved()
        return next((r for r in found if r.task == task and r.run_id != besides), None)

    def news(self, since: datetime) -> list[NewsRow]:
        return _kept(reader.news, self.snapshot, since)

    def usage(self) -> list[UsageRow]:
        return _kept(reader.usage, self.snapshot)

    def waiting(self) -> list[ElsewhereRow]:
        return _kept(reader.waiting, self.snapshot)

    def chain(self) -> list[ChainRow]:
        return _kept(reader.chain, self.snapshot)

    def groups(self, task: str) -> list[GroupRow]:
        return _kept(reader.groups, self.snapshot, task)

    def task_checks(self, task: str, ids: tuple[str, ...]) -> list[CheckRow]:
        return _kept(reader.task_checks, self.snapshot, task, ids)

    def currency(self) -> str:
        return _kept(reader.currency, self.snapshot)

    def marks(self, task: str) -> list[MarkRow]:
        return _kept(reader.marks, self.snapshot, task)

    def votes(self, run_id: str) -> VoteCount:
        return _kept(reader.votes, self.snapshot, run_id)

    def stages(self) -> list[StageRow]:
        return _kept(reader.stages, self.snapshot)

    def ladder(self, task: TaskRow) -> list[LadderRow]:
        return _kept(reader.ladder, self.snapshot, task.name, task.primary_metric, task.split)

    def versions(self, task: str) -> list[VersionRow]:
        return _kept(reader.versions, self.snapshot, task)

    def examples(self, run_ids: tuple[str, ...], **asked: Any) -> list[ExampleRow]:
        return reader.examples(self.home, run_ids, **asked)

    def slices(self, run_id: str) -> list[Slice]:
        return _kept(_of_home(reader.slices), self.home.path, run_id)

    def confusion(self, run_id: str) -> list[Confusion]:
        return _kept(_of_home(reader.confusion), self.home.path, run_id)

    def calibration(self, run_id: str) -> list[SurenessRow]:
        return _kept(_of_home(reader.calibration), self.home.path, run_id)

    def environment(self, run_id: str) -> dict[str, Any]:
        return self.home.run(run_id).environment()

    def log_tail(self, run_id: str, attempt: int, lines: int) -> list[str]:
        """The end of the log of an attempt; empty where it left none."""
        try:
            return self.home.run(run_id).log_tail(attempt, lines)
        except (FileNotFoundError, UserError):
            return []

    def mistakes(self, run_id: str) -> list[Mistake]:
        return _kept(_of_home(reader.mistakes), self.home.path, run_id)

    def curves(self, run_id: str) -> list[CurvePoint]:
        return _kept(_of_home(reader.curves), self.home.path, run_id)

    def exported(self, task: str, kind: str) -> bytes:
        """The whole board of a task as `csv` or `parquet`."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"board.{kind}"
            export_board(self.snapshot, task, target)
            return target.read_bytes()

    def newest_event(self, run_id: str, attempt: int) -> Event | None:
        """The newest progress of a run that trains; never kept."""
        events = self.home.run(run_id).events(attempt).events if attempt else ()
        return next((event for event in reversed(events) if event.step is not None), None)


def open_board() -> Readings | None:
    """The newest publication, or None where there is none yet.

    Raises:
        BoardGone: It was made by another version, or is broken.
    """
    home = Settings().opened
    snapshot = reader.newest_snapshot(home)
    return Readings(home, snapshot) if snapshot else None


def _of_home(question: Callable[[Home, str], T]) -> Callable[[Path, str], T]:
    def asked(folder: Path, run_id: str) -> T:
        return question(Home(folder), run_id)

    asked.__name__ = question.__name__
    return asked


def _kept(question: Callable[..., T], place: Path, *values: Any, **named: Any) -> T:
    return cast("T", _answer(question.__name__, place, values, named, question))


@st.cache_data(max_entries=200, ttl=600, show_spinner=False)
def _answer(
    name: str,  # part of the key; the question itself cannot be
    place: Path,
    values: tuple[Any, ...],
    named: dict[str, Any],
    _question: Callable[..., Any],
) -> Any:
    return _question(place, *values, **named)
