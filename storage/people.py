"""Who is who: `[people]` of a home's settings, by which a chat, a machine or a login is known."""

import tomllib
from collections.abc import Mapping

from pydantic import Field, TypeAdapter, ValidationError

from storage.errors import BadInput
from storage.home import Home
from storage.records import Name, Person, Record, Role


class PersonEntry(Record):
    """`[people.NAME]`: who somebody is, in chat, on this machine and on the pages, and what they
    may do. `login` is what an OpenID provider calls them: `sub`, or a verified e-mail address."""

    roles: tuple[Role, ...] = ()
    slack: str | None = Field(default=None, pattern=r"^[A-Z0-9]{1,60}$")
    os: str | None = None
    login: str | None = Field(default=None, max_length=320)


People = Mapping[str, PersonEntry]
_PEOPLE: TypeAdapter[dict[Name, PersonEntry]] = TypeAdapter(dict[Name, PersonEntry])
IDENTITIES = ("slack", "os", "login")


def person_where(people: People, identity: str, value: str) -> Person | None:
    """The person behind an identity, or None for a stranger.

    Args:
        identity: One of `IDENTITIES`.
    """
    for name, entry in people.items():
        if value and getattr(entry, identity) == value:
            also = frozenset({entry.slack.lower()} if entry.slack else ())
            return Person(name=name, roles=frozenset(entry.roles), also=also)
    return None


def require_one_each(people: People) -> None:
    """Raise ValueError where two people have the same identity."""
    for field in IDENTITIES:
        given = [value for entry in people.values() if (value := getattr(entry, field))]
        if len(given) != len(set(given)):
            raise ValueError(f"two people have the same `{field}`")


def read_people(home: Home) -> dict[str, PersonEntry]:
    """The people of a home; none where it has no settings.

    Raises:
        BadInput: They cannot be read.
    """
    try:
        found = tomllib.loads(home.settings_file.read_text("utf-8")).get("people", {})
        people = _PEOPLE.validate_python(found)
        require_one_each(people)
    except FileNotFoundError:
        return {}
    except (ValueError, ValidationError) as error:
        raise BadInput(f"[people] of {home.settings_file.name} cannot be read: {error}") from error
    return dict(people)
