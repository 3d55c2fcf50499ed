"""What the trainer tells the world: one event a line, and a sign of life at least every 2 s."""

import time
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self

from storage.records import Event, now
from storage.run_folder import RunFolder

SILENCE_LIMIT_S = 1.5
"""After this long without an event the last progress is told again (people are told every 2 s)."""


@dataclass(slots=True)
class Progress:
    """Appends numbered events to one attempt; `with` keeps a thread that speaks when work is mute.

    The thread is needed because a single stage (loading a base, predicting a split) may take longer
    than the 2 s between two signs of life. One that is mute belongs to a process that only helps.
    """

    folder: RunFolder
    attempt: int
    mute: bool = False
    _seq: int = 0
    _stage: str = ""
    _last: dict[str, Any] = field(default_factory=dict)
    _told_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)
    _ended: Flag = field(default_factory=Flag)
    _thread: Thread | None = None
    _stage_began: float = 0.0
    _seconds: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> Self:
        seen = self.folder.events(self.attempt).events
        self._seq = seen[-1].seq if seen else 0
        self._thread = Thread(target=self._tick, name="progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def stage(self, name: str, message: str = "") -> None:
        """A new part of the run begins."""
        with self._lock:
            self._close_stage()
            self._stage, self._last = name, {}
            self._tell("stage", message=message)

    def seconds(self) -> dict[str, float]:
        """How long each stage took; the one that runs counts up to now."""
        with self._lock:
            self._close_stage()
            return {name: round(value, 3) for name, value in self._seconds.items()}

    def step(self, step: int, steps: int, loss: float | None, eta_s: float | None) -> None:
        """One step done; told at once if nothing was told for half a second."""
        with self._lock:
            self._last = {"step": step, "steps": steps, "loss": loss, "eta_s": eta_s}
            if time.monotonic() - self._told_at >= 0.5:
                self._tell("progress", **self._last)

    def evaluation(self, step: int, steps: int, loss: float | None, validation_loss: float) -> None:
        with self._lock:
            self._tell(
                "evaluation", step=step, steps=steps, loss=loss, validation_loss=validation_loss
            )

    def engine(self, message: str) -> None:
        """Which engine, on what, and why."""
        with self._lock:
            self._tell("engine", message=message)

    def warning(self, message: str) -> None:
        with self._lock:
            self._tell("warning", message=message)

    def finished(self, message: str) -> None:
        with self._lock:
            self._tell("finished", message=message)

    def failed(self, message: str) -> None:
        with self._lock:
            self._tell("failed", message=message)

    def _close_stage(self) -> None:
        moment = time.monotonic()
        if self._stage:
            spent = moment - self._stage_began
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + spent
        self._stage_began = moment

    def _tick(self) -> None:
        while not self._ended.wait(0.25):
            with self._lock:
                if self._stage and time.monotonic() - self._told_at >= SILENCE_LIMIT_S:
                    self._tell("progress", **self._last)

    def _tell(self, kind: Any, **content: Any) -> None:
        """Append one event. The caller holds the lock."""
        if self.mute:
            return
        self._seq += 1
        event = Event(seq=self._seq, at=now(), kind=kind, stage=self._stage, **content)
        self.folder.append_event(self.attempt, event)
        self._told_at = time.monotonic()
