"""The one that speaks: takes rows out of the outbox and puts them into Slack, at Slack's pace.

One thread of one process at a time: it holds `locks/publisher.lock`. It can be killed anywhere:

- A row is taken (its `tries` counted) before anything is sent and marked as sent after. One found
  with `tries` may have been posted, so it is looked for by its key before it is posted again.
- Cards are drawn from the state of the moment they are sent, never from the row: whatever the
  order, the last one shows the truth. Any number of changes is one update.
- Posts and updates wait a second in each channel, longer where Slack says so. What only one person
  sees is not held up.

It also watches what there is to tell: runs that changed (`Relay`), and boards that were published.
"""

import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from bot.actions import Actions
from bot.hosts import locks
from bot.hosts.relay import Relay
from bot.slack import blocks, cards, drawn, facts
from bot.slack.board_watch import BoardWatch
from bot.slack.home import home_of
from bot.slack.posts import Gone, NeverSaid, Posts, TryLater
from bot.slack.rounds import Rounds
from bot.slack.run_listener import SlackRunListener
from bot.slack.speech import Target
from bot.slack.unfurls import unfurls_of
from storage import outbox
from storage.errors import TuneboardError
from storage.outbox import MessageRef, Outgoing
from storage.records import digest_of, now

log = logging.getLogger(__name__)

