"""How much one person may ask for: runs at a time, runs a day, and where runs may be asked for.

The limits are the settings' (`[limits]`). They are held against the ledger, so that every bot of a
home counts the same, and only where somebody asks in chat or terminal: a sweep is its own budget.
"""

from datetime import timedelta

from bot.access import Caller
from bot.settings import Settings
from storage.errors import NotAllowed
from storage.ledger import Ledger
from storage.records import Person, Role, RunState, now

DAY = timedelta(days=1)


def hold(settings: Settings, person: Person) -> bool:
    """Whether there are limits for a person; admins may have any number of runs."""
    given = settings.limits
    limited = given.runs_at_once is not None or given.runs_a_day is not None
    return limited and Role.ADMIN not in person.roles


def in_words(ledger: Ledger, settings: Settings, person: Person) -> str:
    """What a person has asked for against what they may; empty where there are no limits."""
    if not hold(settings, person):
        return ""
    given = settings.limits
    return (
        f"Budget: {own_waiting(ledger, person)} of {given.runs_at_once or 'any number of'} runs at "
        f"a time, {own_of_a_day(ledger, person)} of {given.runs_a_day or 'any number'} in 24 hours."
    )


def require_room(ledger: Ledger, settings: Settings, person: Person, more: int = 1) -> None:
    """Refuse more runs than a person may have.

    Raises:
        NotAllowed: There is no room; says how many there are and when there will be.
    """
    limits = settings.limits
    if limits.runs_at_once is not None:
        waiting = own_waiting(ledger, person)
        if waiting + more > limits.runs_at_once:
            raise NotAllowed(
                f"You have {waiting} runs queued or running, and {more} more would be over the "
                f"{limits.runs_at_once} that one person may have at a time. `runs mine` lists "
                "them, `cancel RUN` ends one."
            )
    if limits.runs_a_day is not None:
        today = own_of_a_day(ledger, person)
        if today + more > limits.runs_a_day:
            raise NotAllowed(
                f"You asked for {today} runs in the last 24 hours, and {limits.runs_a_day} are "
                "allowed. An admin can raise `runs_a_day` under [limits] in tuneboard.toml."
            )


def require_place(settings: Settings, caller: Caller) -> None:
    """Refuse launches from channels that are not for them; direct messages are always.

    Raises:
        NotAllowed: Another channel; names those that are allowed.
    """
    allowed = settings.slack.launch_channels
    private = caller.channel.startswith("D")
    if caller.origin != "slack" or not allowed or private or caller.channel in allowed:
        return
    raise NotAllowed(
        f"Runs are asked for in certain channels only ({', '.join(allowed)}), and in direct "
        "messages to me. An admin can change `launch_channels` under [slack] in tuneboard.toml."
    )


def own_waiting(ledger: Ledger, person: Person) -> int:
    """How many runs of a person have not ended."""
    states = (RunState.QUEUED, RunState.ACTIVE)
    return ledger.count_runs(states=states, requested_by=person.names)


def own_of_a_day(ledger: Ledger, person: Person) -> int:
    """How many runs a person asked for in the last 24 hours."""
    return ledger.count_runs(requested_by=person.names, since=now() - DAY)
