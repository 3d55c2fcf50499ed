"""Slack gives up after 3 s and tells the person that it failed: then nothing may happen any more.

The socket sets the deadline of the request that its thread works on. A write that got its lock
later than that is not begun: waiting for the lock may have taken long.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, Engine

from storage.errors import InternalError
from storage.ledger import Ledger

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class TooLate(InternalError):
    """The person was told already that it failed."""


class PunctualLedger(Ledger):
    """A ledger that takes no write of a request that Slack has given up.

    The threads of this process take turns: left to themselves they would wake by SQLite's own
    back-off, late and in no order.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._turn = threading.Lock()

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """One transaction that holds the write lock from its start.

        Raises:
            TooLate: The lock came after the deadline of the request.
        """
        with self._turn, super().write(durable=durable) as db:
            deadline = _deadline.get()
            if deadline is not None and time.monotonic() > deadline:
                raise TooLate("the ledger was busy until Slack gave up")
            yield db


@contextmanager
def deadline(at: float) -> Iterator[None]:
    """Everything this thread does in here has to begin its write before `at` (monotonic)."""
    token = _deadline.set(at)
    try:
        yield
    finally:
        _deadline.reset(token)
