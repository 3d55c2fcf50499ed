"""Turns what changed about runs into things to say: its card, and milestones in its thread."""

from bot import phrases
from bot.actions import Actions
from bot.slack import blocks, drawn, facts, speech
from bot.slack.cards import check_words
from bot.slack.speech import Target
from storage import outbox, reviews
from storage.records import Outcome, ReviewState, Run, RunState, Transition
from storage.watches import watchers


class SlackRunListener:
    """Hears which runs changed. May hear of a thing twice: every milestone has a key of its own."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._engines_told: set[tuple[str, int]] = set()

    def run_changed(self, run_id: str) -> None:
        """Have the card drawn anew, and new milestones told."""
        ledger = self._actions.ledger
        run = ledger.run(run_id)
        if run.state is RunState.QUEUED and not run.attempt:
            return  # the request itself had its card drawn
        told = [
            (f"{run_id}:{step.id}", words)
            for step in ledger.transitions(run_id)
            if step.kind == "run" and (words := self._words(run, step))
        ]
        told += self._engine(run)
        with ledger.write() as db:
            outbox.enqueue(
                db,
                "run_card",
                channel="",
                subject=run_id,
                payload={},
                coalesce_key=f"run_card:{run_id}",
            )
            for key, words in told:
                outbox.enqueue(
                    db,
                    "milestone",
                    channel="",
                    subject=run_id,
                    payload={"text": words},
                    dedupe_key=f"milestone:{key}",
                )
        if run.state is RunState.SUCCEEDED:
            drawn.ask_for(ledger, run_id)
        for key, words in self._news(run):
            self._tell_watchers(run, key, words)
        owner = self._actions.directory.slack_id(run.requested_by)
        if told and owner:
            speech.draw_home(ledger, owner)

    def _news(self, run: Run) -> list[tuple[str, str]]:
        """What people who watch a run are told of: its end, and what was decided."""
        found = []
        if run.state.ended:
            ends = [step for step in self._actions.ledger.transitions(run.id) if step.kind == "run"]
            found.append((f"{run.id}:{ends[-1].id}", self._words(run, ends[-1])))
        for review in reviews.reviews(self._actions.ledger, run.id):
            if review.state not in {ReviewState.IN_REVIEW, ReviewState.WITHDRAWN}:
                words = f"Review `{review.id}` is *{review.state.value}*."
                found.append((f"{review.id}:{review.state.value}", words))
        return found

    def _tell_watchers(self, run: Run, key: str, words: str) -> None:
        """In a direct message; who has no Slack id here reads the channel."""
        message = blocks.note_message(f"`{run.id}`, {phrases.describe(run.spec)}:\n{words}")
        for name in watchers(self._actions.ledger, run):
            if user := self._actions.directory.slack_id(name):
                target = Target(user=user)
                speech.say(self._actions.ledger, message, target, f"watch:{key}:{user}")

    def _words(self, run: Run, step: Transition) -> str:
        """What is said of a step; nothing of the request itself, which the card shows."""
        match step.after:
            case RunState.ACTIVE:
                return f"Started ({step.reason})."
            case RunState.SUCCEEDED:
                return self._success(run)
            case RunState.FAILED:
                return f"Failed: {step.reason}"
            case RunState.CANCELLED:
                return f"Cancelled: {step.reason}" if step.reason else "Cancelled."
            case RunState.QUEUED if step.before:
                return f"Waiting again: {step.reason}"
        return ""

    def _success(self, run: Run) -> str:
        found = facts.run_facts(self._actions, run.id)
        lines = [phrases.metric_line(m) for m in phrases.headline(run.spec, found.metrics)[:2]]
        flags = [c for c in found.checks if c.outcome in {Outcome.WARN, Outcome.FAIL}]
        return "\n".join(["Finished.", *lines, *(check_words(check) for check in flags)])

    def _engine(self, run: Run) -> list[tuple[str, str]]:
        """Which engine was chosen, and why, once an attempt."""
        mark = (run.id, run.attempt)
        if not run.attempt or mark in self._engines_told:
            return []
        events = self._actions.home.run(run.id).events(run.attempt).events
        chosen = [event.message for event in events if event.kind == "engine"]
        if run.state.ended or chosen:
            self._engines_told.add(mark)
        key = f"{run.id}:engine:{run.attempt}"
        return [(key, f"Engine: {chosen[0]}")] if chosen else []
