"""The dispatcher: takes queued runs to a host, and what became of them back into the ledger.

One tick looks at every attempt that has not ended, then fills free slots from the queue. A tick can
be cut off anywhere and the next dispatcher goes on from what is written down:

- The attempt is committed as `dispatching` before a host is asked; afterwards, whatever was
  answered, `find` is asked before anything is submitted again.
- An attempt is lost only when nothing of it is alive, which its lock proves; then its run is queued
  again, twice at most.
- Every step is a compare-and-set in the ledger, so a second dispatcher could do no harm.
"""

import logging
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from bot.hosts.launcher import Handle, Launcher, Observation, Sight
from bot.hosts.verdicts import judge
from storage.errors import CorruptFolder, HostRefused, HostUnavailable
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Attempt, AttemptState, Run, RunState, ShimExit, now

log = logging.getLogger(__name__)

START_PATIENCE = timedelta(seconds=60)
"""How long a host may fail to take an attempt before the attempt counts as lost."""

RUN_ENDS = {
    AttemptState.SUCCEEDED: RunState.SUCCEEDED,
    AttemptState.FAILED: RunState.FAILED,
    AttemptState.CANCELLED: RunState.CANCELLED,
}


class Dispatcher:
    """Moves runs between the queue and a host. One at a time: see `bot.hosts.work`."""

    def __init__(
        self, ledger: Ledger, home: Home, launcher: Launcher, host: str = os.uname().nodename
    ) -> None:
        self._ledger = ledger
        self._home = home
        self._launcher = launcher
        self._host = host
        self._troubles: dict[str, str] = {}

    def tick(self) -> None:
        """Take every attempt as far as it goes now, then start what there is room for."""
        active = self._ledger.active_attempts()
        seen = self._observe(active)
        for attempt in active:
            sight = seen.get(_handle(attempt))
            self._carefully(attempt.run_id, partial(self._look_after, attempt, sight))
        if not self._ledger.runs(states=[RunState.QUEUED], limit=1):
            return
        waiting = sum(attempt.state is AttemptState.DISPATCHING for attempt in active)
        for _ in range(self._launcher.free_slots() - waiting):
            claimed = self._ledger.claim_next_run(self._host)
            if claimed is None:
                return
            self._carefully(claimed[0].id, partial(self._dispatch, *claimed))

    def _carefully(self, run_id: str, work: Callable[[], None]) -> None:
        """What goes wrong with one run is logged, once, and does not hold up the others."""
        try:
            work()
        except Exception as error:
            if self._troubles.get(run_id) != repr(error):
                log.exception("%s: the dispatcher goes on without it and will try again", run_id)
            self._troubles[run_id] = repr(error)
        else:
            self._troubles.pop(run_id, None)

    def _observe(self, active: Sequence[Attempt]) -> dict[Handle, Observation]:
        """What is seen of attempts that were placed; nothing where the host cannot be asked."""
        placed = [_handle(a) for a in active if a.state is not AttemptState.DISPATCHING]
        try:
            return self._launcher.observe(placed)
        except HostUnavailable as error:
            log.warning("%d attempts cannot be seen just now: %s", len(placed), error)
            return {}

    def _look_after(self, attempt: Attempt, seen: Observation | None) -> None:
        run = self._ledger.run(attempt.run_id)
        if attempt.state is AttemptState.DISPATCHING:
            self._dispatch(run, attempt)
        elif seen:
            self._follow(run, attempt, seen)

    # --- to a host ------------------------------------------------------------------------------

    def _dispatch(self, run: Run, attempt: Attempt) -> None:
        """Place an attempt, unless it was placed by a dispatcher that did not live to say so."""
        handle = _handle(attempt)
        folder = self._home.run(run.id)
        try:
            folder.create(run.spec)
            if run.cancel_requested:  # said before looking, so that a late shim starts nothing
                self._launcher.cancel(handle)
            if not self._launcher.find(handle):
                if run.cancel_requested:
                    self._end(run, attempt, AttemptState.CANCELLED, "cancelled before it began")
                    return
                self._submit(handle)
        except HostUnavailable as error:
            self._start_later(attempt, str(error))
        except (CorruptFolder, HostRefused, OSError) as error:
            self._end(run, attempt, AttemptState.FAILED, f"It could not be started: {error}.")
        else:
            self._move(attempt, AttemptState.SUBMITTED)

    def _submit(self, handle: Handle) -> None:
        placement = self._launcher.submit(handle)
        if placement.gpus:
            self._ledger.set_gpus(handle.run_id, handle.attempt, placement.gpus)

    def _start_later(self, attempt: Attempt, why: str) -> None:
        log.info("%s waits to be started: %s", attempt.run_id, why)
        if now() - attempt.created_at > START_PATIENCE:
            self._lose(attempt, f"attempt {attempt.number} could not be started: {why}")

    # --- and back -------------------------------------------------------------------------------

    def _follow(self, run: Run, attempt: Attempt, seen: Observation) -> None:
        if seen.exit:
            self._finish(run, attempt, seen.exit)
        elif seen.sight is Sight.GONE:
            self._lose(attempt, f"attempt {attempt.number} died without a word")
        elif run.cancel_requested and attempt.state is not AttemptState.CANCELLING:
            self._launcher.cancel(_handle(attempt))
            self._move(attempt, AttemptState.CANCELLING)
        elif attempt.state is AttemptState.SUBMITTED:
            self._move(attempt, AttemptState.RUNNING)

    def _finish(self, run: Run, attempt: Attempt, end: ShimExit) -> None:
        folder = self._home.run(run.id)
        verdict = judge(
            end,
            has_evidence=folder.has_evidence,
            error=folder.error_message(attempt.number),
            cancel_requested=run.cancel_requested,
        )
        if verdict.state is AttemptState.LOST:
            self._lose(attempt, f"attempt {attempt.number} was lost: {verdict.reason}")
        else:
            self._end(run, attempt, verdict.state, verdict.reason)

    def _move(self, attempt: Attempt, after: AttemptState) -> None:
        self._ledger.move_attempt(attempt.run_id, attempt.number, after, self._host)
        log.info("%s attempt %d: %s", attempt.run_id, attempt.number, after.value)

    def _end(self, run: Run, attempt: Attempt, after: AttemptState, reason: str) -> None:
        self._ledger.end_attempt(
            run.id, attempt.number, after, self._host, reason, run_state=RUN_ENDS[after]
        )
        log.info("%s %s. %s", run.id, after.value, reason)

    def _lose(self, attempt: Attempt, reason: str) -> None:
        run = self._ledger.end_lost_attempt(attempt.run_id, attempt.number, self._host, reason)
        log.warning("%s: %s; the run is %s", attempt.run_id, reason, run.state.value)


def _handle(attempt: Attempt) -> Handle:
    return Handle(attempt.run_id, attempt.number)
