"""Roles by Slack's user groups: asked for, remembered five minutes, never assumed.

Scope: `usergroups:read`. A group that Slack does not tell of gives nobody a role.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.directory import GroupsUnknown
from storage.records import Role

log = logging.getLogger(__name__)

REMEMBERED_S, FRESH_S = 300.0, 5.0
"""How old an answer may be, and how old one that has just been asked for: a hundred clicks at once
are one question, of which Slack takes about twenty a minute."""
RETRY_S = 10.0
"""How long a failure is remembered: while Slack is away, not everybody waits for it."""
PATIENCE_S = 1
"""Whoever waits has three seconds in all."""
MOST_GROUPS = 8


class UserGroups:
    """Who is in the groups that the settings give roles to. Safe from several threads."""

    def __init__(self, client: WebClient, roles: Mapping[str, Sequence[Role]]) -> None:
        self._client = WebClient(
            client.token, base_url=client.base_url, timeout=PATIENCE_S, retry_handlers=[]
        )
        self._roles = {group: frozenset(given) for group, given in roles.items()}
        self._members: dict[str, frozenset[str]] = {}
        self._asked_at = self._failed_at = -REMEMBERED_S
        self._lock = threading.Lock()

    def roles_of(self, user: str, *, fresh: bool = False) -> frozenset[Role]:
        """What somebody may do by their groups; see `bot.directory.Groups`."""
        if not self._roles:
            return frozenset()
        with self._lock:
            if time.monotonic() - self._asked_at > (FRESH_S if fresh else REMEMBERED_S):
                self._ask()
            found = [self._roles[group] for group, users in self._members.items() if user in users]
        return frozenset(role for roles in found for role in roles)

    def members(self, role: Role) -> frozenset[str]:
        """As far as it is known: nobody, where Slack cannot be asked."""
        try:
            self.roles_of("")
        except GroupsUnknown:
            return frozenset()
        groups = [group for group, roles in self._roles.items() if role in roles]
        return frozenset(user for group in groups for user in self._members.get(group, ()))

    def _ask(self) -> None:
        if time.monotonic() - self._failed_at < RETRY_S:
            raise GroupsUnknown(_UNKNOWN)
        try:
            with ThreadPoolExecutor(MOST_GROUPS) as pool:
                found = pool.map(self._users_of, self._roles)
                self._members = dict(zip(self._roles, found, strict=True))
        except (SlackClientError, OSError) as error:
            self._failed_at = time.monotonic()
            log.warning("who is in the user groups cannot be asked: %s", error)
            raise GroupsUnknown(_UNKNOWN) from error
        self._asked_at = time.monotonic()

    def _users_of(self, group: str) -> frozenset[str]:
        return frozenset(self._client.usergroups_users_list(usergroup=group).get("users") or ())


_UNKNOWN = (
    "Slack does not say now who is in its user groups, so nobody has a role by them. Nothing was "
    "done; try again in a minute."
)
