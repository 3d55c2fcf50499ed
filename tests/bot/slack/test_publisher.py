"""The publisher: everything said once, at Slack's pace, whatever goes wrong in between."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.access import Caller
from bot.actions import Actions
from bot.settings import SlackSettings
from bot.slack import blocks, speech
from bot.slack.posts import Posts
from bot.slack.publisher import MOST_TRIES, Publisher
from bot.slack.run_listener import SlackRunListener
from bot.slack.speech import Target
from bot.workspace.driver import Workspace, shown
from storage import outbox
from storage.records import EvidenceSummary, Run, now

SLACKS_LIMITS = True
Launch = Callable[[], str]


@pytest.fixture
def publisher(slack_actions: Actions, client: WebClient) -> Publisher:
    return Publisher(slack_actions, Posts(client))


@pytest.fixture
def launch(slack_actions: Actions, caller: Callable[[str], Caller]) -> Launch:
    """Ask for a run; returns its id."""
    count = iter(range(1000))

    def make() -> str:
        line = f"run task=tickets method=tfidf seed={next(count)}"
        return str(slack_actions.handle(line, caller("U1"), line).run_id)

    return make


def _say(actions: Actions, text: str, **target: Any) -> None:
    speech.say(actions.ledger, blocks.note_message(text), Target(**target), text)


def _tick_until_quiet(publisher: Publisher, actions: Actions, timeout_s: float = 15) -> None:
    """Tick as the thread would, until nothing is pending."""
    until = time.monotonic() + timeout_s
    while _waiting(actions):
        assert time.monotonic() < until, outbox.pending(actions.ledger)
        publisher.tick()
        time.sleep(0.05)


def _waiting(actions: Actions) -> bool:
    query = "select count(*) from outbox where state = 'pending' and kind <> 'draw'"
    with actions.ledger.read() as db:
        return bool(db.exec_driver_sql(query).scalar_one())


def test_a_run_is_posted_once_and_then_edited(
    publisher: Publisher,
    slack_actions: Actions,
    workspace: Workspace,
    launch: Launch,
    finish: Callable[[str], Run],
) -> None:
    run_id = launch()
    _tick_until_quiet(publisher, slack_actions)
    finish(run_id)
    publisher.tick()
    _tick_until_quiet(publisher, slack_actions)
    card, *thread = workspace.channel("models").messages()
    assert "*succeeded*" in shown(card)
    assert [m.thread_ts for m in thread] == [card.ts, card.ts]


def test_many_changes_are_one_update(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace, launch: Launch
) -> None:
    run_id = launch()
    _tick_until_quiet(publisher, slack_actions)
    listener = SlackRunListener(slack_actions)
    slack_actions.ledger.claim_next_run("host")
    for _ in range(1000):
        listener.run_changed(run_id)
    _tick_until_quiet(publisher, slack_actions)
    assert len(workspace.calls("chat.update")) == 1
    assert "*active*" in shown(workspace.channel("models").messages()[0])


def test_posts_in_a_channel_are_a_second_apart(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace, launch: Launch
) -> None:
    for _ in range(4):
        launch()
    _tick_until_quiet(publisher, slack_actions)
    at = [call.at for call in workspace.calls("chat.postMessage")]
    assert len(at) == 4
    assert min(b - a for a, b in pairwise(at)) >= 1.0


def test_whispers_do_not_wait(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace, launch: Launch
) -> None:
    launch(), launch()
    for number in range(5):
        _say(slack_actions, f"whisper {number}", user="U1", channel="C0MODELS")
    publisher.tick()
    assert len([m for m in workspace.user("ana").sees() if "whisper" in m.text]) == 5


def test_retry_after_is_obeyed(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace, launch: Launch
) -> None:
    workspace.fail("chat.postMessage", "ratelimited", retry_after_s=3)
    launch(), launch()
    _tick_until_quiet(publisher, slack_actions)
    calls = workspace.calls("chat.postMessage")
    assert [call.status for call in calls] == [429, 200, 200]
    assert calls[1].at - calls[0].at >= 3.0


def test_the_last_state_is_shown_after_a_storm_of_429(
    publisher: Publisher,
    slack_actions: Actions,
    workspace: Workspace,
    launch: Launch,
    finish: Callable[[str], Run],
) -> None:
    run_id = launch()
    _tick_until_quiet(publisher, slack_actions)
    workspace.fail("chat.update", "ratelimited", times=3, retry_after_s=1)
    listener = SlackRunListener(slack_actions)
    for _ in range(20):
        listener.run_changed(run_id)
        publisher.tick()
    finish(run_id)
    listener.run_changed(run_id)
    _tick_until_quiet(publisher, slack_actions, 30)
    assert "*succeeded*" in shown(workspace.channel("models").messages()[0])


@pytest.mark.parametrize("channel", ["C0MODELS", "C0QUIET"], ids=["public", "private"])
def test_a_lost_reply_is_no_second_post(
    slack_actions: Actions, client: WebClient, workspace: Workspace, launch: Launch, channel: str
) -> None:
    slack = SlackSettings(channel=channel, api_url=workspace.api_url)
    settings = slack_actions.settings.model_copy(update={"slack": slack})
    actions = Actions(slack_actions.ledger, slack_actions.home, settings)
    publisher = Publisher(actions, Posts(client))
    workspace.fail("chat.postMessage", "lost_reply")
    run_id = launch()
    _tick_until_quiet(publisher, actions)
    SlackRunListener(actions).run_changed(run_id)
    actions.ledger.claim_next_run("host")
    publisher.tick()
    workspace.fail("chat.postMessage", "lost_reply")
    _tick_until_quiet(publisher, actions)
    name = next(c.name for c in workspace.seed.channels if c.id == channel)
    card, milestone = workspace.channel(name).messages()
    assert "*active*" in shown(card)
    assert milestone.text.startswith("Started")


@pytest.mark.parametrize("fault", ["server_error", "internal_error", "invalid_auth"])
def test_what_slack_may_mend_is_said_later(
    slack_actions: Actions, client: WebClient, workspace: Workspace, fault: str
) -> None:
    workspace.fail("chat.postEphemeral", fault)
    _say(slack_actions, "hello", user="U1", channel="C0MODELS")
    Publisher(slack_actions, Posts(client)).tick()
    assert _waiting(slack_actions)
    with slack_actions.ledger.write() as db:
        db.exec_driver_sql("update outbox set not_before = created_at")
    Publisher(slack_actions, Posts(client)).tick()  # after a start, nothing is held back
    assert workspace.user("ana").sees()[-1].text == "hello"


def test_a_refused_plan_becomes_paragraphs(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace, launch: Launch
) -> None:
    workspace.fail("chat.postMessage", "invalid_blocks")
    launch()
    _tick_until_quiet(publisher, slack_actions)
    message = workspace.channel("models").messages()[0]
    assert "plan" not in {block["type"] for block in message.blocks}
    assert "○ Data\n○ Train\n○ Evaluate\n○ Checks\n○ Review" in shown(message)
    asked = len(workspace.calls("chat.postMessage"))
    launch()
    _tick_until_quiet(publisher, slack_actions)
    assert len(workspace.calls("chat.postMessage")) == asked + 1  # a plan is not tried again


def test_a_refused_block_is_said_in_plain_text(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace, launch: Launch
) -> None:
    workspace.fail("chat.postMessage", "invalid_blocks", times=2)
    run_id = launch()
    _tick_until_quiet(publisher, slack_actions)
    message = workspace.channel("models").messages()[0]
    assert message.blocks == []
    assert message.text.startswith(run_id)


def test_a_deleted_card_is_posted_anew(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace, launch: Launch
) -> None:
    run_id = launch()
    _tick_until_quiet(publisher, slack_actions)
    workspace.fail("chat.update", "message_not_found")
    slack_actions.ledger.request_cancel(run_id, "ana")
    SlackRunListener(slack_actions).run_changed(run_id)
    with slack_actions.ledger.read() as db:
        before = db.exec_driver_sql("select ts from messages").scalar_one()
    _tick_until_quiet(publisher, slack_actions)
    with slack_actions.ledger.read() as db:
        assert db.exec_driver_sql("select count(*) from messages").scalar_one() == 1
    assert before in {m.ts for m in workspace.channel("models").messages()}
    assert "*cancelled*" in shown(workspace.channel("models").wait_for(run_id))


def test_words_find_another_way(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace
) -> None:
    old = f"{workspace.address}/response/nothing"
    _say(slack_actions, "url used up", user="U1", channel="C0MODELS", response_url=old)
    _say(slack_actions, "bot not there", user="U1", channel="C0ALONE")
    elsewhere = "http://127.0.0.1:9/steal"
    _say(slack_actions, "not Slack's", user="U1", channel="C0MODELS", response_url=elsewhere)
    _tick_until_quiet(publisher, slack_actions)
    seen = [m.text for m in workspace.user("ana").sees()]
    assert seen == ["url used up", "not Slack's"]
    assert [m.text for m in workspace.user("ana").inbox()] == ["bot not there"]


def test_what_slack_never_takes_holds_nothing_up(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace
) -> None:
    workspace.fail("chat.postEphemeral", "restricted_action")
    _say(slack_actions, "one", user="U1", channel="C0MODELS")
    _say(slack_actions, "two", user="U1", channel="C0MODELS")
    _tick_until_quiet(publisher, slack_actions)
    assert [m.text for m in workspace.user("ana").sees()] == ["two"]


def test_while_slack_is_away_it_is_asked_seldom_and_nothing_is_given_up(
    slack_actions: Actions, launch: Launch
) -> None:
    nobody = WebClient("xoxb-x", base_url="http://127.0.0.1:9/api/", retry_handlers=[])
    publisher = Publisher(slack_actions, Posts(nobody))
    for _ in range(5):
        launch()
    for _ in range(20):
        publisher.tick()
    with slack_actions.ledger.read() as db:
        tries = db.exec_driver_sql("select tries from outbox order by id").scalars().all()
    assert tries == [1, 0, 0, 0, 0]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from bot.actions import Actions
    from bot.settings import Settings, SlackSettings
    from bot.slack.app import build_client
    from bot.slack.posts import Posts
    from bot.slack.publisher import Publisher
    from storage.home import Home
    from storage.ledger import Ledger

    class Killed(Posts):
        def post(self, *args, **keys):
            super().post(*args, **keys)
            os.kill(os.getpid(), signal.SIGKILL)

    home, api_url, token = Home(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
    settings = Settings(slack=SlackSettings(channel="C0MODELS", api_url=api_url))
    actions = Actions(Ledger.open(home.ledger_file), home, settings)
    Publisher(actions, Killed(build_client(settings, token))).tick()
"""


