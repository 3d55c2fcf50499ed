"""What the dispatcher asks of an engine that places runs on hosts.

An engine only places one shim per attempt; what became of it is read from the run folder. All
methods return within ten seconds, and may raise HostUnavailable: then nothing is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from storage.records import ShimExit


@dataclass(frozen=True, slots=True)
class Handle:
    """One attempt of one run: the key under which an engine knows it."""

    run_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an attempt was put."""

    gpus: tuple[int, ...] = ()


class Sight(StrEnum):
    """What can be seen of an attempt."""

    RUNNING = "running"
    ENDED = "ended"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen, and how it ended where it did.

    GONE means: nothing of it is alive, which is proven, and no exit was recorded.
    """

    sight: Sight
    exit: ShimExit | None = None


class Launcher(Protocol):
    """Places attempts and says what can be seen of them."""

    def free_slots(self) -> int:
        """How many attempts could be placed now."""
        ...

    def submit(self, handle: Handle) -> Placement:
        """Place an attempt whose run folder holds its spec. Repeating it places nothing twice.

        Raises:
            HostUnavailable: There was no room or no answer; ask `find` before trying again.
            HostRefused: It can never be placed; the message says why.
        """
        ...

    def find(self, handle: Handle) -> bool:
        """Whether the attempt was ever placed."""
        ...

    def observe(self, handles: Sequence[Handle]) -> dict[Handle, Observation]:
        """What can be seen of attempts that were placed."""
        ...

    def cancel(self, handle: Handle) -> None:
        """Ask an attempt to save and end. May be repeated; one that has ended is no error."""
        ...
