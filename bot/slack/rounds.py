"""What is said without being asked: reminders to reviewers, and the digest of a week.

Both are rows of the outbox with keys of their own: a bot that starts anew says nothing twice.
"""

import time
from datetime import timedelta

from bot import phrases
from bot.actions import Actions
from bot.slack import blocks, speech
from bot.slack.speech import Target
from storage import published, reviews, tasks
from storage.judgements import approval_end
from storage.records import Review, ReviewState, Role, RunState, now

EVERY_S = 60.0
MONDAY = 1
WEEK = timedelta(days=7)


class Rounds:
    """Looks once a minute whether something is due."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._next = 0.0

    def tick(self) -> None:
        """Remind and report, where that is asked for in the settings."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        if self._actions.settings.slack.remind_hours is not None:
            self._remind(timedelta(hours=self._actions.settings.slack.remind_hours))
        if self._actions.settings.slack.weekly:
            self._digest()
        self._tell_of_ends()

    def _remind(self, after: timedelta) -> None:
        """Tell each reviewer who may decide, once for every so many hours that a review waits."""
        for review in reviews.reviews(self._actions.ledger):
            waited = now() - review.created_at
            if review.state is not ReviewState.IN_REVIEW or waited < after:
                continue
            time_number = int(waited / after)
            for name, user in self._reviewers(review):
                text = (
                    f"Review `{review.id}` of run `{review.run_id}` for {review.task} has waited "
                    f"for {waited.total_seconds() / 3600:.0f} hours. `approve {review.id} REASON` "
                    f"or `reject {review.id} REASON` decides."
                )
                key = f"remind:{review.id}:{time_number}:{name}"
                message = blocks.note_message(text)
                speech.say(self._actions.ledger, message, Target(user=user), key)

    def _tell_of_ends(self) -> None:
        """Say in the channel, once, that the approval of a model in production has ended."""
        channel = self._actions.settings.slack.channel
        newest: dict[str, Review] = {}
        for review in reviews.reviews(self._actions.ledger):
            if review.state is ReviewState.APPROVED:
                before = newest.get(review.task)
                later = before is None or review.updated_at > before.updated_at
                newest |= {review.task: review} if later else {}
        for name, review in newest.items() if channel else ():
            policy = tasks.task(self._actions.ledger, name).task.policy
            end = approval_end(review.updated_at, policy.approval_days)
            if end and end <= now():
                text = (
                    f"The approval of run `{review.run_id}` for *{name}* ended on {end:%Y-%m-%d}. "
                    f"`submit {review.run_id}` puts it up for review anew."
                )
                target = Target(user="", channel=str(channel), private=False)
                message = blocks.note_message(text)
                speech.say(self._actions.ledger, message, target, f"ended:{review.id}")

    def _reviewers(self, review: Review) -> list[tuple[str, str]]:
        """Names and Slack ids of those who may still decide."""
        run = self._actions.ledger.run(review.run_id)
        own = {review.requested_by, run.requested_by}
        done = {d.person for d in reviews.decisions(self._actions.ledger, review.id)}
        return [
            (name, user)
            for name, user in self._actions.directory.who_have(Role.REVIEWER).items()
            if name not in own | done
        ]

    def _digest(self) -> None:
        """On Mondays, the week in the channel."""
        year, week, day = now().isocalendar()
        channel = self._actions.settings.slack.channel
        if day != MONDAY or not channel:
            return
        target = Target(user="", channel=channel, private=False)
        message = blocks.note_message("\n".join(self._week()))
        speech.say(self._actions.ledger, message, target, f"digest:{channel}:{year}-{week}")

    def _week(self) -> list[str]:
        ledger, since = self._actions.ledger, now() - WEEK
        ended = [r for r in ledger.runs(limit=2000) if r.updated_at > since and r.state.ended]
        good = sum(run.state is RunState.SUCCEEDED for run in ended)
        waiting = [r for r in reviews.reviews(ledger) if r.state is ReviewState.IN_REVIEW]
        decided = [d for d in reviews.decisions(ledger) if d.at > since]
        lines = [
            "*The week*",
            f"{good} runs finished, {len(ended) - good} failed or were cancelled; {len(decided)} "
            f"decisions, {len(waiting)} reviews wait.",
        ]
        summary = published.read_summary(self._actions.home.board)
        for task, rows in (summary.standings if summary else {}).items():
            if rows and any(run.spec.task.name == task for run in ended):
                worth = summary.worth.get(task) if summary else None
                lines.append(f"*{task}*: first is {phrases.metric_line(rows[0].primary)}.")
                lines += [worth.sentence] if worth else []
        return lines
