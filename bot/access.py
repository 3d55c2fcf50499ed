"""Who may do what. Deny by default: a stranger can read help and nothing else."""

from dataclasses import dataclass

from storage.errors import NotAllowed
from storage.records import Person, Role, Run

LAUNCH = frozenset({Role.LAUNCHER, Role.ADMIN})
ANYONE_KNOWN = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and from where. The person comes from Slack or the system, never from the text.

    Attributes:
        person: None for somebody whom the settings do not name.
        origin: `slack` or `terminal`.
        identity: The Slack user id or the system's user name, for messages to a stranger.
        channel: The Slack channel the words came from; empty in the terminal.
        doubt: Why they may have more roles than could be found out; empty where all is known.
    """

    person: Person | None
    origin: str
    identity: str
    channel: str = ""
    doubt: str = ""

    @property
    def name(self) -> str:
        return self.person.name if self.person else self.identity


def require(caller: Caller, roles: frozenset[Role], what: str) -> Person:
    """The person, if they have one of the roles.

    Raises:
        NotAllowed: A stranger, or none of the roles; the message says how to get one.
    """
    missing = caller.person is None or not caller.person.roles & roles
    if missing and caller.doubt:
        raise NotAllowed(caller.doubt)
    if caller.person is None:
        key = "slack" if caller.origin == "slack" else "os"
        raise NotAllowed(
            f"I do not know you ({caller.identity}), so you cannot {what}. An admin can add you to "
            f'tuneboard.toml: [people.<name>] with {key} = "{caller.identity}" and roles.'
        )
    if not caller.person.roles & roles:
        has = ", ".join(sorted(role.value for role in caller.person.roles)) or "no role"
        needs = " or ".join(sorted(role.value for role in roles))
        raise NotAllowed(
            f"To {what}, one needs the role {needs}; you ({caller.person.name}) have {has}. "
            "An admin can change that in tuneboard.toml."
        )
    return caller.person


def require_own(caller: Caller, run: Run, what: str) -> Person:
    """The person, if the run is theirs or they are an admin."""
    person = require(caller, LAUNCH, what)
    if run.requested_by not in person.names and Role.ADMIN not in person.roles:
        raise NotAllowed(
            f"{run.id} belongs to {run.requested_by}; only they or an admin may {what}."
        )
    return person
