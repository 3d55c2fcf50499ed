"""The pointer to the newest published board, and its short form, read without loading DuckDB.

board/CURRENT            {"snapshot", "summary", "ledger_version"}; replaced atomically
board/board-NNNNNNNN.duckdb    a snapshot that never changes
board/board-NNNNNNNN.json      BoardSummary: the standings in short
"""

import logging
from pathlib import Path

from pydantic import ValidationError

from storage.judgements import BoardSummary, Standing
from storage.records import Record
from storage.run_folder import write_whole

log = logging.getLogger(__name__)


class Pointer(Record):
    """Names inside the board folder."""

    snapshot: str
    summary: str
    ledger_version: int


def read_pointer(board: Path) -> Pointer | None:
    """The newest publication, or None before the first."""
    try:
        return Pointer.model_validate_json((board / "CURRENT").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_pointer(board: Path, pointer: Pointer) -> None:
    """Make a publication the newest, in one step."""
    write_whole(board / "CURRENT", pointer.model_dump_json())


def read_summary(board: Path) -> BoardSummary | None:
    """The standings as last published; None before the first, or where the file is damaged."""
    for _ in range(3):  # a newer publication may take the file away between the two reads
        pointer = read_pointer(board)
        if pointer is None:
            return None
        try:
            return BoardSummary.model_validate_json((board / pointer.summary).read_bytes())
        except FileNotFoundError:
            continue
        except ValidationError as error:
            log.error("%s is not a summary of the board: %s", pointer.summary, error)
            return None
    return None


def standing_of(board: Path, run_id: str) -> Standing | None:
    """A run's standing as last published."""
    summary = read_summary(board)
    if summary is None:
        return None
    rows = (row for rows in summary.standings.values() for row in rows)
    return next((row for row in rows if row.run_id == run_id), None)
