"""Supervises one attempt of a run: the same small program under every engine that places runs.

    python -S -E -P shim.py RUN_DIR ATTEMPT [--grace S] [--ready FD] [--hold FD,FD] -- TRAINER …

It claims the attempt, starts the trainer, passes on a request to stop, and writes down how that
ended. It needs nothing but Python, so it can be copied to any host. Whatever dies, the folder tells
the truth, to be read in this order: `lock` held: something of the run is alive. Else `exit.json`:
it ended so. Else `start.json`: it was lost. Else it never began.

What holds that up:
- `lock` is an OFD lock that the trainer inherits: killed shim, living trainer, the lock stays held.
- `start.json` is made exclusively and before the trainer starts: an attempt runs once, whatever an
  engine repeats. An attempt that a later one has replaced is refused.
- Room for `exit.json` is taken beforehand, so that a full disk still records its failure.
- A killed shim takes the trainer along (PDEATHSIG); orphans of the trainer fall to the shim, which
  ends them before it says that the run has ended.

Exit codes: 0 supervised, or nothing to do; 74 the claim could not be written; 75 refused.
"""

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

STOPPING = {signal.SIGTERM, signal.SIGINT}
WATCHED = STOPPING | {signal.SIGCHLD, signal.SIGHUP}
"""Blocked and waited for, never handled: a signal before a handler exists would kill us unheard.
SIGHUP is taken and ignored: a run outlives the connection it was started over."""

POLL_S = 0.2
NICENESS = 10
RESERVE_BYTES = 4096
MESSAGE_LENGTH = 500
DESCENDANTS_PATIENCE_S = 30.0
DISK_FULL_BYTES = 64 * 1024

CANNOT_WRITE = 74
REFUSED = 75
CANCELLED_CODE = 143
CANNOT_RUN, NO_SUCH_PROGRAM = 126, 127

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Ending(NamedTuple):
    """How the trainer ended; a negative code is a signal."""

    code: int
    killed: bool = False
    cancelled: bool = False
    message: str = ""


class Claim(NamedTuple):
    """What to tell whoever started us, and the held lock where the attempt is ours."""

    word: str
    exit_code: int = 0
    lock: int | None = None


def main(argv: list[str] | None = None) -> int:
    """Supervise one attempt to its end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)  # before anything else
    options = _parser().parse_args(argv)
    run_dir, number = options.run_dir.resolve(), options.attempt
    _become_supervisor()
    claim = _claim(run_dir, number, options.trainer)
    _tell(options.ready, claim.word)
    if claim.lock is None:
        return claim.exit_code
    attempt = run_dir / f"attempt-{number}"
    ending = _run(run_dir, attempt, options, [claim.lock, *options.hold])
    left = _end_descendants()
    if left:
        ending = ending._replace(message=f"{ending.message} {left} processes would not end".strip())
    _record_exit(attempt, run_dir.name, number, ending)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shim", description="Supervise one attempt of a run.")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("attempt", type=int)
    parser.add_argument("--grace", type=float, default=30.0, help="seconds from TERM to KILL")
    parser.add_argument("--ready", type=int, help="a descriptor to say on whether it began")
    parser.add_argument("--hold", type=_numbers, default=[], help="descriptors of leases to keep")
    parser.add_argument("trainer", nargs="+", help="after --: the program and its arguments")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


# --- the claim -----------------------------------------------------------------------------------


def _become_supervisor() -> None:
    if os.getsid(0) != os.getpid():
        with contextlib.suppress(PermissionError):  # the leader of a process group stays what it is
            os.setsid()
    os.nice(NICENESS)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _take_lock(path: Path) -> int | None:
    """A descriptor that holds the lock for us and whoever inherits it; None where it is held."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            whole = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            fcntl.fcntl(handle, fcntl.F_OFD_SETLK, whole)
        else:  # macOS: flock behaves alike, but asking after it means taking it (see bot.hosts)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(handle)
        return None
    return handle


def _claim(run_dir: Path, number: int, trainer: list[str]) -> Claim:
    """Take the lock and the attempt, if no one holds the one or had the other."""
    try:
        lock = _take_lock(run_dir / "lock")
        if lock is None:
            return Claim("held", REFUSED)
        if any(later > number for later in _started_attempts(run_dir)):
            return Claim("superseded", REFUSED)
        _write_start(run_dir / f"attempt-{number}", _start_record(run_dir.name, number, trainer))
    except FileExistsError:
        return Claim("known")
    except OSError as error:
        return Claim(f"failed {error.strerror or error}", CANNOT_WRITE)
    return Claim("claimed", lock=lock)


def _write_start(attempt: Path, record: dict[str, Any]) -> None:
    """Make `start.json` whole and once, with room for `exit.json` taken before.

    Raises:
        FileExistsError: The attempt was claimed before.
    """
    if (attempt / "start.json").exists():
        raise FileExistsError(attempt)
    attempt.mkdir(exist_ok=True)
    _write(attempt / ".exit.json", b" " * RESERVE_BYTES)
    aside = attempt / ".start.json"
    _write(aside, json.dumps(record).encode())
    os.link(aside, attempt / "start.json")
    aside.unlink()


def _started_attempts(run_dir: Path) -> Iterator[int]:
    for start in run_dir.glob("attempt-*/start.json"):
        number = start.parent.name.removeprefix("attempt-")
        if number.isdigit():
            yield int(number)