CARDS = ("run_card", "review_card")
OF_ONE = ("say", "home", "unfurl")
"""What one person asked for or sees: not held up by what goes on in the channel."""
IN_THREAD = ("milestone", "pictures")
POLL_S = 0.25
MOST_TRIES = 200
LONGEST_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two of a kind in one channel: Slack takes a post a second, fifty updates a
    minute."""

    post_s: float = 1.05
    update_s: float = 1.2


SLACKS_PACE = Pace()


class Publisher:
    """Speaks in one channel, and to whoever asked."""

    def __init__(self, actions: Actions, posts: Posts, pace: Pace = SLACKS_PACE) -> None:
        self._actions = actions
        self._ledger = actions.ledger
        self._posts = posts
        self._seconds = pace
        self._channel = actions.settings.slack.channel or ""
        self._relay = Relay(actions.ledger, actions.home, SlackRunListener(actions))
        self._boards = BoardWatch(actions.ledger, actions.home)
        self._rounds = Rounds(actions)
        self._free_at: dict[str, float] = {}
        self._shown: dict[str, str] = {}
        self._lock: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the call under way and end."""
        self._stop.set()
        self._thread.join()

    def tick(self) -> None:
        """Say everything that may be said now. What goes wrong in one part keeps no other back."""
        for part in (
            self._relay.tick,
            self._boards.tick,
            self._rounds.tick,
            self._say_words_due,
            self._say_in_channel,
        ):
            self._carefully(part)

    def _say_words_due(self) -> None:
        for row in outbox.pending(self._ledger, limit=200, kinds=OF_ONE):
            self._say_in(_lane_of_words(row), row)

    def _say_in_channel(self) -> None:
        post, update = f"post {self._channel}", f"update {self._channel}"
        due = functools.partial(outbox.due_in_channel, self._ledger, self._channel, CARDS)
        if self._is_free(update):
            for row in due(posted=True):
                self._say_in(update, row)
        if self._is_free(post):
            for row in due(IN_THREAD, posted=False):
                self._say_in(post, row)

    # --- one row --------------------------------------------------------------------------------

    def _say_in(self, lane: str, row: Outgoing) -> None:
        """Say a row if its lane is free. Updates have a lane of their own, whispers none."""
        if self._is_free(lane) and not self._stop.is_set():
            self._say(row, lane)

    def _say(self, row: Outgoing, lane: str) -> None:
        outbox.take(self._ledger, row.id)
        try:
            ref = self._sayers[row.kind](self, row)
        except TryLater as later:
            self._put_back(row, lane, later)
        except Gone:
            self._post_anew(row)
        except (NeverSaid, TuneboardError) as error:
            log.error("%s of %s is never said: %s", row.kind, row.subject, error)
            outbox.give_up(self._ledger, row.id, str(error))
        except Exception as error:
            log.exception("%s of %s cannot be said now", row.kind, row.subject)
            wait_s = min(LONGEST_WAIT_S, 2.0 ** min(row.tries, 10))
            self._put_back(row, lane, TryLater(repr(error), wait_s, anything=False))
        else:
            outbox.mark_sent(self._ledger, row.id, ref)
            self._pace(lane)

    def _say_run_card(self, row: Outgoing) -> MessageRef | None:
        return self._show(row, cards.run_card(facts.run_facts(self._actions, row.subject)))

    def _say_review_card(self, row: Outgoing) -> MessageRef | None:
        found = facts.review_facts(self._actions, row.subject)
        drawn.ask_for_comparison(self._ledger, found.review, found.champion, found.drawn)
        return self._show(row, cards.review_card(found))

    def _say_milestone(self, row: Outgoing) -> MessageRef | None:
        self._reply(row, str(row.payload["text"]))
        return None

    def _say_pictures(self, row: Outgoing) -> MessageRef | None:
        """The plots and the surest mistakes, in the run's thread."""
        found = drawn.drawn(self._actions.home, row.subject)
        words = "\n".join(cards.mistake_lines(found)) if found else ""
        if found is None or not (found.pictures or words):
            return None
        if not found.pictures:
            self._reply(row, words)
            return None
        alts = [f"{picture.title}: {picture.alt}" for picture in found.pictures]
        said = "\n".join([*alts, words]).strip()
        key, since, ts = row.subject, _since(row), self._thread_of(row)
        try:
            self._posts.share(
                found.pictures,
                blocks.cap(blocks.escape(said), blocks.TEXT_LIMIT),
                self._channel,
                key,
                thread_ts=ts,
                since=since,
            )
        except NeverSaid as refused:
            self._reply(row, f"{said}\nThe plots cannot be shown: Slack says {refused}.")
        return None

    def _reply(self, row: Outgoing, text: str) -> None:
        """Say something in the run's thread."""
        key, since, ts = row.dedupe_key, _since(row), self._thread_of(row)
        message = blocks.note_message(text)
        self._posts.post(message, self._channel, key, thread_ts=ts, since=since)

    def _thread_of(self, row: Outgoing) -> str:
        card = outbox.message_of(self._ledger, row.subject, self._channel)
        if card is None:
            raise TryLater("the run's card is not posted yet", 5, anything=False)
        return card.ts

    def _say_words(self, row: Outgoing) -> MessageRef | None:
        target = Target.model_validate(row.payload["target"])
        self._posts.tell(row.payload["message"], target, row.dedupe_key, _since(row))
        return None

    def _say_home(self, row: Outgoing) -> MessageRef | None:
        self._posts.show_home(row.subject, home_of(self._actions, row.subject))
        return None

    def _say_below_links(self, row: Outgoing) -> MessageRef | None:
        shown = unfurls_of(self._actions, [str(url) for url in row.payload["urls"]])
        if shown:
            self._posts.unfurl(row.payload["place"], shown)
        return None

    _sayers = {  # noqa: RUF012  a table, never changed
        "run_card": _say_run_card,
        "review_card": _say_review_card,
        "milestone": _say_milestone,
        "pictures": _say_pictures,
        "say": _say_words,
        "home": _say_home,
        "unfurl": _say_below_links,
    }

    def _show(self, row: Outgoing, message: blocks.Block) -> MessageRef | None:
        """Post a card, or edit the one that is there unless it shows the same already."""
        if not self._channel:
            raise NeverSaid("no channel is set: [slack] channel in tuneboard.toml")
        card = outbox.message_of(self._ledger, row.subject, self._channel)
        looks = digest_of(message)
        if card is None:
            _, ts = self._posts.post(message, self._channel, row.subject, since=_since(row))
            card = MessageRef(subject=row.subject, channel=self._channel, ts=ts)
            if row.tries == 0:
                self._shown[row.subject] = looks
                return card
        if self._shown.get(row.subject) != looks:
            self._posts.update(message, self._channel, card.ts)
            self._shown[row.subject] = looks
        return card

    def _post_anew(self, row: Outgoing) -> None:
        """Somebody deleted the card: the next try posts another."""
        ref = MessageRef(subject=row.subject, channel=self._channel, ts="")
        outbox.forget_message(self._ledger, ref)
        outbox.put_back(self._ledger, row, now(), "deleted")

    def _put_back(self, row: Outgoing, lane: str, later: TryLater) -> None:
        if row.tries >= MOST_TRIES and not later.anything:
            log.error("%s of %s is given up: %s", row.kind, row.subject, later)
            outbox.give_up(self._ledger, row.id, str(later))
            return
        wait_s = later.after_s
        if later.anything:
            if not later.told:
                wait_s = max(wait_s, min(LONGEST_WAIT_S, 0.5 * 2 ** min(row.tries, 10)))
            self._free_at[lane] = time.monotonic() + wait_s
        log.info("%s of %s waits %.0f s: %s", row.kind, row.subject, wait_s, later)
        until = now() + timedelta(seconds=wait_s)
        outbox.put_back(self._ledger, row, until, str(later))

    # --- pace -----------------------------------------------------------------------------------

    def _is_free(self, lane: str) -> bool:
        return time.monotonic() >= self._free_at.get(lane, 0.0)

    def _pace(self, lane: str) -> None:
        """After something was said; whispers have no pace."""
        if lane:
            is_update = lane.startswith("update")
            every_s = self._seconds.update_s if is_update else self._seconds.post_s
            self._free_at[lane] = time.monotonic() + every_s

    # --- the thread -----------------------------------------------------------------------------

    def _work(self) -> None:
        lock_file = self._actions.home.locks / "publisher.lock"
        try:
            while not self._stop.is_set():
                if self._lock is None:
                    self._lock = locks.take(lock_file)
                if self._lock is not None:
                    self._carefully(self.tick)
                self._stop.wait(POLL_S)
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _carefully(self, work: Callable[[], None]) -> None:
        """The outermost loop: what goes wrong is recorded, and the next tick comes."""
        try:
            work()
        except Exception:
            log.exception("the publisher goes on")
            self._stop.wait(1.0)


def _lane_of_words(row: Outgoing) -> str:
    if row.kind != "say":
        return ""
    try:
        target = Target.model_validate(row.payload["target"])
    except (KeyError, ValidationError):
        return ""  # saying it fails too, where that is counted
    return "" if target.private or not target.channel else f"post {target.channel}"


def _since(row: Outgoing) -> datetime | None:
    """When to look from, for a row that may have been said; None for a first try."""
    return row.created_at if row.tries else None
