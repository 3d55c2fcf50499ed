"""Works on the queue: the thread that the bot, `tuneboard work` and `run --wait` all use.

Only one process at a time works on a home's queue: the one that holds `locks/dispatcher.lock`. The
others wait for it, so that the queue goes on when its holder dies. Telling people is not bound to
the lock: whoever has a listener does it.
"""

import logging
import os
import threading
from collections.abc import Callable
from typing import Self

from bot.hosts import locks
from bot.hosts.dispatcher import Dispatcher
from bot.hosts.launcher import Launcher
from bot.hosts.local import LocalLauncher
from bot.hosts.projection_child import ProjectionKeeper
from bot.hosts.relay import Relay, RunListener
from bot.settings import Settings, child_environment
from storage.home import Home
from storage.ledger import Ledger

log = logging.getLogger(__name__)

TICK_S = 0.2
AFTER_TROUBLE_S = 1.0


class Worker:
    """Works on the queue while it is entered. Leaving ends the work; runs go on under their shims.

    Args:
        listener: Who is told which runs changed; nobody where it is None.
        launcher: Where runs are placed; this machine where it is None.
    """

    def __init__(
        self,
        ledger: Ledger,
        home: Home,
        settings: Settings,
        listener: RunListener | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        self._lock_file = home.locks / "dispatcher.lock"
        self._lock: int | None = None
        self._dispatcher = Dispatcher(ledger, home, launcher or local_launcher(home, settings))
        self._projection = ProjectionKeeper(home, ledger.version)
        self._relay = Relay(ledger, home, listener) if listener else None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="dispatcher", daemon=True)

    @property
    def holds_the_queue(self) -> bool:
        return self._lock is not None

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            pause = 0.0
            while not self._stop.wait(pause):
                pause = TICK_S if self._tick() else AFTER_TROUBLE_S
        finally:
            self._projection.close()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _tick(self) -> bool:
        """Do everything once; False where something went wrong."""
        works = [self._relay.tick] if self._relay else []
        went_well = [_carefully(work) for work in [*works, self._dispatch, self._publish]]
        return all(went_well)

    def _dispatch(self) -> None:
        if self._lock is None:
            self._lock = locks.take(self._lock_file)
            if self._lock is None:
                return
            log.info("working on the queue")
        self._dispatcher.tick()

    def _publish(self) -> None:
        if self._lock is not None:
            self._projection.tick()


def _carefully(work: Callable[[], None]) -> bool:
    """The outermost loop: what goes wrong is recorded, and the next tick comes."""
    try:
        work()
    except Exception:
        log.exception("the work on the queue goes on")
        return False
    return True


def local_launcher(home: Home, settings: Settings) -> LocalLauncher:
    """Runs on this machine, as the settings say."""
    hosts = settings.hosts
    return LocalLauncher(
        home,
        slots=hosts.slots,
        gpus=hosts.gpus,
        gpus_per_run=hosts.gpus_per_run,
        grace_s=hosts.grace_s,
        environment=child_environment(),
    )
