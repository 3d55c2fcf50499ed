"""A small Tuneboard with a registered task and three people."""

from collections.abc import Callable

import pytest

from bot.access import Caller
from bot.actions import Actions
from bot.directory import Directory, NoGroups
from bot.settings import Settings
from storage import tasks
from storage.home import Home
from storage.judgements import BoardSummary, Standing
from storage.ledger import Ledger
from storage.people import PersonEntry
from storage.published import Pointer, write_pointer
from storage.records import (
    AttemptState,
    DataFile,
    DataQuality,
    DatasetVersion,
    DataSource,
    Event,
    Metric,
    Policy,
    PolicyRule,
    Role,
    Run,
    RunState,
    Split,
    SplitSummary,
    Task,
    now,
)


@pytest.fixture
def settings() -> Settings:
    return Settings(
        people={
            "ana": PersonEntry(roles=(Role.LAUNCHER, Role.REVIEWER), slack="U1", os="ana"),
            "leo": PersonEntry(roles=(Role.LAUNCHER,), slack="U2"),
            "reva": PersonEntry(roles=(Role.REVIEWER,), slack="U3"),
        }
    )


@pytest.fixture
def actions(ledger: Ledger, home: Home, settings: Settings) -> Actions:
    tasks.add_task(ledger, _task(), _dataset(), 'name = "tickets"', "ana")
    return Actions(ledger, home, settings)


@pytest.fixture
def caller(settings: Settings) -> Callable[[str], Caller]:
    """Somebody in Slack, by user id."""
    directory = Directory(settings.people, NoGroups())
    return lambda user: directory.caller(user, "C1")


@pytest.fixture
def finish(ledger: Ledger, home: Home) -> Callable[[str], Run]:
    """End a queued run well, with the smallest evidence."""

    def make(run_id: str) -> Run:
        run = ledger.run(run_id)
        while (claimed := ledger.claim_next_run("host")) and claimed[0].id != run_id:
            pass
        folder = home.run(run_id)
        folder.create(run.spec)
        folder.attempt(1).mkdir()
        folder.append_event(1, Event(seq=1, at=now(), kind="finished"))
        evidence, adapter = folder.staging(1, "evidence"), folder.staging(1, "adapter")
        for name in ("metrics", "checks"):
            (evidence / f"{name}.json").write_text("[]")
        folder.publish_evidence(1, evidence, adapter)
        end = AttemptState.SUCCEEDED
        done = ledger.end_attempt(run_id, 1, end, "host", run_state=RunState.SUCCEEDED)
        _publish(home, ledger.version(), done)
        return done

    return make


def _task() -> Task:
    """A task whose policy lets every run through; the gate has tests of its own."""
    rule = PolicyRule(id="underfit", severity="show", on_not_run="allow")
    source = DataSource(file="/data/tickets.csv")
    return Task(name="tickets", data=source, policy=Policy(check=(rule,)))


def _dataset() -> DatasetVersion:
    return DatasetVersion(
        content_digest="a" * 64,
        test_digest="t" * 64,
        files=(DataFile(role="file", path="/x.csv", size_bytes=1, sha256="0" * 64, rows=3),),
        labels=("no", "yes"),
        splits=tuple(SplitSummary(split=s, rows=300, class_counts={"yes": 1}) for s in Split),
        quality=DataQuality(rows_read=3, rows_used=3),
    )


def _publish(home: Home, version: int, run: Run) -> None:
    """A board on which the run stands."""
    standing = Standing(
        run_id=run.id,
        task="tickets",
        task_version=1,
        method=run.spec.method,
        ranked=True,
        primary=Metric(name="macro_f1", split="test", value=0.9, n=300),
        status="baseline",
    )
    summary = BoardSummary(
        ledger_version=version, published_at=now(), standings={"tickets": (standing,)}
    )
    (home.board / "board.json").write_text(summary.model_dump_json())
    pointer = Pointer(snapshot="board.duckdb", summary="board.json", ledger_version=version)
    write_pointer(home.board, pointer)
