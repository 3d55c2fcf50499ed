"""Notices what a newly published board says about runs, and has their cards drawn anew."""

from collections.abc import Mapping
from datetime import timedelta

from storage import outbox, published
from storage.home import Home
from storage.judgements import BoardSummary, Standing
from storage.ledger import Ledger
from storage.records import now

FRESH = timedelta(hours=1)
"""After a start, runs that ended this recently are drawn anew: nobody watched in between."""


class BoardWatch:
    """Compares each publication with the one before it."""

    def __init__(self, ledger: Ledger, home: Home) -> None:
        self._ledger = ledger
        self._home = home
        self._snapshot = ""
        self._before: Mapping[str, Standing] | None = None

    def tick(self) -> None:
        """Look whether there is a new publication."""
        pointer = published.read_pointer(self._home.board)
        if pointer is None or pointer.snapshot == self._snapshot:
            return
        summary = published.read_summary(self._home.board)
        if summary is None:
            return
        self._snapshot = pointer.snapshot
        rows = _rows(summary)
        changed = [run_id for run_id, row in rows.items() if self._is_news(run_id, row)]
        self._before = rows
        with self._ledger.write() as db:
            for run_id in changed:
                key = f"run_card:{run_id}"
                outbox.enqueue(
                    db, "run_card", channel="", subject=run_id, payload={}, coalesce_key=key
                )

    def _is_news(self, run_id: str, row: Standing) -> bool:
        """Only what a card shows counts: a place changes with every other run."""
        if self._before is None:
            return row.finished_at is not None and now() - row.finished_at < FRESH
        before = self._before.get(run_id)
        return before is None or _shown(before) != _shown(row)


def _rows(summary: BoardSummary) -> dict[str, Standing]:
    return {row.run_id: row for rows in summary.standings.values() for row in rows}


def _shown(row: Standing) -> tuple[object, ...]:
    return (row.difference, row.checks, row.status)
