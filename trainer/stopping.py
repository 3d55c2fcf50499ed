"""Being asked to stop: SIGTERM sets a flag, and the work looks at it where it can stop cleanly."""

import signal
from dataclasses import dataclass, field
from threading import Event as Flag
from types import FrameType

ASKS = (signal.SIGTERM, signal.SIGINT)


class Cancelled(Exception):
    """The run was asked to stop; what can be resumed is saved."""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Whether this process was asked to stop."""

    _flag: Flag = field(default_factory=Flag)

    def install(self) -> None:
        """From now on SIGTERM and SIGINT only set the flag."""
        for number in ASKS:
            signal.signal(number, self._received)
        # A supervisor that waits for signals has them blocked, and a child inherits that.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKS)

    def _received(self, number: int, frame: FrameType | None) -> None:
        self._flag.set()

    @property
    def requested(self) -> bool:
        return self._flag.is_set()

    def raise_if_requested(self) -> None:
        """
        Raises:
            Cancelled: This process was asked to stop.
        """
        if self.requested:
            raise Cancelled("asked to stop")