def test_killed_between_post_and_note_it_posts_nothing_twice(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace, launch: Launch
) -> None:
    run_id = launch()
    words = [sys.executable, "-c", textwrap.dedent(KILLED), str(slack_actions.home.path)]
    words += [workspace.api_url, workspace.seed.bot_token]
    assert subprocess.run(words, check=False, timeout=60).returncode == -9
    assert len(workspace.channel("models").messages()) == 1
    _tick_until_quiet(publisher, slack_actions)
    assert len(workspace.channel("models").messages()) == 1
    assert outbox.message_of(slack_actions.ledger, run_id, "C0MODELS") is not None


def _summary(run: Run) -> EvidenceSummary:
    same = dict.fromkeys(("spec_digest", "dataset_digest", "test_digest", "scoring"), "x")
    same |= dict.fromkeys(("engine", "engine_reason", "device", "dtype"), "x")
    task = {"task": run.spec.task.name, "task_version": 1, "labels": ("no", "yes"), "rows": {}}
    more = {"run_id": run.id, "attempt": 1, "method": run.spec.method, "seed": 1}
    return EvidenceSummary.model_validate({**same, **task, **more, "finished_at": now()})


def test_a_torn_folder_silences_nobody_else(
    publisher: Publisher,
    slack_actions: Actions,
    workspace: Workspace,
    launch: Launch,
    finish: Callable[[str], Run],
    caller: Callable[[str], Caller],
) -> None:
    torn, other = launch(), launch()
    finish(torn)
    evidence = slack_actions.home.run(torn).evidence
    (evidence / "summary.json").write_text(
        _summary(slack_actions.ledger.run(torn)).model_dump_json()
    )
    (evidence / "metrics.json").write_text('[{"name": "acc')
    _say(slack_actions, "private answer", user="U1", channel="C0MODELS")
    _tick_until_quiet(publisher, slack_actions)
    cards = {shown(m) for m in workspace.channel("models").messages() if not m.thread_ts}
    assert any(other in card for card in cards)
    assert any(torn in card and "The evidence cannot be read." in card for card in cards)
    assert "private answer" in [m.text for m in workspace.user("ana").sees()]
    for line in (f"status {torn}", "runs"):
        assert "The evidence cannot be read." in str(slack_actions.handle(line, caller("U1"), line))


def test_a_row_that_cannot_be_said_is_put_back_and_given_up_in_the_end(
    publisher: Publisher, slack_actions: Actions, workspace: Workspace
) -> None:
    with slack_actions.ledger.write() as db:
        outbox.enqueue(db, "say", channel="", subject="", payload={"target": {"no": 1}})
    _say(slack_actions, "behind it", user="U1", channel="C0MODELS")
    publisher.tick()
    assert [m.text for m in workspace.user("ana").sees()] == ["behind it"]
    with slack_actions.ledger.write() as db:
        db.exec_driver_sql("update outbox set tries = ?, not_before = created_at", (MOST_TRIES,))
    publisher.tick()
    assert not _waiting(slack_actions)
