"""What stands below a link to one of our pages: a few lines on the run, board or review behind it.

Only for links that somebody known shared, and only what the link's page would show to anybody.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot import phrases
from bot.actions import Actions
from bot.slack import blocks, facts
from bot.slack.blocks import Block
from storage import published, reviews, tasks
from storage.errors import UserError
from storage.records import Outcome

MOST_ROWS = 5
MOST_LINKS = 5

Unfurl = Callable[[Actions, str], list[str]]


def unfurls_of(actions: Actions, urls: list[str]) -> dict[str, Block]:
    """What to show below each link, by its address; links to anything else are left out."""
    found = {}
    for url in urls[:MOST_LINKS]:
        lines = _lines(actions, url)
        if lines:
            found[url] = {"blocks": blocks.sections(lines)}
    return found


def _lines(actions: Actions, url: str) -> list[str]:
    ours = urlsplit(actions.settings.leaderboard.url)
    try:
        given = urlsplit(url)
    except ValueError:
        return []
    if given.netloc != ours.netloc or not given.path.startswith(ours.path.rstrip("/")):
        return []
    page = given.path.removeprefix(ours.path.rstrip("/")).strip("/")
    key, unfurl = _PAGES.get(page, ("", None))
    names = parse_qs(given.query).get(key, [])
    if unfurl is None or len(names) != 1:
        return []
    try:
        return unfurl(actions, names[0])
    except UserError:
        return []


def _run(actions: Actions, run_id: str) -> list[str]:
    found = facts.run_facts(actions, run_id)
    flags = [c for c in found.checks if c.outcome in {Outcome.WARN, Outcome.FAIL}]
    metrics = phrases.headline(found.run.spec, found.metrics)
    standing = found.standing
    return [
        f"*{phrases.describe(found.run.spec)}*",
        f"Run `{run_id}` of {found.run.requested_by} is *{found.run.state.value}*.",
        *([found.note] if found.note else []),
        *[phrases.metric_line(metric) for metric in metrics[:2]],
        *(
            [f"Against the best baseline: {phrases.difference_words(standing)}."]
            if standing
            else []
        ),
        *([f"Flags: {', '.join(phrases.flag_words(flags))}."] if flags else []),
        *(phrases.gate_lines(found.gate)[:1] if found.gate else []),
    ]


def _board(actions: Actions, task: str) -> list[str]:
    tasks.task(actions.ledger, task)
    summary = published.read_summary(actions.home.board)
    rows = summary.standings.get(task, ()) if summary else ()
    if summary is None or not rows:
        return [f"*Board of {task}*", "No run has finished."]
    worth = summary.worth.get(task)
    return [
        f"*Board of {task}*, by {rows[0].primary.name} on {rows[0].primary.split}",
        *[
            f"{row.place}. `{row.run_id}` {row.method.value} {row.base}: "
            f"{phrases.number(row.primary)}, {row.status}"
            for row in rows[:MOST_ROWS]
        ],
        *([f"… and {len(rows) - MOST_ROWS} more."] if len(rows) > MOST_ROWS else []),
        *([worth.sentence] if worth else []),
    ]


def _review(actions: Actions, review_id: str) -> list[str]:
    review = reviews.get(actions.ledger, review_id)
    made = reviews.decisions(actions.ledger, review_id)
    return [
        f"*Review `{review_id}` is {review.state.value.replace('_', ' ')}*: submitted by "
        f"{review.requested_by}, {len(made)} decided, {review.approvals_needed} approvals needed.",
        *_run(actions, review.run_id),
    ]


_PAGES: Mapping[str, tuple[str, Unfurl | None]] = {
    "": ("task", _board),
    "board": ("task", _board),
    "run": ("run_id", _run),
    "review": ("review_id", _review),
}
"""By page: which part of the address names what it shows, and what is told of that."""


def shared_links(event: Mapping[str, Any]) -> Iterator[str]:
    """The addresses in a `link_shared` event."""
    for link in event.get("links") or ():
        if isinstance(link, dict) and isinstance(link.get("url"), str):
            yield link["url"]
