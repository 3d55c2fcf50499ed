"""A ledger, a home and finished runs with small real files."""

from collections.abc import Callable

import pytest

from storage.home import Home
from storage.ledger import Ledger
from storage.records import (
    AttemptState,
    DataSource,
    Event,
    Method,
    Run,
    RunSpec,
    RunState,
    Task,
    now,
)
from storage.run_folder import RunFolder, dump_records


@pytest.fixture
def spec() -> RunSpec:
    task = Task(name="tickets", data=DataSource(file="/data/tickets.csv"))
    return RunSpec(task=task, method=Method.MAJORITY)


def write_evidence(folder: RunFolder, spec: RunSpec, content: str = "[]") -> None:
    """The smallest evidence whose manifest can be verified."""
    folder.create(spec)
    folder.attempt(1).mkdir(exist_ok=True)
    folder.append_event(1, Event(seq=1, at=now(), kind="finished"))
    evidence, adapter = folder.staging(1, "evidence"), folder.staging(1, "adapter")
    (evidence / "metrics.json").write_text(content)
    (evidence / "checks.json").write_text(dump_records([]))
    (adapter / "model.json").write_text("{}")
    folder.publish_evidence(1, evidence, adapter)


@pytest.fixture
def finished(ledger: Ledger, home: Home, spec: RunSpec) -> Callable[..., Run]:
    """Make a run that has succeeded, with evidence on disk."""

    def make(key: str = "k", requested_by: str = "ana") -> Run:
        run, _ = ledger.request_run(spec, key, requested_by)
        ledger.claim_next_run("host")
        write_evidence(home.run(run.id), spec)
        end = AttemptState.SUCCEEDED
        return ledger.end_attempt(run.id, 1, end, "host", run_state=RunState.SUCCEEDED)

    return make
