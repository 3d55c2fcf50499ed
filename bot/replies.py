"""What an action answers: the same for Slack, the terminal and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under column names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one person.

    Attributes:
        text: Plain text with light markup: `code` and *bold*, lines broken by newlines.
        data: One JSON object for `--json`.
        run_id: The run this is about, where it is about one.
        review_id: The review this is about, where it is about one.
        start: A line that does what was only planned; empty where there is none.
        later: The answer is being worked out and comes through the outbox.
        exit_code: 0 done, 1 failed, 2 bad input, 3 refused.
    """

    text: str
    table: Table | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    review_id: str | None = None
    start: str = ""
    later: bool = False
    exit_code: int = 0

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table of anything that has a text."""
    return Table(tuple(columns), tuple(tuple(str(cell) for cell in row) for row in rows))
