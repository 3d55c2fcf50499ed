"""Cards of a whole home of runs and reviews: Slack takes each, and each says what matters."""

from pathlib import Path

import pytest
from golden import make_home

from bot import phrases
from bot.actions import Actions
from bot.settings import Settings
from bot.slack import blocks, cards, facts
from bot.slack.blocks import Block
from bot.slack.steps import plan_block, steps_of
from bot.workspace.strict import check_message
from storage import reviews
from storage.ledger import Ledger
from storage.records import Event, Outcome, RunState, now


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Actions:
    path: Path = tmp_path_factory.mktemp("golden")
    home = make_home(path)
    return Actions(Ledger.open(home.ledger_file), home, Settings())


def _words(card: Block) -> str:
    return str(card)


def test_slack_takes_the_card_of_every_run(golden: Actions) -> None:
    states = set()
    for run in golden.ledger.runs():
        card = cards.run_card(facts.run_facts(golden, run.id))
        assert check_message(card) == ()
        assert run.id in card["text"]
        states.add(run.state)
    assert {RunState.SUCCEEDED, RunState.FAILED} <= states


def test_a_finished_run_shows_its_numbers_and_every_flag(golden: Actions) -> None:
    run = golden.ledger.runs(states=(RunState.SUCCEEDED,))[0]
    found = facts.run_facts(golden, run.id)
    card = _words(cards.run_card(found))
    assert phrases.metric_line(phrases.headline(run.spec, found.metrics)[0]) in card
    for flag in phrases.flag_words(found.checks):
        assert flag.split()[0] in card
    assert "cancel_run" not in card


def test_a_failed_run_says_why_and_escapes_it(golden: Actions) -> None:
    run = golden.ledger.runs(states=(RunState.FAILED,))[0]
    assert run.reason
    hostile = run.model_copy(update={"reason": "<!channel> & more"})
    found = facts.run_facts(golden, run.id)
    changed = facts.RunFacts(
        **{name: getattr(found, name) for name in found.__slots__} | {"run": hostile}
    )
    card = cards.run_card(changed)
    assert "&lt;!channel&gt; &amp; more" in _words(card)
    assert "<!channel>" not in _words(card)


def test_a_review_shows_all_evidence_in_one_view(golden: Actions) -> None:
    for review in reviews.reviews(golden.ledger):
        found = facts.review_facts(golden, review.id)
        card = cards.review_card(found)
        assert check_message(card) == ()
        words = _words(card)
        for check in found.run.checks:
            flagged = check.outcome in {Outcome.WARN, Outcome.FAIL}
            assert (f"*{check.id}*" if flagged else check.id) in words
        assert found.run.summary is not None
        assert found.run.summary.dataset_digest[:12] in words
        assert found.head[:12] in words
        for decision in found.decisions:
            assert blocks.escape(decision.reason) in words
        assert (f"'action_id': '{blocks.APPROVE}'" in words) is found.is_open


@pytest.mark.parametrize(
    ("state", "stage", "expected"),
    [
        (RunState.QUEUED, "", ["pending"] * 5),
        (RunState.ACTIVE, "gate", ["in_progress", *["pending"] * 4]),
        (RunState.ACTIVE, "fit", ["complete", "in_progress", *["pending"] * 3]),
        (RunState.ACTIVE, "a later stage", ["in_progress", *["pending"] * 4]),
        (RunState.FAILED, "reload", ["complete", "complete", "error", "pending", "pending"]),
        (RunState.CANCELLED, "fit", ["complete", "error", *["pending"] * 3]),
    ],
)
def test_the_way_of_a_run_is_shown_in_steps(
    golden: Actions, state: RunState, stage: str, expected: list[str]
) -> None:
    attempt = 0 if state is RunState.QUEUED else 1
    found = _changed(golden, state, attempt, stage=stage)
    plan = plan_block(steps_of(found))
    assert [task["status"] for task in plan["tasks"]] == expected
    check_message({"text": "x", "blocks": [plan]})


def test_progress_is_a_bar_with_words(golden: Actions) -> None:
    event = Event(seq=1, at=now(), kind="progress", stage="fit", step=5, steps=10, loss=0.5)
    found = _changed(golden, RunState.ACTIVE, 1, stage="fit", progress=event)
    assert steps_of(found)[1].line == "Train: █████░░░░░ step 5 of 10, loss 0.500"


def test_a_finished_run_has_its_review_before_it(golden: Actions) -> None:
    seen = set()
    for run in golden.ledger.runs(states=(RunState.SUCCEEDED,)):
        *passed, review = steps_of(facts.run_facts(golden, run.id))
        assert {step.status for step in passed} == {"complete"}
        seen.add((review.status, review.words.split()[0]))
    assert {("pending", "submit"), ("complete", "approved")} <= seen


def _changed(golden: Actions, state: RunState, attempt: int, **other: object) -> facts.RunFacts:
    run = golden.ledger.runs()[0]
    found = facts.run_facts(golden, run.id)
    given = {name: getattr(found, name) for name in found.__slots__}
    changed = run.model_copy(update={"state": state, "attempt": attempt})
    return facts.RunFacts(**given | {"run": changed, "progress": None} | other)
