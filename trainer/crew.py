"""The processes that help a run to train: started with it, and dead with it."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from storage.records import EXIT_FAILED, RunSpec
from storage.run_folder import RunFolder
from trainer.engines.ranks import ALONE, Ranks

log = logging.getLogger(__name__)

GRACE_S = 10.0
WATCH_S = 0.5
DYING_S = 5.0
"""A dying process closes its connections first: the step fails before the exit can be seen."""

HANG_S = 10.0
"""After this long a step that waits for a dead process is given up."""


class HelperDied(Exception):
    """A process of the crew is gone; the message says how."""


@contextmanager
def crew(folder: RunFolder, attempt: int, spec: RunSpec, size: int) -> Iterator[Ranks]:
    """Start the helpers of a run that is trained in steps; this process is the first of them.

    Args:
        size: How many processes, as the host says (`TUNEBOARD_PROCESSES`).
    """
    if size == 1 or not spec.method.is_trained or spec.shared is not None:
        yield ALONE
        return
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(size)}
    os.environ.update(place | {"RANK": "0"})
    words = [sys.executable, "-P", "-m", "trainer", "help-train", str(folder.path), str(attempt)]
    words += [str(os.getpid())]  # a helper that starts late must know whom it outlived
    helpers = [
        subprocess.Popen(words, env=os.environ | {"RANK": str(rank)}, stdin=subprocess.DEVNULL)
        for rank in range(1, size)
    ]
    log.info("%s trains in %d processes", folder.run_id, size)
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(folder, attempt, helpers, done), daemon=True)
    watch.start()
    try:
        yield Ranks(0, size)
    except RuntimeError as error:  # of a step that the dead one was part of
        if died := _died_within(helpers, DYING_S):
            raise HelperDied(died) from error
        raise
    finally:
        done.set()
        for helper in helpers:
            _end(helper)


def _watch(
    folder: RunFolder,
    attempt: int,
    helpers: "list[subprocess.Popen[bytes]]",
    done: threading.Event,
) -> None:
    """End this process, in words, when a helper died: a step would wait for it forever."""
    while not done.wait(HANG_S):
        if message := _died(helpers):
            if done.wait(HANG_S):  # the step noticed by itself
                return
            log.error("%s: %s", folder.run_id, message)
            folder.write_error(attempt, "HelperDied", message)
            os._exit(EXIT_FAILED)


def _died_within(helpers: "list[subprocess.Popen[bytes]]", seconds: float) -> str:
    until = time.monotonic() + seconds
    while not (found := _died(helpers)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def _died(helpers: "list[subprocess.Popen[bytes]]") -> str:
    codes = [code for helper in helpers if (code := helper.poll())]
    if not codes:
        return ""
    return (
        f"A process that helped to train died (exit {codes[0]}), perhaps for want of memory. The "
        "log has more. Start the run again, with a smaller batch if memory was short."
    )


def die_with(parent: int) -> None:
    """End this process when the one that started it is gone: it would wait for it forever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()


def _end(helper: "subprocess.Popen[bytes]") -> None:
    try:
        helper.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        helper.kill()
        helper.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
