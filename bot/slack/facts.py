"""What a card shows, read from where it stands: ledger, run folder, published board."""

from dataclasses import dataclass

from bot import answers, phrases
from bot.actions import Actions
from bot.slack.drawn import Drawn, champion, drawn
from storage import chain, openings, published, reviews
from storage.judgements import Gate, Standing
from storage.records import (
    Check,
    Decision,
    Event,
    EvidenceSummary,
    Metric,
    Review,
    ReviewState,
    Run,
    RunState,
)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything a run's card shows; `stage` is the last that its trainer reported."""

    run: Run
    place: int | None
    stage: str
    progress: Event | None
    engine: str
    summary: EvidenceSummary | None
    metrics: tuple[Metric, ...]
    checks: tuple[Check, ...]
    standing: Standing | None
    review: Review | None
    board_url: str
    note: str = ""
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """Everything a review's card shows."""

    review: Review
    run: RunFacts
    decisions: tuple[Decision, ...]
    head: str
    champion: Run | None = None
    drawn: Drawn | None = None
    worth: str = ""

    @property
    def is_open(self) -> bool:
        return self.review.state is ReviewState.IN_REVIEW


def run_facts(actions: Actions, run_id: str) -> RunFacts:
    """A run as it is now."""
    run = actions.ledger.run(run_id)
    folder = actions.home.run(run_id)
    events = folder.events(run.attempt).events if run.attempt else ()
    steps = [event for event in events if event.kind != "engine"]
    hidden = openings.is_hidden(actions.ledger, run)
    summary, metrics, checks, note = answers.evidence(folder, hidden=hidden)
    standing = published.standing_of(actions.home.board, run_id)
    found = reviews.reviews(actions.ledger, run_id)
    return RunFacts(
        run=run,
        place=actions.ledger.queue_place(run_id),
        stage=steps[-1].stage if steps else "",
        progress=steps[-1] if steps and run.state is RunState.ACTIVE else None,
        engine=_engine(events, summary),
        summary=summary,
        metrics=metrics,
        checks=standing.checks if standing else checks,
        standing=standing,
        review=found[0] if found else None,
        board_url=actions.settings.leaderboard.url.rstrip("/"),
        note=note,
        gate=actions.gate_or_none(run),
    )


def review_facts(actions: Actions, review_id: str) -> ReviewFacts:
    """A review as it is now."""
    review = reviews.get(actions.ledger, review_id)
    found = run_facts(actions, review.run_id)
    summary = published.read_summary(actions.home.board)
    worth = summary.worth.get(review.task) if summary else None
    return ReviewFacts(
        review=review,
        run=found,
        champion=champion(actions.ledger, found.run),
        drawn=drawn(actions.home, review.run_id),
        worth=worth.sentence if worth else "",
        decisions=reviews.decisions(actions.ledger, review_id),
        head=chain.head(actions.ledger),
    )


def _engine(events: tuple[Event, ...], summary: EvidenceSummary | None) -> str:
    if summary:
        return phrases.engine_line(summary)
    chosen = [event.message for event in events if event.kind == "engine"]
    return chosen[-1] if chosen else ""
