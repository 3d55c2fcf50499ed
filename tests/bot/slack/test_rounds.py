"""Reminders and the digest: to the right people, once, and only where they are asked for."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.access import Caller
from bot.actions import Actions
from bot.settings import SlackSettings
from bot.slack import rounds
from bot.slack.rounds import Rounds
from storage import outbox, tasks
from storage.records import Run, now


def said(actions: Actions) -> list[outbox.Outgoing]:
    return list(outbox.pending(actions.ledger, kinds=("say",)))


@pytest.fixture
def waiting(actions: Actions, caller: Callable[[str], Caller], finish: Callable[[str], Run]) -> str:
    run_id = str(actions.handle("run tickets tfidf", caller("U1"), "e1").run_id)
    finish(run_id)
    return str(actions.handle(f"submit {run_id}", caller("U1"), "e2").review_id)


def with_slack(actions: Actions, **changes: object) -> Actions:
    slack = SlackSettings.model_validate({"channel": "C1"} | changes)
    settings = actions.settings.model_copy(update={"slack": slack})
    return Actions(actions.ledger, actions.home, settings)


def later(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(rounds, "now", lambda: moment)


def test_reviewers_are_reminded_once_a_day_and_nobody_else(
    actions: Actions, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Rounds(actions).tick()
    assert said(actions) == []
    asked = with_slack(actions, remind_hours=24)
    Rounds(asked).tick()
    assert said(actions) == []
    later(monkeypatch, now() + timedelta(hours=25))
    for _ in range(3):
        Rounds(asked).tick()
    (row,) = said(actions)
    assert row.subject == "U3"
    assert waiting in str(row.payload)
    assert "25 hours" in str(row.payload)
    later(monkeypatch, now() + timedelta(hours=49))
    Rounds(asked).tick()
    assert len(said(actions)) == 2


def test_the_week_is_told_on_mondays_once(
    actions: Actions, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = with_slack(actions, weekly=True)
    monday = now() + timedelta(days=(7 - now().weekday()) % 7)
    later(monkeypatch, monday + timedelta(days=1))
    Rounds(asked).tick()
    assert said(actions) == []
    later(monkeypatch, monday)
    for _ in range(3):
        Rounds(asked).tick()
    (row,) = said(actions)
    assert "1 reviews wait" in str(row.payload)
    assert "*tickets*" in str(row.payload)


def test_the_end_of_an_approval_is_told_once(
    actions: Actions, waiting: str, caller: Callable[[str], Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    actions.handle(f"approve {waiting} it is good", caller("U3"), "e3")
    found = tasks.task(actions.ledger, "tickets")
    policy = found.task.policy.model_copy(update={"approval_days": 30})
    changed = found.task.model_copy(update={"policy": policy})
    tasks.add_task(actions.ledger, changed, found.dataset, "", "ana")
    asked = with_slack(actions)
    Rounds(asked).tick()
    assert said(actions) == []
    later(monkeypatch, now() + timedelta(days=31))
    for _ in range(3):
        Rounds(asked).tick()
    (row,) = said(actions)
    assert "The approval of run" in str(row.payload)
