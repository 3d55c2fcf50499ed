"""Forms and the Home tab, over real sockets: opened in time, checked at their fields, sent once."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.access import Caller
from bot.actions import Actions
from bot.hosts.inspection import inspect_task
from bot.settings import DataSettings, LimitSettings, PriceSettings
from bot.slack.pace import Pace
from bot.workspace.driver import DriverError, Workspace, shown, shown_view
from storage import reviews, tasks
from storage.records import DataSource, ReviewState, Run, Task

from .conftest import Bot, connected_bot


def test_the_command_alone_opens_a_form_and_the_form_launches_once(bot: Bot) -> None:
    person = bot.workspace.user("ana")
    assert person.run("/tune", channel="models").acknowledged
    view = person.modal()
    assert view.content["title"]["text"] == "New run"
    assert "Task" in shown_view(view)
    errors = person.submit(view, task="tickets", method="lora", base="", epochs="2")
    assert "starts from a base model" in next(iter(errors.values()))
    assert set(errors) == {"base"}
    errors = person.submit(view, task="tickets", method="lora", base="minilm", epochs="0")
    assert set(errors) == {"epochs"}
    errors = person.submit(view, task="tickets", method="lora", base="minilm", more="nonsense")
    assert set(errors) == {"more"}
    assert bot.actions.ledger.runs() == ()
    assert person.submit(view, task="tickets", method="lora", base="minilm", more="rank=4") == {}
    assert not person.has_modal()
    (run,) = bot.actions.ledger.runs()
    assert (run.requested_by, run.spec.training.rank, run.spec.task.name) == ("ana", 4, "tickets")
    assert "is queued" in person.wait_to_see("is queued", "models").text
    sent = [d for d in bot.workspace.deliveries() if d.payload.get("type") == "view_submission"]
    assert bot.workspace.deliver_again(sent[-1]).acknowledged
    assert len(bot.actions.ledger.runs()) == 1


def test_a_run_is_started_again_from_a_form_that_knows_it(
    bot: Bot, finish: Callable[[str], Run]
) -> None:
    person = bot.workspace.user("ana")
    first = str(
        bot.actions.handle(
            "run tickets lora base=minilm epochs=3",
            _caller(bot, "U1"),
            "e1",
        ).run_id
    )
    finish(first)
    channel = bot.workspace.channel("models")
    card = channel.wait_for("is *succeeded*")
    person.click(card, "rerun")
    view = person.modal()
    epochs = next(b for b in view.content["blocks"] if b.get("block_id") == "epochs")
    assert epochs["element"]["initial_value"] == "3"
    assert person.submit(view, epochs="1") == {}
    newest = bot.actions.ledger.runs()[0]
    assert newest.id != first
    assert newest.spec.training.epochs == 1


def test_a_decision_without_a_reason_is_asked_for_one(
    bot: Bot, finish: Callable[[str], Run]
) -> None:
    run_id = str(bot.actions.handle("run tickets tfidf", _caller(bot, "U1"), "e1").run_id)
    finish(run_id)
    review_id = str(bot.actions.handle(f"submit {run_id}", _caller(bot, "U1"), "e2").review_id)
    card = bot.workspace.channel("models").wait_for(f"Review `{review_id}`")
    reva = bot.workspace.user("reva")
    reva.click(card, "reject")
    view = reva.modal()
    assert run_id in shown_view(view)
    assert "reason" in reva.submit(view)
    assert reva.submit(view, reason_text="recall is too low") == {}
    assert reviews.get(bot.actions.ledger, review_id).state is ReviewState.REJECTED
    own = bot.workspace.user("ana")
    own.click(card, "approve")
    with pytest.raises(DriverError):
        own.modal(timeout_s=0.5)


def test_who_may_not_launch_is_told_and_a_late_trigger_is_explained(bot: Bot) -> None:
    reva = bot.workspace.user("reva")
    delivery = reva.run("/tune", channel="models")
    assert "what can be asked" in str(delivery.answer)
    bot.workspace.fail("views.open", "expired_trigger_id")
    answer = bot.workspace.user("ana").run("/tune", channel="models")
    assert "could not be opened in time" in str(answer.answer)


def test_the_home_tab_shows_what_is_mine_and_what_waits(
    bot: Bot, finish: Callable[[str], Run]
) -> None:
    person, reva = bot.workspace.user("ana"), bot.workspace.user("reva")
    run_id = str(bot.actions.handle("run tickets tfidf", _caller(bot, "U1"), "e1").run_id)
    finish(run_id)
    text = shown_view(person.home())
    assert "Hello ana" in text
    assert run_id in text
    assert "of 7 steps done" in text
    assert "○ One training with the defaults" in text
    review_id = str(bot.actions.handle(f"submit {run_id}", _caller(bot, "U1"), "e2").review_id)
    bot.workspace.wait_for(lambda: review_id in shown_view(reva.home()), "the review")
    assert review_id not in shown_view(person.home())
    person.click_home("open_launch")
    assert person.modal().content["title"]["text"] == "New run"
    assert "I do not know you yet" in shown_view(bot.workspace.user("stranger").home())


def test_a_plan_has_buttons_that_start_it_once_or_change_it(bot: Bot, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    label = ("yes", "no")
    rows.write_text(
        "".join(json.dumps({"text": f"text {n}", "label": label[n % 2]}) + "\n" for n in range(90))
    )
    task = Task(name="small", data=DataSource(file=str(rows)))
    tasks.add_task(bot.actions.ledger, task, inspect_task(task), 'name = "small"', "ana")
    person = bot.workspace.user("ana")
    person.run("/tune plan task=small method=tfidf seed=5", channel="models")
    card = person.wait_to_see("Nothing was started", "models", timeout_s=30)
    for _ in range(3):
        person.click(card, "start_run")
    (run,) = bot.actions.ledger.runs()
    assert (run.spec.seed, run.requested_by) == (5, "ana")
    person.click(card, "change_run")
    view = person.modal()
    assert person.submit(view, seed="6") == {}
    assert bot.actions.ledger.runs()[0].spec.seed == 6
    person.click(card, "leave_run")

    def left() -> bool:
        seen = next(message for message in person.sees("models") if message.ts == card.ts)
        return "start_run" not in str(seen.blocks) and "Nothing was started" in shown(seen)

    bot.workspace.wait_for(left, "the plan to go")
    assert len(bot.actions.ledger.runs()) == 2


def test_where_plans_come_first_a_run_in_words_is_shown_before(
    workspace: Workspace, slack_actions: Actions, tmp_path: Path
) -> None:
    rows = "".join(f"text {n},{('yes', 'no')[n % 2]}\n" for n in range(90))
    (tmp_path / "rows.csv").write_text(f"text,label\n{rows}")
    task = Task(name="small", data=DataSource(file=str(tmp_path / "rows.csv")))
    tasks.add_task(slack_actions.ledger, task, inspect_task(task), "", "ana")
    given = slack_actions.settings
    slack = given.slack.model_copy(update={"plan_first": True})
    prices = PriceSettings(cpu_hour=0.5)
    limits = LimitSettings(runs_at_once=3)
    settings = given.model_copy(update={"slack": slack, "prices": prices, "limits": limits})
    with connected_bot(workspace, replace(slack_actions, settings=settings)) as bot:
        leo = workspace.user("leo")
        leo.run("/tune run small tfidf seed=7", "models")
        card = leo.wait_to_see("Nothing was started", "models", timeout_s=30)
        assert "an hour costs 0.5 EUR" in shown(card)
        assert "Budget: 0 of 3 runs at a time" in shown(card)
        assert bot.actions.ledger.runs() == ()
        leo.click(card, "start_run")
        assert bot.actions.ledger.runs()[0].spec.seed == 7
        workspace.user("reva").run("/tune run small tfidf", "models")
        workspace.user("reva").wait_to_see("launch a run", "models")


def test_who_asks_too_often_is_told_so(workspace: Workspace, slack_actions: Actions) -> None:
    limits = LimitSettings(requests_a_minute=3)
    settings = slack_actions.settings.model_copy(update={"limits": limits})
    with connected_bot(workspace, replace(slack_actions, settings=settings)) as bot:
        ana, leo = workspace.user("ana"), workspace.user("leo")
        for seed in range(3):
            assert "queued" in str(ana.run(f"/tune run tickets tfidf seed={seed}", "models").answer)
        refused = ana.run("/tune run tickets tfidf seed=9", "models")
        assert refused.acknowledged
        assert "more than 3 times in a minute" in str(refused.answer)
        ana.mention("runs", "models")
        ana.wait_to_see("more than 3 times", "models")
        assert "queued" in str(leo.run("/tune run tickets tfidf seed=10", "models").answer)
        assert len(bot.actions.ledger.runs()) == 4


def test_the_pace_is_of_the_last_minute() -> None:
    moment = [0.0]
    kept = Pace(2, lambda: moment[0])
    assert [kept.note("U1") for _ in range(3)] == [True, True, False]
    moment[0] = 59.9
    assert not kept.note("U1")
    moment[0] = 60.0
    assert kept.note("U1")


@pytest.fixture
def roots(slack_actions: Actions, tmp_path: Path) -> Path:
    """A data root with a table, rows as JSON and something that is no data."""
    rows = [f'"text {n}, and more",{("no", "yes")[n % 2]},north' for n in range(90)]
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "all.csv").write_text("\n".join(["message,intent,region", *rows]))
    (tmp_path / "notes.md").write_text("no data")
    (tmp_path / "outside.csv").symlink_to("/etc/hostname")
    return tmp_path


@pytest.fixture
def rooted(workspace: Workspace, slack_actions: Actions, roots: Path) -> Iterator[Bot]:
    """A bot whose people may name files below a root."""
    data = DataSettings(roots=(str(roots),))
    settings = slack_actions.settings.model_copy(update={"data": data})
    with connected_bot(workspace, replace(slack_actions, settings=settings)) as running:
        yield running


def test_a_task_is_made_in_a_form_of_two_steps(rooted: Bot) -> None:
    person = rooted.workspace.user("ana")
    person.run("/tune task new", channel="models")
    view = person.modal()
    files = next(b for b in view.content["blocks"] if b["block_id"] == "file")["element"]
    assert [option["value"] for option in files["options"]] == ["mail/all.csv"]
    assert set(person.submit(view, name="No Name", file="mail/all.csv")) == {"name"}
    assert "file" in person.submit(view, name="mails")
    assert person.submit(view, name="mails", file="mail/all.csv") == {}
    view = person.modal()
    columns = next(b for b in view.content["blocks"] if b["block_id"] == "label")["element"]
    assert [one["value"] for one in columns["options"]] == ["message", "intent", "region"]
    wrong = person.submit(view, text="message", label="intent", more="nonsense=1")
    assert "no key" in wrong["more"]
    given = {"text": "message", "label": "intent", "sensitive": "region", "approvals": "2"}
    assert person.submit(view, **given, sealed="yes", more="owner=support") == {}
    assert not person.has_modal()
    person.wait_to_see("version 1 is registered by ana", "models", timeout_s=30)
    made = tasks.task(rooted.actions.ledger, "mails").task
    assert (made.owner, made.sealed, made.sensitive) == ("support", True, ("region",))
    assert made.policy.approvals == 2
    sent = [d for d in rooted.workspace.deliveries() if d.payload.get("type") == "view_submission"]
    rooted.workspace.deliver_again(sent[-1])
    assert tasks.task(rooted.actions.ledger, "mails").task.version == 1


def test_what_is_wrong_with_the_data_comes_with_what_was_asked(rooted: Bot) -> None:
    person = rooted.workspace.user("ana")
    person.run("/tune task new mails file=mail/all.csv text=massage label=intent", "models")
    told = shown(person.wait_to_see("You asked:", "models", timeout_s=30))
    assert "'massage'" in told
    assert "`task new mails file=mail/all.csv text=massage label=intent`" in told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("task new mails file=/etc/passwd", "outside the data roots"),
        ("task new mails file=mail/../../x.csv", "no file"),
        ("task new mails file=outside.csv", "outside the data roots"),
        ("task new mails file=mail/all.csv general=/etc/hostname", "outside the data roots"),
        ("task new mails file=mail/al.csv", "Did you mean `mail/all.csv`?"),
        ("task new mails", "give `file`"),
        ("task new mails file=mail/all.csv sealed=maybe", "write yes or no"),
        ("task list file=x", "Only `task new` takes keys"),
    ],
)
def test_a_task_that_cannot_be_is_refused_with_the_reason(
    rooted: Bot, line: str, words: str
) -> None:
    person = rooted.workspace.user("ana")
    person.run(f"/tune {line}", "models")
    person.wait_to_see(words, "models", timeout_s=30)


def test_a_home_without_tasks_begins_with_one(rooted: Bot) -> None:
    with rooted.actions.ledger.write() as db:
        db.exec_driver_sql("delete from tasks")
    person = rooted.workspace.user("ana")
    person.run("/tune", "models")
    assert person.modal().content["title"]["text"] == "New task"
    for stranger in ("reva", "stranger"):
        other = rooted.workspace.user(stranger)
        other.run("/tune task new", "models")
        other.wait_to_see("add a task", "models")


def _caller(bot: Bot, user: str) -> Caller:
    return bot.actions.directory.caller(user, "C0MODELS")
