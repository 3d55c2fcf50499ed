"""Modals and the Home tab: pure functions from facts to views."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot import phrases
from bot.checklist import Step
from bot.slack import blocks, task_form
from bot.slack.blocks import Block
from bot.slack.fields import line, menu
from storage.judgements import Standing, Worth
from storage.records import Method, Review, Run, RunSpec

LAUNCH, DECIDE, ASK, WAIVE = "launch", "decide", "ask_about", "waive_check"
"""Callback ids."""
OPEN_LAUNCH, RERUN, OPEN_HELP = "open_launch", "rerun", "open_help"
"""Action ids of buttons that open a form."""
FIELDS = ("task", "method", "base", "epochs", "lr", "rank", "seed", "more")
"""Of the launch form: block id and action id of each."""
MOST_LISTED = 5
LABELS = {"lr": "Learning rate", "more": "More settings", "until": "Last day"}
HINTS = {
    "until": "As YYYY-MM-DD; at most a year from now. The waiver stays visible.",
    "epochs": "How often the training rows are seen. Empty: the default of method and base.",
    "lr": "Learning rate, such as 0.001. Empty: the default.",
    "rank": "Of LoRA. Empty: 16, and more from 10,000 rows on.",
    "seed": "Another seed shows how much is luck.",
    "more": "As key=value, such as max_minutes=10 subset=10%,100%.",
}


@dataclass(frozen=True, slots=True)
class Launch:
    """What the launch form begins with.

    Attributes:
        rerun: The run that is to be started again with changes; empty for a new one.
    """

    tasks: Sequence[str]
    bases: Sequence[str]
    channel: str
    rerun: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def launch_view(launch: Launch) -> Block:
    """The form that starts a run."""
    methods = [method.value for method in Method if method is not Method.EXTERNAL]
    given = launch.values
    title = "Run again" if launch.rerun else "New run"
    body = [
        *([blocks.section(f"`{launch.rerun}` again, with changes.")] if launch.rerun else []),
        menu("task", "Task", launch.tasks, given.get("task", "")),
        menu("method", "Method", methods, given.get("method", Method.LORA.value)),
        menu("base", "Base model", launch.bases, given.get("base", ""), optional=True),
        *(_line(name, given.get(name, "")) for name in ("epochs", "lr", "rank", "seed", "more")),
    ]
    metadata = {"channel": launch.channel, "rerun": launch.rerun}
    return {
        "type": "modal",
        "callback_id": LAUNCH,
        "private_metadata": json.dumps(metadata),
        "title": blocks.plain(title),
        "submit": blocks.plain("Start"),
        "close": blocks.plain("Cancel"),
        "blocks": body,
    }


def values_of(spec: RunSpec) -> dict[str, str]:
    """The launch form's values for a run as it was asked for."""
    given = {
        "task": spec.task.name,
        "method": spec.method.value,
        "base": spec.base.name if spec.base else "",
        "epochs": spec.training.epochs,
        "lr": spec.training.learning_rate,
        "rank": spec.training.rank,
        "seed": spec.seed,
    }
    return {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in given.items()
        if value not in {None, ""}
    }


def decide_view(verb: str, review_id: str, what: str, channel: str) -> Block:
    """The form that asks for the reason of a decision."""
    metadata = {"channel": channel, "review": review_id, "verdict": verb}
    return {
        "type": "modal",
        "callback_id": DECIDE,
        "private_metadata": json.dumps(metadata),
        "title": blocks.plain(f"{verb.capitalize()} a model"),
        "submit": blocks.plain(verb.capitalize()),
        "close": blocks.plain("Cancel"),
        "blocks": [blocks.section(what), blocks.reason_field() | {"optional": False}],
    }


QUESTION, CHECK, UNTIL = "question", "check", "until"
"""Block and action ids of the fields below."""


def ask_view(review_id: str, what: str, channel: str) -> Block:
    """The form for a question to whoever asked for the run."""
    field = blocks.reason_field()
    field |= {"block_id": QUESTION, "optional": False, "label": blocks.plain("Question")}
    return _review_view(ASK, "Ask", review_id, channel, [blocks.section(what), field])


