"""Tells a listener which runs changed, at least once each, whoever changed them.

Transitions are read from the ledger behind a cursor that is moved only after the listener returned;
progress is noticed by the size of the events file. Whoever tells people (the Slack publisher) does
this, also while another process dispatches. A run that can never be told of is passed over.
"""

import logging
from typing import Protocol

from storage import reviews
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Attempt, Transition

log = logging.getLogger(__name__)

CURSOR = "relayed"
MOST_TRIES = 10
"""Ticks in a row in which some run could not be told of, after which the cursor moves on."""


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
        self._failures = 0
        self._done: int | None = None
        self._sizes: dict[tuple[str, int], int] = {}

    def tick(self) -> None:
        """Tell of everything new. On a ledger's first listener, what is past stays untold."""
        if self._done is None:
            self._done = self._begin()
        steps = self._ledger.transitions_after(self._done)
        changed = [self._run_of(step) for step in steps if not _is_request(step)]
        changed += [
            attempt.run_id for attempt in self._ledger.active_attempts() if self._grew(attempt)
        ]
        told = [self._tell(run_id) for run_id in dict.fromkeys(changed)]
        self._failures = 0 if all(told) else self._failures + 1
        if self._failures % MOST_TRIES:
            return
        if steps:
            self._done = steps[-1].id
            self._ledger.move_cursor(CURSOR, self._done)

    def _begin(self) -> int:
        """How far whoever told before has come. Only one tells at a time: it is asked once."""
        done = self._ledger.cursor(CURSOR)
        if done is None:
            done = max((step.id for step in self._ledger.transitions_after(0)), default=0)
            self._ledger.move_cursor(CURSOR, done)
        return done

    def _run_of(self, step: Transition) -> str:
        """The run that a step is about, its reviews' steps included."""
        if step.kind == "review":
            return reviews.get(self._ledger, step.subject).run_id
        return step.subject.partition("/")[0]

    def _tell(self, run_id: str) -> bool:
        """One run that cannot be told of must not keep the others from being told."""
        try:
            self._listener.run_changed(run_id)
        except Exception:
            log.exception("%s cannot be told of now", run_id)
            return False
        return True

    def _grew(self, attempt: Attempt) -> bool:
        events = self._home.run(attempt.run_id).attempt(attempt.number) / "events.jsonl"
        size = events.stat().st_size if events.exists() else 0
        before = self._sizes.get((attempt.run_id, attempt.number), 0)
        self._sizes[attempt.run_id, attempt.number] = size
        return size != before


def _is_request(step: Transition) -> bool:
    """A run was asked for: its card was enqueued with it, and there is nothing more to tell."""
    return step.kind == "run" and not step.before
