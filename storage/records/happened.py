"""What happened: runs, attempts, steps, events, and how a trainer's process ended."""

from typing import Literal

from pydantic import Field

from storage.records.choices import AttemptState, RunState
from storage.records.record import Instant, Record
from storage.records.spec import RunSpec


class Run(Record):
    """A request with an id and a state, as the ledger holds it."""

    id: str
    key: str
    spec: RunSpec
    state: RunState
    reason: str = ""
    requested_by: str
    origin: str = "terminal"
    attempt: int = 0
    cancel_requested: bool = False
    created_at: Instant
    updated_at: Instant


class Attempt(Record):
    """One try at a run on a host."""

    run_id: str
    number: int = Field(ge=1)
    state: AttemptState
    host: str = ""
    gpus: tuple[int, ...] = ()
    reason: str = ""
    created_at: Instant
    updated_at: Instant


class Transition(Record):
    """One recorded change of state of a run, attempt or review."""

    id: int
    kind: Literal["run", "attempt", "review"]
    subject: str
    before: str
    after: str
    actor: str
    reason: str
    at: Instant


class Event(Record):
    """One thing the trainer reports: one JSON line, numbered from 1 within its attempt."""

    seq: int = Field(ge=1)
    at: Instant
    kind: Literal["stage", "progress", "evaluation", "warning", "engine", "finished", "failed"]
    stage: str = ""
    message: str = ""
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    validation_loss: float | None = None
    eta_s: float | None = None


class ShimStart(Record):
    """`attempt-N/start.json`: the claim of an attempt, written before the trainer is started."""

    run_id: str
    attempt: int
    at: Instant
    host: str
    boot_id: str
    pid: int
    argv: tuple[str, ...]


class ShimExit(Record):
    """`attempt-N/exit.json`: how the trainer ended. `code` is negative for a signal."""

    run_id: str
    attempt: int
    at: Instant
    code: int
    killed: bool = False
    cancelled: bool = False
    message: str = ""


EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_REFUSED = 3
EXIT_OUT_OF_MEMORY = 4
EXIT_CANCELLED = 143