def waive_view(review_id: str, what: str, channel: str, checks: Sequence[str], until: str) -> Block:
    """The form for a waiver: which check, until when, and why.

    Args:
        checks: Those that hold the run up and may be waived.
        until: The day that the form begins with.
    """
    body = [
        blocks.section(what),
        menu(CHECK, "Check", checks, checks[0]),
        _line(UNTIL, until),
        blocks.reason_field() | {"optional": False},
    ]
    return _review_view(WAIVE, "Waive", review_id, channel, body)


def _review_view(
    callback: str, verb: str, review_id: str, channel: str, body: Sequence[Block]
) -> Block:
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": json.dumps({"channel": channel, "review": review_id}),
        "title": blocks.plain(f"{verb} about a review" if verb == "Ask" else "Waive a check"),
        "submit": blocks.plain(verb),
        "close": blocks.plain("Cancel"),
        "blocks": list(body),
    }


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """What a person's Home tab shows."""

    name: str
    may_launch: bool
    runs: Sequence[Run]
    waiting: Sequence[Review]
    running: int
    queued: int
    slots: int
    budget: str
    tops: Mapping[str, tuple[Standing | None, Worth | None]]
    steps: Mapping[str, Sequence[Step]]
    board_url: str


def home_view(facts: HomeFacts) -> Block:
    """A person's Home tab."""
    body = [blocks.header(f"Hello {facts.name}")]
    if facts.may_launch:
        new = blocks.button("New run", OPEN_LAUNCH, "new", "primary")
        fresh = blocks.button("New task", task_form.OPEN, "new")
        body.append(blocks.actions(new, fresh, blocks.link("Leaderboard", facts.board_url, 1)))
    body += _part("Waiting for you", [_review_line(review) for review in facts.waiting])
    body += _part("Your runs", [_run_line(run) for run in facts.runs[:MOST_LISTED]])
    queue = f"{facts.running} running, {facts.queued} waiting, {facts.slots} places."
    body += _part("Queue", [queue, facts.budget])
    for task, (best, worth) in list(facts.tops.items())[:MOST_LISTED]:
        body += _part(f"Task {task}", _task_lines(best, worth, facts.steps.get(task, ())))
    return {"type": "home", "blocks": body[: blocks.MOST_IN_VIEW]}


def stranger_view(identity: str) -> Block:
    """The Home tab of somebody whom the settings do not name."""
    text = (
        f"I do not know you yet ({identity}). An admin can add you to tuneboard.toml: "
        f'[people.<name>] with slack = "{identity}" and roles.'
    )
    return {"type": "home", "blocks": [blocks.header("Tuneboard"), blocks.section(text)]}


# --- inside ---------------------------------------------------------------------------------------


def _part(title: str, lines: Sequence[str]) -> list[Block]:
    return [
        {"type": "divider"},
        blocks.section(f"*{title}*"),
        *blocks.sections(lines or ["Nothing."]),
    ]


def _run_line(run: Run) -> str:
    reason = f": {run.reason}" if run.reason and run.state.ended else ""
    return f"`{run.id}` *{run.state.value}*{reason} · {phrases.describe(run.spec)}"


def _review_line(review: Review) -> str:
    return (
        f"`{review.id}`: run `{review.run_id}` for {review.task}, asked for by "
        f"{review.requested_by}. Decide with `approve {review.id} REASON` or on its card."
    )


def _task_lines(best: Standing | None, worth: Worth | None, steps: Sequence[Step]) -> list[str]:
    lines = [f"First: `{best.run_id}`, {phrases.metric_line(best.primary)}."] if best else []
    lines += [worth.sentence] if worth else []
    done = sum(step.done for step in steps)
    lines += [f"{done} of {len(steps)} steps done:"] if steps else []
    for step in steps:
        hint = "" if step.done or not step.next else f" (`/tune {step.next}`)"
        lines.append(f"{'✓' if step.done else '○'} {step.name}{hint}")
    return lines


def _line(name: str, value: str) -> Block:
    return line(name, value, LABELS.get(name, name.capitalize()), HINTS.get(name, ""))
