"""How often one person may ask: so many commands, clicks, forms and mentions a minute."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from slack_bolt import BoltResponse

from bot.actions import Actions
from bot.slack.listeners.origin import target_of
from storage.errors import NotAllowed

MINUTE_S = 60.0
MOST_PEOPLE = 10_000
"""Of whom it is remembered when they asked; who has not asked for a minute is forgotten first."""


class Pace:
    """When each person asked in the last minute. Of one process; each bot counts for itself."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute = a_minute
        self._clock = clock
        self._asked: dict[str, deque[float]] = {}

    def note(self, user: str) -> bool:
        """Whether a person may ask once more now."""
        moment = self._clock()
        if len(self._asked) >= MOST_PEOPLE:
            self._forget(moment)
        asked = self._asked.setdefault(user, deque())
        while asked and moment - asked[0] >= MINUTE_S:
            asked.popleft()
        if len(asked) >= self._a_minute:
            return False
        asked.append(moment)
        return True

    def _forget(self, moment: float) -> None:
        self._asked = {
            user: asked
            for user, asked in self._asked.items()
            if asked and moment - asked[-1] < MINUTE_S
        }


def pace(actions: Actions, a_minute: int) -> Callable[..., None]:
    """Middleware that refuses who asks too often; nothing of it is done."""
    kept = Pace(a_minute)

    def within_pace(body: dict[str, Any], next: Callable[[], BoltResponse]) -> None:  # noqa: A002  Bolt's name
        user = target_of(body).user
        if user and not kept.note(user):
            raise NotAllowed(
                f"You asked me more than {a_minute} times in a minute, so this was not done. Wait "
                "a moment. An admin can change `requests_a_minute` under [limits]."
            )
        next()

    return within_pace
