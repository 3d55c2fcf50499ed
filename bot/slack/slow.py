"""Works on what was put off: requests that read a task's data, and drawing. One at a time."""

import logging
import secrets
import threading
from datetime import timedelta

from bot.actions import Actions
from bot.replies import Reply
from bot.slack import blocks, drawn, speech
from bot.slack.speech import Target
from storage import outbox
from storage.errors import UserError
from storage.outbox import Outgoing
from storage.records import now

log = logging.getLogger(__name__)

POLL_S = 0.5
MOST_TRIES = 5


class SlowWorker:
    """Takes slow requests out of the outbox and puts their answers in.

    A request that was cut off is worked on again: asking twice changes nothing.
    """

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="slow", daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end. What is under way is begun again by the next start."""
        self._stop.set()
        self._thread.join(timeout=2)

    def tick(self) -> None:
        """Work on everything that waits."""
        for row in outbox.pending(self._actions.ledger, kinds=("slow", "draw")):
            if self._stop.is_set():
                return
            self._carefully(row)

    def _carefully(self, row: Outgoing) -> None:
        """What goes wrong with one request keeps no other from its turn."""
        outbox.take(self._actions.ledger, row.id)
        try:
            self._draw(row) if row.kind == "draw" else self._answer(row)
        except UserError as error:
            log.info("%s cannot be drawn: %s", row.subject, error)
            outbox.give_up(self._actions.ledger, row.id, str(error))
        except Exception as error:
            log.exception("the slow request %d cannot be worked on now", row.id)
            if row.tries + 1 >= MOST_TRIES:
                outbox.give_up(self._actions.ledger, row.id, repr(error))
            else:
                until = now() + timedelta(seconds=2.0**row.tries)
                outbox.put_back(self._actions.ledger, row, until, repr(error))

    def _draw(self, row: Outgoing) -> None:
        review, against = str(row.payload["review"]), str(row.payload["against"])
        drawn.make(self._actions, row.subject, review, against)
        outbox.mark_sent(self._actions.ledger, row.id)

    def _answer(self, row: Outgoing) -> None:
        asked = row.payload
        key, channel = str(asked["key"]), str(asked["channel"])
        reply = self._reply(asked["line"], asked["identity"], channel, key)
        target = Target(
            user=asked["identity"],
            channel=channel,
            response_url=asked["reply_to"],
            private=not channel.startswith("D"),
        )
        message = blocks.reply_message(reply)
        speech.say(self._actions.ledger, message, target, f"slow:{key}")
        outbox.mark_sent(self._actions.ledger, row.id)

    def _reply(self, line: str, identity: str, channel: str, key: str) -> Reply:
        try:
            caller = self._actions.directory.caller(identity, channel)
            return self._actions.handle_slow(line, caller, key)
        except UserError as error:
            return Reply(str(error))
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("%s", reference)
            return Reply(f"Something is broken on our side. Reference {reference}.")

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.tick()
            except Exception:
                log.exception("the work on slow requests goes on")
                self._stop.wait(1.0)
            self._stop.wait(POLL_S)
