"""Runs on this machine: a shim per attempt, leases as lock files, everything read from the folder.

Nothing of a run hangs on the process that started it. A lease (a GPU, or a slot where there are
none) is an OFD lock that the shim and the trainer inherit: it is free again when the last of them
is dead, whoever was killed in between.
"""

import logging
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bot.hosts import locks
from bot.hosts.launcher import Handle, Observation, Placement, Sight
from storage.errors import HostRefused, HostUnavailable, InternalError
from storage.home import Home

log = logging.getLogger(__name__)

ANSWER_S = 10.0
TRAINER = (sys.executable, "-P", "-m", "trainer")


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lock, and the GPU it stands for."""

    handle: int
    gpus: tuple[int, ...]


class LocalLauncher:
    """Places attempts on this machine.

    Args:
        home: Where run folders and locks are; a local disk.
        slots: How many runs at a time where no GPUs are given.
        gpus: The ids of the GPUs to lease; then as many runs at a time as they make teams.
        gpus_per_run: The size of a team: a run trains in as many processes.
        grace_s: How long a cancelled trainer may save before it is killed.
        environment: All that a trainer sees of ours.
        trainer: The program before the words `run RUN_DIR ATTEMPT`.
    """

    def __init__(
        self,
        home: Home,
        *,
        slots: int,
        gpus: Sequence[int] = (),
        gpus_per_run: int = 1,
        grace_s: float = 30.0,
        environment: Mapping[str, str],
        trainer: Sequence[str] = TRAINER,
    ) -> None:
        self._home = home
        self._grace_s = grace_s
        self._trainer = tuple(trainer)
        self._environment = dict(environment)
        self._leases: dict[Path, tuple[int, ...]] = (
            {
                home.locks / f"gpu-{'-'.join(map(str, team))}.lock": team
                for team in zip(*[iter(gpus)] * gpus_per_run, strict=True)
            }
            if gpus
            else {home.locks / f"slot-{number}.lock": () for number in range(slots)}
        )
        self._shims: list[subprocess.Popen[bytes]] = []

    def free_slots(self) -> int:
        return sum(not locks.is_held(path) for path in self._leases)

    def submit(self, handle: Handle) -> Placement:
        if self.find(handle):
            return Placement()
        with self._lease() as lease:
            _require_claimed(self._start_shim(handle, lease), handle)
            return Placement(lease.gpus)

    def find(self, handle: Handle) -> bool:
        attempt = self._home.run(handle.run_id).attempt(handle.attempt)
        return (attempt / "start.json").exists()

    def observe(self, handles: Sequence[Handle]) -> dict[Handle, Observation]:
        self._reap()
        return {handle: self._observe(handle) for handle in handles}

    def cancel(self, handle: Handle) -> None:
        self._home.run(handle.run_id).request_cancel()

    # --- inside ---------------------------------------------------------------------------------

    def _observe(self, handle: Handle) -> Observation:
        """Lock first, then the exit: the other way round, one that just ended would look gone."""
        folder = self._home.run(handle.run_id)
        if locks.is_held(folder.lock_file):
            return Observation(Sight.RUNNING)
        ended = folder.exit_record(handle.attempt)
        return Observation(Sight.ENDED, ended) if ended else Observation(Sight.GONE)

    @contextmanager
    def _lease(self) -> Iterator[Lease]:
        """Hold the first free lease; whoever inherited it goes on holding it afterwards."""
        for path, gpus in self._leases.items():
            handle = locks.take(path)
            if handle is not None:
                try:
                    yield Lease(handle, gpus)
                finally:
                    os.close(handle)
                return
        raise HostUnavailable(f"all {len(self._leases)} slots are taken")

    def _start_shim(self, handle: Handle, lease: Lease) -> str:
        """Start a shim and return what it says of its claim; empty where it died first."""
        run_dir = self._home.run(handle.run_id).path
        reader, writer = os.pipe()
        words = [sys.executable, "-S", "-E", "-P", str(_shim_file()), str(run_dir)]
        words += [str(handle.attempt), "--grace", str(self._grace_s), "--ready", str(writer)]
        words += ["--hold", str(lease.handle), "--", *self._trainer]
        words += ["run", str(run_dir), str(handle.attempt)]
        try:
            with (self._home.logs / "shims.log").open("ab") as errors:
                shim = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    cwd=self._home.path,
                    env=self._child_environment(lease.gpus),
                    start_new_session=True,
                    pass_fds=(writer, lease.handle),
                )
            self._shims.append(shim)
        finally:
            os.close(writer)
            answer = _read_line(reader)
        return answer

    def _child_environment(self, gpus: tuple[int, ...]) -> dict[str, str]:
        threads = max(1, (os.cpu_count() or 1) // len(self._leases))
        environment = {"TUNEBOARD_THREADS": str(threads)} | self._environment
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))
            environment["TUNEBOARD_PROCESSES"] = str(len(gpus))
        return environment

    def _reap(self) -> None:
        """Collect shims that have ended: they stay ours for as long as we live."""
        self._shims = [shim for shim in self._shims if shim.poll() is None]


def _shim_file() -> Path:
    """The shim's file, found without importing the trainer."""
    package = find_spec("trainer")
    if package is None or package.origin is None:
        raise HostRefused("the package `trainer` is not installed on this host")
    return Path(package.origin).parent / "shim.py"


def _read_line(reader: int) -> str:
    """What comes through a pipe up to its end, if that is soon; closes the pipe."""
    try:
        ready, _, _ = select.select([reader], [], [], ANSWER_S)
        return os.read(reader, 4096).decode().strip() if ready else "silent"
    finally:
        os.close(reader)


def _require_claimed(answer: str, handle: Handle) -> None:
    """Turn what the shim said into an error, unless the attempt is claimed."""
    word, _, rest = answer.partition(" ")
    errors: dict[str, InternalError] = {
        "held": HostUnavailable(f"something of {handle.run_id} is still alive"),
        "silent": HostUnavailable(f"the shim said nothing for {ANSWER_S:.0f} s"),
        "superseded": HostRefused("a later attempt has been started"),
        "failed": HostRefused(f"the run's folder cannot be written: {rest}"),
        "": HostUnavailable("the shim ended before it claimed the attempt; see logs/shims.log"),
    }
    if word in errors:
        raise errors[word]
    log.info("%s attempt %d: %s", handle.run_id, handle.attempt, word)
