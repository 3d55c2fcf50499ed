"""The words of what it means: what the board says about runs, and what a policy makes of it.

The other words are in `records.py`; both are used alike in code, SQL, Slack and pages.
"""

from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import Field

from storage.records import Check, Instant, Method, Metric, Name, Outcome, Record


class Difference(Record):
    """A paired difference of the primary metric on the same test rows: this run minus `against`."""

    against: str
    value: float
    low: float
    high: float
    p: float
    n: int
    how: str


class SeedPool(Record):
    """One spec run with several seeds, pooled: a fine-tune is itself random.

    `low` and `high` bound the mean over seeds at 95 %, with the chance of the test rows and of the
    seeds; `sd` is the standard deviation between seeds.
    """

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    mean: float
    sd: float
    low: float
    high: float
    how: str


class TargetReading(Record):
    """A metric held against its target: green or red only where the whole interval is there."""

    metric: str
    colour: Literal["green", "amber", "red", "not_measured"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    green: float
    red: float
    reason: str


class Waiver(Record):
    """A named person's word that a check need not hold for a run until a day; it stays visible."""

    id: str
    run_id: str
    check: str
    person: Name
    reason: str
    until: date
    at: Instant


class Finding(Record):
    """What one rule of a policy found in a run's evidence."""

    id: str
    outcome: Outcome
    severity: Literal["block", "warn", "show"]
    effect: Literal["pass", "warn", "block", "waived", "shown"]
    reason: str
    waiver: Waiver | None = None


class Gate(Record):
    """A policy's answer for a run. Nothing here approves: `eligible` still needs a person."""

    status: Literal["eligible", "needs_review", "blocked"]
    counts: str
    findings: tuple[Finding, ...] = ()


class Arm(Record):
    """One way to do a task: the run that stands for a method and base, chosen on validation.

    `cost` is its price over the forecast volume, `difference` that to the recommended arm.
    """

    run_id: str
    method: Method
    base: str = ""
    primary: Metric
    cost: float | None = None
    cost_per_1000: float | None = None
    latency_p95_ms: float | None = None
    difference: Difference | None = None
    words: str = ""


class Worth(Record):
    """Whether fine-tuning was worth it, over all arms of a task, cheapest first."""

    verdict: Literal["worth_it", "tie", "worse", "not_compared"]
    sentence: str
    recommended: str = ""
    tuned: str = ""
    cost_multiple: float | None = None
    latency_multiple: float | None = None
    more_rows: int | None = None
    missing: tuple[str, ...] = ()
    arms: tuple[Arm, ...] = ()


class TaskNotes(Record):
    """What holds for a whole board: how small a difference it can see, how lucky its best is.

    Attributes:
        detectable: The smallest difference that this test set finds in 80 of 100 cases.
        optimism: By how much the best of `selected_of` runs looks better than it is.
        looks: Runs that have met these test rows, failed and deleted ones included.
        top: What can be said of the first places, for a manager.
        sentences: The rest in words.
    """

    detectable: float | None = None
    optimism: float | None = None
    selected_of: int = 0
    looks: int = 0
    top: str = ""
    sentences: tuple[str, ...] = ()


class Standing(Record):
    """A run's place in its task: a range of ranks, not a bare rank."""

    run_id: str
    task: str
    task_version: int
    method: Method
    base: str = ""
    seed: int = 1
    requested_by: str = ""
    ranked: bool
    unranked_because: str = ""
    place_low: int | None = None
    place_high: int | None = None
    provisional: tuple[str, ...] = ()
    primary: Metric
    metrics: tuple[Metric, ...] = ()
    difference: Difference | None = None
    checks: tuple[Check, ...] = ()
    status: str
    engine: str = ""
    engine_reason: str = ""
    train_seconds: float | None = None
    evidence_digest: str = ""
    finished_at: Instant | None = None
    tie_group: int | None = None
    seeds: SeedPool | None = None
    targets: tuple[TargetReading, ...] = ()
    gate: Gate | None = None
    sealed: bool = False
    published_best: bool = False

    @property
    def place(self) -> str:
        """`1`, `1–4`, or `–` where the run is not ranked."""
        if self.place_low is None or self.place_high is None:
            return "–"
        same = self.place_low == self.place_high
        return str(self.place_low) if same else f"{self.place_low}–{self.place_high}"


class BoardSummary(Record):
    """The published board in short, for readers that load no DuckDB: standings by task name."""

    ledger_version: int
    published_at: Instant
    standings: dict[str, tuple[Standing, ...]]
    worth: dict[str, Worth] = Field(default_factory=dict)
    notes: dict[str, TaskNotes] = Field(default_factory=dict)


def approval_end(approved_at: datetime, days: int | None) -> datetime | None:
    """When an approval ends by a policy's `approval_days`; None where no end is set."""
    return approved_at + timedelta(days=days) if days else None
