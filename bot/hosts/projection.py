"""The projection: ledger and run folders in, a published board out. One short-lived process.

    python -m bot.hosts.projection --home DIR [--rebuild]

It takes home/locks/projection.lock, brings the board up to date, places the runs and publishes.
DuckDB, scipy and pyarrow are loaded here alone, so that the bot stays small and its clock free.
Whatever ends this process, the publication before it stays as it was.
"""

import argparse
import fcntl
import functools
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bot.hosts.standings import Load, Placed, standings, unplaced
from storage.board import Board, building, is_sound, publish
from storage.errors import BadInput, CorruptFolder, InternalError
from storage.home import Home
from storage.ingest import ingest, is_behind, take_in_again
from storage.judgements import BoardSummary, Standing
from storage.ledger import Ledger
from storage.predictions import predicted_rows
from storage.published import Pointer, read_pointer, read_summary
from storage.records import Check
from storage.standings import Candidate, TaskBoard, summary_of, task_boards, write_standings
from trainer.evaluate.predictions import Predictions

log = logging.getLogger(__name__)


def project(home: Home, *, rebuild: bool = False) -> Pointer:
    """Bring the published board up to date; with `rebuild`, make it anew from nothing.

    Waits for another projection of the same home to end. Where nothing changed since the last
    publication, nothing is done.

    Raises:
        BadInput: There is no ledger in this home.
    """
    if not home.ledger_file.exists():
        raise BadInput(f"{str(home.path)!r} has no ledger yet. `task add FILE` makes one.")
    home.create()
    with _only_one(home), _opened(home) as ledger:
        newest = read_pointer(home.board)
        if newest and not rebuild and _is_current(home, newest, ledger):
            return newest
        return publish(home.board, _build(home, ledger, rebuild=rebuild))


def _is_current(home: Home, newest: Pointer, ledger: Ledger) -> bool:
    """Whether the publication knows the whole ledger and can be opened."""
    same = newest.ledger_version == ledger.version()
    return same and read_summary(home.board) is not None and is_sound(home.board, newest)


def _build(home: Home, ledger: Ledger, *, rebuild: bool) -> BoardSummary:
    """The work file, brought up to date and closed; from nothing where the old is of no use."""
    with building(home.board, rebuild=rebuild) as board:
        if board.fresh or not is_behind(board, ledger):
            return _bring_up_to_date(board, ledger, home)
        log.warning("The board was made from another ledger; it is made anew")
    return _build(home, ledger, rebuild=True)


def _bring_up_to_date(board: Board, ledger: Ledger, home: Home) -> BoardSummary:
    begun = time.monotonic()
    known = ingest(board, ledger, home)
    again: set[str] = set()  # each run once, so that this ends
    while True:
        try:
            found = _place_all(board, home)
            break
        except Unreadable as error:  # it was whole when it was taken in; the others go on
            if error.run_id in again:
                raise
            again.add(error.run_id)
            log.warning("%s: its predictions cannot be read any more", error.run_id)
            take_in_again(board, home, error.run_id)
    log.info("%d standings in %.1f s", len(found), time.monotonic() - begun)
    return summary_of(known.ledger_version, found)


def _place_all(board: Board, home: Home) -> list[Standing]:
    """Place the runs of every task and note their standings on the board."""
    load = functools.cache(functools.partial(_predictions, home))
    found: list[Standing] = []
    checks: dict[str, Sequence[Check]] = {}
    for task in task_boards(board):
        placed = _place(board, task, load)
        found += placed.standings
        checks |= placed.checks
        load.cache_clear()  # one task's predictions at a time
    write_standings(board, found, checks)
    return found


def _place(board: Board, task: TaskBoard, load: Load) -> Placed:
    """One task's standings; what goes wrong in one task keeps no other from its board."""
    try:
        return standings(board, task, load)
    except Unreadable:
        raise
    except Exception as error:
        named = f"{task.task.name} version {task.task.version}"
        log.exception("%s: its runs could not be placed", named)
        return unplaced(task, f"the runs of this task could not be compared: {error}")


class Unreadable(InternalError):
    """The predictions of a run that was taken in are gone or changed."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


def _predictions(home: Home, candidate: Candidate) -> Predictions:
    try:
        rows = predicted_rows(home.run(candidate.run_id), candidate.labels)
    except (CorruptFolder, OSError) as error:
        raise Unreadable(candidate.run_id) from error
    if rows.digest != candidate.rows_digest:
        raise Unreadable(candidate.run_id)
    return Predictions(candidate.labels, rows.gold, rows.probabilities, rows.ids)


@contextmanager
def _only_one(home: Home) -> Iterator[None]:
    """Hold the projection's lock; the kernel lets go of it when the process ends, however."""
    with (home.locks / "projection.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(home: Home) -> Iterator[Ledger]:
    ledger = Ledger.open(home.ledger_file)
    try:
        yield ledger
    finally:
        ledger.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when the board is up to date, 2 where the home is not one."""
    parser = argparse.ArgumentParser(prog="python -m bot.hosts.projection", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--rebuild", action="store_true", help="make it anew from nothing")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        pointer = project(Home(options.home), rebuild=options.rebuild)
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    log.info("Published %s at ledger version %d", pointer.snapshot, pointer.ledger_version)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
