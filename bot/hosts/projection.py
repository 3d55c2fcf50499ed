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
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.hosts.board.checks import amplification, contamination, regression
from bot.hosts.board.differences import Load
from bot.hosts.board.overlaps import Overlaps
from bot.hosts.board.standings import Around, standings, unplaced
from bot.settings import Settings, load_settings
from storage.board import Board, building, is_sound, publish, unpublished
from storage.errors import BadInput, CorruptFolder, InternalError
from storage.home import Home
from storage.ingest import ingest, is_behind, take_in_again
from storage.judgements import BoardSummary, Waiver
from storage.ledger import Ledger
from storage.marks import blockers
from storage.predictions import predicted_groups
from storage.published import Pointer, read_pointer, read_summary
from storage.records import Check
from storage.standings import Candidate, Placed, TaskBoard, summary_of, task_boards, write_board
from storage.waivers import waivers
from trainer.evaluate.judged import Judged
from trainer.evaluate.stored import judged_rows

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
        settings = load_settings(home)
        newest = read_pointer(home.board)
        if newest and not rebuild and _is_current(home, newest, ledger, settings):
            return newest
        return publish(home.board, _build(home, ledger, settings, rebuild=rebuild))


def _is_current(home: Home, newest: Pointer, ledger: Ledger, settings: Settings) -> bool:
    """Whether the publication knows the whole ledger, has today's prices and can be opened."""
    if newest.ledger_version != ledger.version() or read_summary(home.board) is None:
        return False
    return is_sound(home.board, newest) and _settings_of(home, newest) == settings.prices.digest()


def _settings_of(home: Home, newest: Pointer) -> str:
    board = Board.read(home.board / newest.snapshot)
    try:
        return str(board.rows("select settings_digest from publication")[0]["settings_digest"])
    finally:
        board.close()


def _build(home: Home, ledger: Ledger, settings: Settings, *, rebuild: bool) -> BoardSummary:
    """The work file, brought up to date and closed; from nothing where the old is of no use."""
    with building(home.board, rebuild=rebuild) as board:
        if board.fresh or not is_behind(board, ledger):
            return _bring_up_to_date(board, ledger, home, settings)
        log.warning("The board was made from another ledger; it is made anew")
    return _build(home, ledger, settings, rebuild=True)


def _bring_up_to_date(board: Board, ledger: Ledger, home: Home, settings: Settings) -> BoardSummary:
    begun = time.monotonic()
    known = ingest(board, ledger, home, settings.prices.digest())
    around = _around(ledger, settings)
    again: set[str] = set()  # each run once, so that this ends
    while True:
        try:
            found = _place_all(board, home, around)
            break
        except Unreadable as error:  # it was whole when it was taken in; the others go on
            if error.run_id in again:
                raise
            again.add(error.run_id)
            log.warning("%s: its predictions cannot be read any more", error.run_id)
            take_in_again(board, home, error.run_id)
    count = sum(len(placed.standings) for placed in found)
    log.info("%d standings in %.1f s", count, time.monotonic() - begun)
    return summary_of(known.ledger_version, found)


def place_again(home: Home, ledger: Ledger) -> list[Placed]:
    """Everything judged from nothing, aside: what is published is neither read nor changed."""
    settings = load_settings(home)
    with unpublished() as board:
        ingest(board, ledger, home)
        return _place_all(board, home, _around(ledger, settings))


def _around(ledger: Ledger, settings: Settings) -> Around:
    given: dict[str, list[Waiver]] = defaultdict(list)
    for waiver in waivers(ledger):
        given[waiver.run_id].append(waiver)
    return Around(prices=settings.prices, waivers=given, blockers=blockers(ledger))


def _place_all(board: Board, home: Home, around: Around) -> list[Placed]:
    """Place the runs of every task and note on the board what was found."""
    load = functools.cache(functools.partial(_predictions, home))
    found: list[Placed] = []
    boards = task_boards(board)
    texts = Overlaps(board, home)
    tests, unknown = _registered_tests(board, texts, boards)
    for task in boards:
        limit = task.newest.policy.leakage_limit
        overlaps = contamination(task.candidates, tests, unknown, texts.between, limit)
        amplified = amplification(task, load, functools.partial(_groups, home))
        kept = regression(task, load, around.blockers.get(task.task.name, ()))
        more: dict[str, tuple[Check, ...]] = {}
        for checks in (overlaps, amplified, kept):
            for run_id, check in checks.items():
                more[run_id] = (*more.get(run_id, ()), check)
        found.append(_place(board, task, load, replace(around, more_checks=more)))
        load.cache_clear()  # one task's predictions at a time
    texts.keep()
    write_board(board, found)
    return found


def _place(board: Board, task: TaskBoard, load: Load, around: Around) -> Placed:
    """One task's standings; what goes wrong in one task keeps no other from its board."""
    try:
        return standings(board, task, load, around)
    except Unreadable:
        raise
    except Exception as error:
        named = f"{task.task.name} version {task.task.version}"
        log.exception("%s: its runs could not be placed", named)
        return unplaced(task, f"the runs of this task could not be compared: {error}")


def _registered_tests(
    board: Board, texts: Overlaps, boards: Sequence[TaskBoard]
) -> tuple[dict[str, str], list[str]]:
    """A run that has the test texts of each task's newest version; and tasks without one."""
    tests: dict[str, str] = {}
    for task in boards:
        for candidate in task.candidates if task.is_newest else ():
            if candidate.test_digest == task.test_digest and texts.key(candidate.run_id):
                tests[task.task.name] = candidate.run_id
                break
    names = [row["name"] for row in board.rows("select distinct name from tasks order by name")]
    return tests, [name for name in names if name not in tests]


def _groups(home: Home, candidate: Candidate) -> Mapping[str, Sequence[str]]:
    """Sensitive column to the values of the test rows, in the order of the predictions."""
    return predicted_groups(home.run(candidate.run_id))


class Unreadable(InternalError):
    """The predictions of a run that was taken in are gone or changed."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


def _predictions(home: Home, candidate: Candidate, split: str) -> Judged:
    try:
        found, digest = judged_rows(home.run(candidate.run_id), candidate.labels, split)
    except (CorruptFolder, OSError) as error:
        raise Unreadable(candidate.run_id) from error
    if split == "test" and digest != candidate.rows_digest:
        raise Unreadable(candidate.run_id)
    return found


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
