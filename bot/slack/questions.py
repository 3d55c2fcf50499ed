"""A reviewer's question to whoever asked for a run: in the run's thread, and to them directly."""

from bot.access import ANYONE_KNOWN, Caller, require
from bot.actions import Actions
from bot.replies import Reply
from bot.slack import blocks, speech
from bot.slack.speech import Target
from storage import outbox
from storage.errors import BadInput


def ask(actions: Actions, review_id: str, question: str, caller: Caller, key: str) -> Reply:
    """Have a question said, once for a key.

    Raises:
        NotAllowed: A stranger.
        BadInput: There is no question.
        UnknownName: There is no such review.
    """
    person = require(caller, ANYONE_KNOWN, "ask about a review")
    run, question = actions.run_of_review(review_id), " ".join(question.split())
    if not question:
        raise BadInput("Type what you want to know.")
    words = f"*{person.name}* asks {run.requested_by} about review `{review_id}`: {question}"
    with actions.ledger.write() as db:
        outbox.enqueue(
            db,
            "milestone",
            channel="",
            subject=run.id,
            payload={"text": words},
            dedupe_key=f"milestone:ask:{key}",
        )
    if owner := actions.directory.slack_id(run.requested_by):
        message = blocks.note_message(f"{words}\nAnswer in the thread of run `{run.id}`.")
        speech.say(actions.ledger, message, Target(user=owner), f"ask:{key}")
    return Reply(f"{run.requested_by} is asked; the thread of run `{run.id}` shows it.")
