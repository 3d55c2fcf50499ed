"""The way of a run as steps: Slack's plan block and, where that is refused, paragraphs instead."""

from dataclasses import dataclass

from bot import phrases
from bot.slack import blocks
from bot.slack.blocks import Block
from bot.slack.facts import RunFacts
from storage.records import Outcome, ReviewState, RunState

STEPS = ("Data", "Train", "Evaluate", "Checks", "Review")
STAGES = {
    **dict.fromkeys(("data", "gate"), "Data"),
    "fit": "Train",
    **dict.fromkeys(("save", "stages", "predict", "reload", "timing", "measure"), "Evaluate"),
    **dict.fromkeys(("check", "evidence"), "Checks"),
}
"""Which step a stage that the trainer reports belongs to."""
PENDING, NOW, DONE, ERROR = "pending", "in_progress", "complete", "error"
"""Slack's words for the state of a task."""
MARKS = {PENDING: "○", NOW: "⚙️", DONE: "✓", ERROR: "✗"}
REVIEWED = {
    ReviewState.IN_REVIEW: NOW,
    ReviewState.APPROVED: DONE,
    ReviewState.REJECTED: ERROR,
    ReviewState.WITHDRAWN: PENDING,
    ReviewState.EXPIRED: PENDING,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, Slack's word for its state, and what is to say of it."""

    name: str
    status: str
    words: str = ""

    @property
    def line(self) -> str:
        return f"{self.name}: {self.words}" if self.words else self.name


def steps_of(facts: RunFacts) -> list[Step]:
    """Where a run is on its way."""
    state = facts.run.state
    if state is RunState.SUCCEEDED:
        passed = [Step(name, DONE) for name in STEPS[:3]]
        return [*passed, Step("Checks", DONE, _flags(facts)), _review(facts)]
    here = STEPS.index(STAGES.get(facts.stage, STEPS[0])) if facts.run.attempt else len(STEPS)
    if state is RunState.QUEUED:
        here = len(STEPS)
    before = PENDING if here == len(STEPS) else DONE
    found = [Step(name, before if place < here else PENDING) for place, name in enumerate(STEPS)]
    if here < len(STEPS):
        status = NOW if state is RunState.ACTIVE else ERROR
        words = "" if state in {RunState.ACTIVE, RunState.FAILED} else state.value
        found[here] = Step(STEPS[here], status, _progress(facts) or words)
    return found


def plan_block(steps: list[Step]) -> Block:
    """The steps as Slack's own block for them (plain text: nothing in it is markup)."""
    done = sum(step.status == DONE for step in steps)
    tasks = [
        {
            "type": "task_card",
            "task_id": step.name.lower(),
            "title": blocks.cap(blocks.seen(step.line), blocks.HEADER_LIMIT),
            "status": step.status,
        }
        for step in steps
    ]
    return {"type": "plan", "title": f"{done} of {len(steps)} steps", "tasks": tasks}


def in_paragraphs(message: Block) -> Block:
    """The message with paragraphs in the place of plans, for a Slack that refuses plans."""
    shown = [
        blocks.section("\n".join(_plain(task) for task in one["tasks"]))
        if one["type"] == "plan"
        else one
        for one in message.get("blocks", [])
    ]
    return message | {"blocks": shown}


def _plain(task: Block) -> str:
    return f"{MARKS[task['status']]} {task['title']}"


def _progress(facts: RunFacts) -> str:
    """What a live run does: a bar where the number of steps is known, and the last words."""
    event = facts.progress
    if event is None:
        return ""
    line = phrases.progress_line(event, stage=False)
    if event.step is None or not event.steps:
        return line
    return f"{blocks.bar(event.step / event.steps, width=10)} {line}"


def _flags(facts: RunFacts) -> str:
    counts = {
        word: sum(check.outcome is outcome for check in facts.checks)
        for word, outcome in (
            ("passed", Outcome.PASS),
            ("warned", Outcome.WARN),
            ("failed", Outcome.FAIL),
            ("not run", Outcome.NOT_RUN),
        )
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _review(facts: RunFacts) -> Step:
    if facts.review is None:
        return Step("Review", PENDING, f"submit {facts.run.id} asks for one")
    state = facts.review.state
    return Step("Review", REVIEWED[state], state.value.replace("_", " "))
