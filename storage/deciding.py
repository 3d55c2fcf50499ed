"""A decision with everything that it is held against at this moment: one way for chat and pages."""

from storage import published, reviews, tasks
from storage.home import Home
from storage.judgements import Gate, Standing
from storage.ledger import Ledger
from storage.records import Person, Run, Verdict
from storage.reviews import Decided


def decide_now(
    ledger: Ledger, home: Home, review_id: str, person: Person, verdict: Verdict, reason: str
) -> Decided:
    """Write one reviewer's decision, once, by the policy and the board as they are now.

    Raises:
        UserError: As `reviews.decide`.
    """
    review = reviews.get(ledger, review_id)
    standing = published.standing_of(home.board, review.run_id)
    return reviews.decide(
        ledger,
        home,
        review.id,
        tasks.task(ledger, review.task).task.policy,
        person,
        verdict,
        reason,
        against_now=compared_with(standing),
        board_checks=standing.checks if standing else (),
    )


def gate_now(ledger: Ledger, home: Home, run: Run) -> Gate:
    """What the task's policy makes of a run now."""
    policy = tasks.task(ledger, run.spec.task.name).task.policy
    standing = published.standing_of(home.board, run.id)
    return reviews.gate_of(ledger, home, run, policy, standing.checks if standing else ())


def compared_with(standing: Standing | None) -> list[str]:
    """The runs that the board compares a run with."""
    return [standing.difference.against] if standing and standing.difference else []