def _start_record(run_id: str, number: int, trainer: list[str]) -> dict[str, Any]:
    """A ShimStart. Process and boot are for people to read: nothing decides by a process id."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return {
        "run_id": run_id,
        "attempt": number,
        "at": _now(),
        "host": os.uname().nodename,
        "boot_id": boot.read_text().strip() if boot.exists() else "",
        "pid": os.getpid(),
        "argv": trainer,
    }


def _tell(ready: int | None, word: str) -> None:
    """Say on the descriptor what became of the claim; whoever started us may be gone."""
    if ready is not None:
        with contextlib.suppress(OSError):
            os.write(ready, f"{word}\n".encode())
        os.close(ready)


# --- the trainer ---------------------------------------------------------------------------------


def _run(run_dir: Path, attempt: Path, options: argparse.Namespace, inherited: list[int]) -> Ending:
    if (run_dir / "cancel").exists():  # looked at after the claim: nobody can slip in between
        return Ending(CANCELLED_CODE, cancelled=True, message="cancelled before it began")
    oom_before = _oom_kills()
    try:
        child = _start(attempt, options.trainer, inherited)
    except FileNotFoundError:
        return Ending(NO_SUCH_PROGRAM, message=f"no such program: {options.trainer[0]!r}")
    except (OSError, subprocess.SubprocessError) as error:
        return Ending(CANNOT_RUN, message=f"could not be started: {error}")
    ending = _watch(child, run_dir, options.grace)
    if ending.code == -signal.SIGKILL and not ending.killed and _oom_kills() > oom_before:
        return ending._replace(message="out of memory: the system ended it")
    if ending.code and _disk_is_full(attempt):
        return ending._replace(message="the disk is full")
    return ending


def _start(attempt: Path, trainer: list[str], inherited: list[int]) -> "subprocess.Popen[bytes]":
    """Start the trainer in its own session, in the attempt's folder, writing to `log.txt`."""
    parent = os.getpid()

    def before_exec() -> None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the shim died before the line above took effect
            os._exit(CANNOT_RUN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    with (attempt / "log.txt").open("ab") as log:
        return subprocess.Popen(
            trainer,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=attempt,
            start_new_session=True,
            pass_fds=inherited,
            preexec_fn=before_exec,  # safe here: there is one thread
        )


def _watch(child: "subprocess.Popen[bytes]", run_dir: Path, grace_s: float) -> Ending:
    """Wait for the trainer; a request to stop becomes TERM, and KILL when the grace is over."""
    asked, kill_at, killed = "", float("inf"), False
    while (code := _reap(child.pid)) is None:
        caught = signal.sigtimedwait(WATCHED, POLL_S)
        if not asked and (asked := _asked_to_stop(caught, run_dir)):
            kill_at = time.monotonic() + grace_s
            child.terminate()
        if time.monotonic() >= kill_at and not killed:
            killed = True
            child.kill()
    child.returncode = code  # we reaped it ourselves, for we wait for orphans too
    return Ending(code, killed=killed, cancelled=bool(asked), message=asked)


def _asked_to_stop(caught: "signal.struct_siginfo | None", run_dir: Path) -> str:
    if (run_dir / "cancel").exists():
        return "cancelled"
    if caught and caught.si_signo in STOPPING:
        return f"told to stop by {signal.Signals(caught.si_signo).name}"
    return ""


def _reap(wanted: int | None = None) -> int | None:
    """Collect every child that has ended; the exit code of the wanted one, if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == wanted:
            found = os.waitstatus_to_exitcode(status)


def _end_descendants() -> int:
    """Kill what the trainer left behind, and return how many would not go."""
    until = time.monotonic() + DESCENDANTS_PATIENCE_S
    while True:
        _reap()
        alive = _descendants(os.getpid())
        if not alive or time.monotonic() > until:
            return len(alive)
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _descendants(root: int) -> list[int]:
    """Every process below one. Empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may end while we read
            parent = int(stat.read_bytes().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, front = [], [root]
    while front:
        front = [child for pid in front for child in children.get(pid, [])]
        found += front
    return found


# --- the end -------------------------------------------------------------------------------------


def _record_exit(attempt: Path, run_id: str, number: int, ending: Ending) -> None:
    """Write a ShimExit into the room that was kept for it, and give it its name."""
    message = ending.message[:MESSAGE_LENGTH]
    record = {"run_id": run_id, "attempt": number, "at": _now()} | ending._asdict()
    content = json.dumps(record | {"message": message}).encode()
    reserve = attempt / ".exit.json"
    with reserve.open("r+b") as stream:
        stream.write(content.ljust(RESERVE_BYTES))
        stream.flush()
        os.fsync(stream.fileno())
        with contextlib.suppress(OSError):  # blanks after JSON do no harm
            os.ftruncate(stream.fileno(), len(content))
    reserve.replace(attempt / "exit.json")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _disk_is_full(folder: Path) -> bool:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize < DISK_FULL_BYTES


def _oom_kills() -> int:
    """How often the system ended a process of our control group (v2) for want of memory."""
    try:
        group = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        events = Path(f"/sys/fs/cgroup{group}/memory.events").read_text().split()
        return int(events[events.index("oom_kill") + 1])
    except (OSError, ValueError, IndexError):
        return 0


def _prctl(option: int, value: int) -> None:
    """Linux's prctl; elsewhere nothing, and a killed shim then leaves its trainer running."""
    if sys.platform == "linux":
        LIBC.prctl(option, value, 0, 0, 0)


LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may be


if __name__ == "__main__":
    sys.exit(main())
