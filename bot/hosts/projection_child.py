"""Starts the projection, which is always a process of its own: it loads what the bot must not."""

import contextlib
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from bot.settings import child_environment
from storage.errors import BadInput, InternalError
from storage.home import Home
from storage.published import read_pointer

log = logging.getLogger(__name__)

PROGRAM = (sys.executable, "-P", "-m", "bot.hosts.projection")
QUIET_S = 0.5
LONGEST_WAIT_S = 2.0
LONGEST_BACK_OFF_S = 60.0
END_S = 5.0
LIMIT_S = 600.0
"""A projection that takes longer is stuck: even a thousand runs take a fraction of this."""


def publish_now(home: Home, *, rebuild: bool = False) -> None:
    """Bring the published board up to date and return when that is done.

    Raises:
        InternalError: The projection failed, or took too long; the log has more.
    """
    words = [*PROGRAM, "--home", str(home.path), *(["--rebuild"] if rebuild else [])]
    with _log(home) as output:
        try:
            done = subprocess.run(
                words,
                stdout=output,
                stderr=output,
                env=child_environment(),
                check=False,
                timeout=LIMIT_S,
            )
        except subprocess.TimeoutExpired as error:  # it was killed
            took = f"The board was not brought up to date within {LIMIT_S:.0f} s."
            raise InternalError(took) from error
    if done.returncode != 0:
        raise InternalError(_failure(home, done.returncode))


def ask_child(home: Home, module: str, *words: str) -> dict[str, Any]:
    """What a module that loads what the bot must not prints: one JSON object.

    Raises:
        BadInput: It does not accept its words; the message is its own.
        InternalError: It failed, or took too long.
    """
    asked = [sys.executable, "-P", "-m", module, "--home", str(home.path), *words]
    try:
        done = subprocess.run(
            asked,
            capture_output=True,
            text=True,
            env=child_environment(),
            check=False,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise InternalError(f"{module} took longer than {LIMIT_S:.0f} s") from error
    if done.returncode == BadInput.exit_code:
        raise BadInput(done.stderr.strip().splitlines()[-1])
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise InternalError(f"{module} failed (exit {done.returncode}): {last[0]}") from error
    return dict(found)


class ProjectionKeeper:
    """Keeps the published board up to date: one child at a time, after a short silence.

    A failing projection never harms a run: it is logged, and tried again less and less often.

    Args:
        version: Gives the ledger's version; where the published one differs, a child is due.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        home: Home,
        version: Callable[[], int],
        program: Sequence[str] = PROGRAM,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._version = version
        self._program = tuple(program)
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None
        self._seen = -1
        self._changed_at = self._not_before = 0.0
        self._behind_since: float | None = None
        self._failures = 0
        self._started_at, self._told_to_end = 0.0, False

    def tick(self) -> None:
        """Collect a child that has ended; start one where the board is behind."""
        if self._child and not self._collect(self._child):
            return
        if self._is_due():
            self._start()

    def close(self) -> None:
        """End a child that is at work. The publication before it stays as it was."""
        if self._child:
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(END_S)
            self._child.kill()  # nothing where it has ended
            self._child.wait()
            self._child = None

    def _collect(self, child: "subprocess.Popen[bytes]") -> bool:
        code = child.poll()
        if code is None:
            self._end_stuck(child)
            return False
        self._child = None
        if code == 0:
            self._failures = 0
            return True
        self._failures += 1
        pause = min(2.0**self._failures, LONGEST_BACK_OFF_S)
        self._not_before = self._clock() + pause
        log.error("%s Trying again in %.0f s.", _failure(self._home, code), pause)
        return True

    def _end_stuck(self, child: "subprocess.Popen[bytes]") -> None:
        """End a child past its time, kindly first; the next tick collects it as a failure."""
        over = self._clock() - self._started_at - LIMIT_S
        if over < 0:
            return
        if not self._told_to_end:
            log.error("The projection is stuck after %.0f s and is ended.", LIMIT_S)
            child.terminate()
            self._told_to_end = True
        elif over >= END_S:
            child.kill()

    def _is_due(self) -> bool:
        """Whether the board is behind and nothing more happened for a moment, or for too long."""
        current, at = self._version(), self._clock()
        if current != self._seen:
            self._seen, self._changed_at = current, at
        if current == self._published():
            self._behind_since = None
            return False
        if self._behind_since is None:
            self._behind_since = at
        if at < self._not_before:
            return False
        return at - self._changed_at >= QUIET_S or at - self._behind_since >= LONGEST_WAIT_S

    def _published(self) -> int | None:
        """The version of the board that is there whole; None where a file of it is gone."""
        board = self._home.board
        pointer = read_pointer(board)
        if pointer is None:
            return None
        whole = all((board / name).exists() for name in (pointer.snapshot, pointer.summary))
        return pointer.ledger_version if whole else None

    def _start(self) -> None:
        self._behind_since = None
        self._started_at, self._told_to_end = self._clock(), False
        words = [*self._program, "--home", str(self._home.path)]
        with _log(self._home) as output:
            self._child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=child_environment(),
                start_new_session=True,  # an interrupt in a terminal is not for it
            )


def _log(home: Home) -> IO[bytes]:
    return _log_file(home).open("ab")


def _log_file(home: Home) -> Path:
    return home.logs / "projection.log"


def _failure(home: Home, code: int) -> str:
    lines = _log_file(home).read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
    return f"The board could not be brought up to date (exit {code}): {lines[0]}"
