"""A review as one page that stands alone: all evidence, the decisions, the head of the chain."""

from pathlib import Path

from leaderboard import markup, tables, words
from leaderboard.judged import judged
from leaderboard.readings import Readings
from storage.board_rows import ReviewRow

_PRINTED = """
:root { color-scheme: light; }
body { font: 14px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h2 { margin-top: 1.6rem; } a { color: inherit; text-decoration: none; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
"""


def review_page(board: Readings, review: ReviewRow) -> str:
    """The page as HTML; it loads nothing from anywhere."""
    run = board.run_page(review.run_id)
    name = words.method(review.method, review.base)
    parts = [
        f"<h1>Review of {markup.text(name)}</h1>",
        markup.facts(_facts(board, review)),
        "<h2>Decisions</h2>",
        tables.decisions(board.decisions(review.id)),
    ]
    if run is not None:
        attention, rest = judged(board.run_checks(run.run_id), run.gate)
        if run.gate:
            title = f"Policy: {words.GATES[run.gate.status]} ({run.gate.counts})"
            parts.append(f"<h2>{markup.text(title)}</h2>")
        parts += [attention or "<p>No check warns and none fails.</p>"]
        parts += ["<h2>The other checks</h2>", rest]
        parts += ["<h2>Numbers</h2>", tables.metrics(board.run_metrics(run.run_id))]
        parts += ["<h2>What happened</h2>", tables.steps(board.run_steps(run.run_id))]
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Review {markup.text(review.id)}</title><style>{style}{_PRINTED}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _facts(board: Readings, review: ReviewRow) -> list[tuple[str, str]]:
    publication = board.publication()
    pairs = [
        ("Review", review.id),
        ("Run", review.run_id),
        ("Task", review.task),
        ("State", words.status(review.state)),
        ("Submitted", f"by {review.requested_by}, {words.moment(review.created_at)}"),
        ("Approvals", f"{review.approvals} of {review.approvals_needed}"),
        ("Evidence", review.evidence_digest),
        ("Compared with", ", ".join(review.compared_with) or "nothing"),
        ("Head of the chain", publication.chain_head or "none"),
        ("As published", words.moment(publication.published_at)),
    ]
    return [(name, markup.text(value)) for name, value in pairs]
