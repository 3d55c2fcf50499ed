"""What a person's Home tab shows, read from ledger and published board."""

from bot import limits
from bot.access import LAUNCH
from bot.actions import Actions
from bot.checklist import steps_of
from bot.slack.blocks import Block
from bot.slack.views import HomeFacts, home_view, stranger_view
from storage import published, reviews, tasks
from storage.records import Person, Review, ReviewState, Role, RunState


def home_of(actions: Actions, user: str) -> Block:
    """The Home tab of a Slack user."""
    person = actions.directory.caller(user, "").person
    if person is None:
        return stranger_view(user)
    return home_view(_facts(actions, person))


def _facts(actions: Actions, person: Person) -> HomeFacts:
    ledger, summary = actions.ledger, published.read_summary(actions.home.board)
    found = tasks.tasks(ledger)
    standings = summary.standings if summary else {}
    worth = summary.worth if summary else {}
    names = [item.task.name for item in found]
    return HomeFacts(
        name=person.name,
        may_launch=bool(person.roles & LAUNCH),
        runs=ledger.runs(requested_by=person.name, limit=10),
        waiting=_waiting(actions, person),
        running=ledger.count_runs(states=(RunState.ACTIVE,)),
        queued=ledger.count_runs(states=(RunState.QUEUED,)),
        slots=len(actions.settings.hosts.gpus) or actions.settings.hosts.slots,
        budget=limits.in_words(ledger, actions.settings, person) or "No limits are set for you.",
        tops={name: (next(iter(standings.get(name, ())), None), worth.get(name)) for name in names},
        steps={item.task.name: steps_of(item, ledger, summary) for item in found},
        board_url=actions.settings.leaderboard.url,
    )


def _waiting(actions: Actions, person: Person) -> list[Review]:
    """Open reviews that a person may decide on: not of their own runs, not decided by them."""
    if not person.roles & {Role.REVIEWER, Role.ADMIN}:
        return []
    found = []
    for review in reviews.reviews(actions.ledger):
        own = person.name in {review.requested_by, actions.ledger.run(review.run_id).requested_by}
        if review.state is not ReviewState.IN_REVIEW or own:
            continue
        made = reviews.decisions(actions.ledger, review.id)
        if all(decision.person != person.name for decision in made):
            found.append(review)
    return found
