"""Every message and view that the bot can build, against a schema made of Slack's own types."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodes
import pytest
from golden import make_home
from jsonschema import Draft7Validator

from bot.actions import Actions
from bot.checklist import steps_of
from bot.commands import VERBS
from bot.replies import Reply, table
from bot.settings import Settings
from bot.slack import blocks, cards, facts, task_form, views
from bot.slack.drawn import Drawn
from bot.slack.home import home_of
from bot.workspace.strict import check_blocks, check_message
from storage import reviews, tasks
from storage.errors import UserError
from storage.ledger import Ledger
from storage.people import PersonEntry
from storage.records import Method, Role, TaskKind

Json = dict[str, Any]


@pytest.fixture(scope="module")
def schema() -> Draft7Validator:
    """Of `Shown` in tests/node/slack.ts."""
    nodes.need("@slack/types")
    script = nodes.need("ts-json-schema-generator") / "bin" / "ts-json-schema-generator.js"
    entry = nodes.FOLDER / "slack.ts"
    words = ("--path", str(entry), "--type", "Shown", "--no-type-check")
    return Draft7Validator(json.loads(nodes.output_of(script, *words)))


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Actions:
    """A home with runs in every state, open and closed reviews, and people in Slack."""
    path: Path = tmp_path_factory.mktemp("golden")
    home = make_home(path)
    people = {
        "ana": PersonEntry(roles=(Role.LAUNCHER, Role.ADMIN), slack="U1"),
        "reva": PersonEntry(roles=(Role.REVIEWER,), slack="U3"),
    }
    return Actions(Ledger.open(home.ledger_file), home, Settings(people=people))


def _valid(schema: Draft7Validator, shown: Json) -> bool:
    return not list(schema.iter_errors(shown))


def test_the_schema_knows_right_from_wrong(schema: Draft7Validator) -> None:
    right = blocks.actions(blocks.button("Go", "go", "1", "primary", "Sure?"))
    assert _valid(schema, {"message": {"text": "x", "blocks": [right]}})
    loud = blocks.actions(blocks.button("Go", "go", "1", "loud"))
    header = {"type": "header", "text": {"type": "mrkdwn", "text": "x"}}
    unknown = {"type": "sektion", "text": blocks.plain("x")}
    for wrong in (loud, header, unknown):
        assert not _valid(schema, {"message": {"text": "x", "blocks": [wrong]}})


def test_every_card_is_what_slack_takes(schema: Draft7Validator, golden: Actions) -> None:
    made = [cards.run_card(facts.run_facts(golden, run.id)) for run in golden.ledger.runs()]
    for review in reviews.reviews(golden.ledger):
        found = facts.review_facts(golden, review.id)
        made.append(cards.review_card(found))
        for against in (_gain(0.01, 0.05), _gain(-0.02, 0.02), {"why_not": "<other> rows"}):
            made.append(cards.review_card(_drawn(found, against)))
    assert len(made) > 20
    for message in made:
        assert _valid(schema, {"message": message}), message
        assert check_message(message) == ()


def test_every_answer_is_what_slack_takes(schema: Draft7Validator, golden: Actions) -> None:
    run = golden.ledger.runs()[0].id
    lines = [f"{verb} {rest}" for verb in VERBS for rest in ("", run, "tickets", "help")]
    answered = 0
    for number, line in enumerate(lines):
        message = blocks.reply_message(_reply(golden, line, f"e{number}"))
        answered += 1
        assert _valid(schema, {"message": message}), (line, message)
        assert check_message(message) == ()
    assert answered == len(lines)
    wide = Reply("x" * 50_000, table=table(("a", "b"), [("y" * 300, "z")] * 200), start="run " * 99)
    assert _valid(schema, {"message": blocks.reply_message(wide)})


def test_every_view_is_what_slack_takes(schema: Draft7Validator, golden: Actions) -> None:
    for view in _views(golden):
        assert _valid(schema, {"view": view}), view
        check_blocks(view["blocks"], blocks.MOST_IN_VIEW)


def _views(golden: Actions) -> Iterator[Json]:
    names = [item.task.name for item in tasks.tasks(golden.ledger)]
    yield views.launch_view(views.Launch(tasks=names, bases=["minilm"], channel="C1"))
    for run in golden.ledger.runs():
        if run.spec.method is Method.EXTERNAL:
            continue
        values = views.values_of(run.spec)
        yield views.launch_view(
            views.Launch(tasks=names, bases=["minilm"], channel="", rerun=run.id, values=values)
        )
    for verb in ("approve", "reject"):
        yield views.decide_view(verb, "v1", "A run of <tickets>.", "C1")
    yield views.ask_view("v1", "ana is asked.", "C1")
    yield views.waive_view("v1", "A run.", "C1", ["bias_groups", "overlong"], "2030-01-31")
    yield task_form.files_view(["a.csv", "b.jsonl"], "C1")
    yield task_form.files_view(["x" * 80], "C1")
    for kind in TaskKind:
        given = {"name": "mails", "kind": kind.value, "file": "a.csv"}
        for columns in ([], ["text", "label"], ["c" * 200], [str(n) for n in range(150)]):
            yield task_form.columns_view(given, columns, "C1")
    for user in ("U1", "U3", "U9"):
        yield home_of(golden, user)
    assert all(steps_of(item, golden.ledger, None) for item in tasks.tasks(golden.ledger))


def _reply(golden: Actions, line: str, key: str) -> Reply:
    caller = golden.directory.caller("U3", "C1")
    try:
        return golden.handle(line, caller, key)
    except UserError as error:
        return Reply(str(error))


def _gain(low: float, high: float) -> Json:
    difference = {"value": (low + high) / 2, "low": low, "high": high, "n": 300}
    return {
        "metric": "macro_f1",
        "split": "test",
        "difference": difference,
        "asked": {"rank": [8, 16]},
    }


def _drawn(found: facts.ReviewFacts, against: Json) -> facts.ReviewFacts:
    other = found.run.run
    mistakes = ({"text": "<b>&", "gold": "a", "predicted": "b", "loss": 2.0},) * 3
    drawn = Drawn((), "test", mistakes, against | {"run": other.id})
    given = {name: getattr(found, name) for name in found.__slots__}
    return facts.ReviewFacts(**given | {"champion": other, "drawn": drawn, "worth": "Worth it."})
