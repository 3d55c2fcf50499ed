"""Tells a listener which runs changed, at least once each, whoever changed them.

Transitions are read from the ledger behind a cursor that is moved only after the listener returned;
progress is noticed by the size of the events file. Whoever tells people (the Slack publisher) does
this, also while another process dispatches.
"""

from typing import Protocol

from storage.home import Home
from storage.ledger import Ledger
from storage.records import Attempt

CURSOR = "relayed"


class RunListener(Protocol):
    """Wants to know when there is something new about a run. Hears of some things twice."""

    def run_changed(self, run_id: str) -> None:
        """Called after a step of the run or of an attempt, and after new events."""
        ...


class Relay:
    """Watches the ledger and the folders of active runs for one listener."""

    def __init__(self, ledger: Ledger, home: Home, listener: RunListener) -> None:
        self._ledger = ledger
        self._home = home
        self._listener = listener
        self._sizes: dict[tuple[str, int], int] = {}

    def tick(self) -> None:
        """Tell of everything new. On a ledger's first listener, what is past stays untold."""
        done = self._ledger.cursor(CURSOR)
        if done is None:
            done = max((step.id for step in self._ledger.transitions_after(0)), default=0)
            self._ledger.move_cursor(CURSOR, done)
        steps = self._ledger.transitions_after(done)
        changed = [s.subject.partition("/")[0] for s in steps if s.kind in {"run", "attempt"}]
        changed += [
            attempt.run_id for attempt in self._ledger.active_attempts() if self._grew(attempt)
        ]
        for run_id in dict.fromkeys(changed):
            self._listener.run_changed(run_id)
        if steps:
            self._ledger.move_cursor(CURSOR, steps[-1].id)

    def _grew(self, attempt: Attempt) -> bool:
        events = self._home.run(attempt.run_id).attempt(attempt.number) / "events.jsonl"
        size = events.stat().st_size if events.exists() else 0
        before = self._sizes.get((attempt.run_id, attempt.number), 0)
        self._sizes[attempt.run_id, attempt.number] = size
        return size != before
