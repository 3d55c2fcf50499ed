"""Who somebody in Slack is: a person whom the settings name, a member of a group with roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.access import Caller
from storage.people import PersonEntry, person_where
from storage.records import Person, Role


class GroupsUnknown(Exception):
    """Nobody can say now who is in the groups; the message is for the person who waits."""


class Groups(Protocol):
    """Groups of people whose members have roles."""

    def roles_of(self, user: str, *, fresh: bool = False) -> frozenset[Role]:
        """What somebody may do by their groups.

        Args:
            user: An id of Slack's.
            fresh: Asked for now, and not remembered from a short while ago.

        Raises:
            GroupsUnknown: It cannot be said.
        """
        ...

    def members(self, role: Role) -> frozenset[str]:
        """The ids of those who have a role by a group, as far as that is known."""
        ...


class NoGroups:
    """Nobody has a role by a group."""

    def roles_of(self, user: str, *, fresh: bool = False) -> frozenset[Role]:
        return frozenset()

    def members(self, role: Role) -> frozenset[str]:
        return frozenset()


@dataclass(frozen=True, slots=True)
class Directory:
    """People by their id in Slack.

    Who has a role only by a group is called by their id in small letters: nobody can choose it, as
    they can a display name.
    """

    people: Mapping[str, PersonEntry]
    groups: Groups

    def caller(self, user: str, channel: str, *, fresh: bool = False) -> Caller:
        """Who asks. Deny by default: where the groups are unknown, nobody has a role by them."""
        listed = person_where(self.people, "slack", user)
        doubt = ""
        roles: frozenset[Role] = frozenset()
        try:
            roles = self.groups.roles_of(user, fresh=fresh) if user else frozenset()
        except GroupsUnknown as unknown:
            doubt = str(unknown)
        return Caller(self._with(listed, user, roles), "slack", user, channel, doubt)

    def slack_id(self, name: str) -> str:
        """How Slack calls a person of ours; empty where it does not know them."""
        entry = self.people.get(name)
        if entry is not None:
            return entry.slack or ""
        known = {user for role in Role for user in self.groups.members(role)}
        return name.upper() if name.upper() in known else ""

    def who_have(self, role: Role) -> dict[str, str]:
        """The people with a role who are in Slack: their id there, by name."""
        listed = {n: e.slack for n, e in self.people.items() if e.slack and role in e.roles}
        users = {entry.slack for entry in self.people.values()}
        names = {entry.slack: name for name, entry in self.people.items()}
        by_group = {
            (names[user] if user in users else user.lower()): user
            for user in sorted(self.groups.members(role))
        }
        return by_group | listed

    def _with(self, listed: Person | None, user: str, roles: frozenset[Role]) -> Person | None:
        if listed is not None:
            return listed.model_copy(update={"roles": listed.roles | roles})
        if not roles or user.lower() in self.people:
            return None
        return Person(name=user.lower(), roles=roles)
