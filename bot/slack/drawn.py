"""What was drawn of a run, for a chat: asked for once, made by the slow worker, read from its file.

ask_for → outbox "draw" → make → pictures/RUN of the home → outbox "pictures" and "review_card"
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.actions import Actions
from bot.hosts.projection_child import ask_child
from storage import outbox, reviews
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Review, ReviewState, Run


@dataclass(frozen=True, slots=True)
class Picture:
    """One image on disk, with a title and its content in words."""

    path: Path
    title: str
    alt: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What `bot.hosts.pictures` left."""

    pictures: tuple[Picture, ...] = ()
    split: str = "test"
    mistakes: tuple[dict[str, Any], ...] = ()
    against: dict[str, Any] | None = field(default=None)


def ask_for(ledger: Ledger, run_id: str) -> None:
    """Have a run drawn, once."""
    _ask(ledger, run_id, "", "", run_id)


def ask_for_comparison(
    ledger: Ledger, review: Review, champion: Run | None, found: Drawn | None
) -> None:
    """Have a run under review drawn with its comparison, unless there is nothing new to compare."""
    other = champion.id if champion else ""
    known = (found.against or {}).get("run", "") if found else None
    if known != other:
        _ask(ledger, review.run_id, review.id, other, f"{review.id}:{other}")


def _ask(ledger: Ledger, run_id: str, review_id: str, against: str, key: str) -> None:
    with ledger.write() as db:
        outbox.enqueue(
            db,
            "draw",
            channel="",
            subject=run_id,
            payload={"against": against, "review": review_id},
            dedupe_key=f"draw:{key}",
        )


def make(actions: Actions, run_id: str, review_id: str, against: str) -> None:
    """Draw it in a process of its own, then have it shown.

    Raises:
        BadInput: There is nothing to draw.
        InternalError: The drawing failed.
    """
    ask_child(
        actions.home, "bot.hosts.pictures", run_id, *(["--against", against] if against else [])
    )
    with actions.ledger.write() as db:
        outbox.enqueue(
            db,
            "pictures",
            channel="",
            subject=run_id,
            payload={},
            dedupe_key=f"pictures:{run_id}",
        )
        if review_id:
            key = f"review_card:{review_id}"
            outbox.enqueue(
                db, "review_card", channel="", subject=review_id, payload={}, coalesce_key=key
            )


def drawn(home: Home, run_id: str) -> Drawn | None:
    """What there is of a run; None before it was drawn, or where the file is not whole."""
    place = home.pictures(run_id)
    try:
        found = json.loads((place / "told.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    pictures = (
        Picture(place / item["name"], item["title"], item["alt"]) for item in found["files"]
    )
    return Drawn(tuple(pictures), found["split"], tuple(found["mistakes"]), found["against"])


def champion(ledger: Ledger, run: Run) -> Run | None:
    """The run in production: of the task's newest approval that is not this run's own."""
    approved = [
        review
        for review in reviews.reviews(ledger)
        if review.state is ReviewState.APPROVED
        and review.task == run.spec.task.name
        and review.run_id != run.id
    ]
    newest = max(approved, key=lambda review: review.updated_at, default=None)
    return ledger.run(newest.run_id) if newest else None
