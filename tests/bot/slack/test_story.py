"""A person asks, another decides: the whole way over real sockets."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from bot.slack import blocks
from bot.workspace.driver import Workspace, shown
from bot.workspace.state import Message
from storage import chain, outbox, reviews
from storage.ledger import Ledger
from storage.records import ReviewState, Run, RunState

Finish = Callable[[str], Run]


def _run_id(ledger: Ledger) -> str:
    return ledger.runs()[0].id


@pytest.fixture
def in_review(bot: Any, ledger: Ledger, finish: Finish) -> Message:
    """The card of an open review of ana's run."""
    workspace: Workspace = bot.workspace
    workspace.user("ana").run("/tune run task=tickets method=tfidf")
    finish(_run_id(ledger))
    workspace.user("ana").run(f"/tune submit {_run_id(ledger)}")
    return workspace.channel("models").wait_for("is *in review*")


def test_a_command_makes_a_run_and_its_message(bot: Any, ledger: Ledger) -> None:
    delivery = bot.workspace.user("ana").run("/tune run task=tickets method=tfidf seed=3")
    assert delivery.acknowledged
    run = ledger.runs()[0]
    assert (run.requested_by, run.origin) == ("ana", "slack")
    assert f"Run `{run.id}` is queued" in bot.workspace.user("ana").sees()[-1].text
    card = bot.workspace.channel("models").wait_for(run.id)
    assert "*queued*" in shown(card)
    assert card.text.startswith(f"{run.id} is queued")


def test_the_one_message_follows_the_run_and_milestones_go_into_its_thread(
    bot: Any, ledger: Ledger, finish: Finish
) -> None:
    bot.workspace.user("ana").run("/tune run task=tickets method=tfidf")
    channel = bot.workspace.channel("models")
    card = channel.wait_for("*queued*")
    finish(_run_id(ledger))
    channel.wait_for("*succeeded*")
    bot.workspace.wait_for(lambda: len(channel.thread(card)) == 2, "two milestones")
    assert [m.text.split()[0] for m in channel.thread(card)] == ["Started", "Finished."]
    assert len([m for m in channel.messages() if not m.thread_ts]) == 1


def test_an_error_is_shown_to_its_person_only(bot: Any, ledger: Ledger) -> None:
    bot.workspace.user("leo").run("/tune run task=tikets method=tfidf")
    assert "Did you mean `tickets`?" in bot.workspace.user("leo").sees()[-1].text
    assert bot.workspace.user("ana").sees() == []
    assert ledger.runs() == ()


def test_the_same_event_three_times_is_one_run_and_one_answer(bot: Any, ledger: Ledger) -> None:
    delivery = bot.workspace.user("ana").mention("run task=tickets method=tfidf")
    for _ in range(2):
        assert bot.workspace.deliver_again(delivery).acknowledged
    assert len(ledger.runs()) == 1
    channel = bot.workspace.channel("models")
    channel.wait_for("is queued at place 1")
    answers = [m for m in channel.messages() if "is queued at place 1" in m.text]
    assert [m.thread_ts for m in answers] == [delivery.payload["event"]["ts"]]


def test_a_direct_message_is_answered_where_it_was_asked(bot: Any) -> None:
    bot.workspace.user("ana").dm("help run")
    bot.workspace.wait_for(lambda: len(bot.workspace.user("ana").inbox()) == 2, "an answer")
    assert "Example" in bot.workspace.user("ana").inbox()[1].text
    bot.workspace.user("ana").dm("halp")
    bot.workspace.wait_for(lambda: len(bot.workspace.user("ana").inbox()) == 4, "an answer")
    assert "Did you mean `help`?" in bot.workspace.user("ana").inbox()[3].text


def test_another_person_approves_with_the_typed_reason(
    bot: Any, in_review: Message, ledger: Ledger
) -> None:
    reva = bot.workspace.user("reva")
    assert reva.click(in_review, blocks.APPROVE, reason="clearly better").acknowledged
    reva.wait_to_see("You approved run")
    card = bot.workspace.channel("models").wait_for("is *approved*")
    assert card.ts == in_review.ts
    assert "*reva* approved: clearly better" in shown(card)
    assert f"chain `{chain.head(ledger)[:12]}`" in shown(card)
    assert not any(b["type"] == "input" for b in card.blocks)
    bot.workspace.channel("models").wait_for("Review: approved")


def test_nobody_approves_their_own_run(bot: Any, in_review: Message, ledger: Ledger) -> None:
    bot.workspace.user("ana").click(in_review, blocks.APPROVE, reason="it is mine")
    bot.workspace.user("ana").wait_to_see("nobody decides on their own run")
    assert not any("own run" in m.text for m in bot.workspace.user("reva").sees())
    assert reviews.decisions(ledger) == ()


def test_a_click_without_a_reason_says_what_to_do(
    bot: Any, in_review: Message, ledger: Ledger
) -> None:
    bot.workspace.fail("views.open", "expired_trigger_id")
    bot.workspace.user("reva").click(in_review, blocks.REJECT)
    bot.workspace.user("reva").wait_to_see("type it into the field above the buttons")
    assert reviews.decisions(ledger) == ()


def test_a_hundred_clicks_are_one_decision(bot: Any, in_review: Message, ledger: Ledger) -> None:
    def click() -> None:
        for _ in range(10):
            delivery = bot.workspace.user("reva").click(
                in_review, blocks.APPROVE, reason="better", version=0
            )
            assert delivery.acknowledged

    threads = [threading.Thread(target=click) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reviews.decisions(ledger)) == 1
    assert reviews.reviews(ledger)[0].state is ReviewState.APPROVED
    assert not chain.verify(ledger).problem


def test_a_decision_by_words_closes_the_buttons_everywhere(
    bot: Any, in_review: Message, ledger: Ledger
) -> None:
    review_id = reviews.reviews(ledger)[0].id
    bot.workspace.user("reva").run(f"/tune reject {review_id} recall is too low")
    bot.workspace.channel("models").wait_for("is *rejected*")
    late = bot.workspace.user("reva").click(in_review, blocks.APPROVE, reason="or not", version=0)
    assert late.acknowledged
    bot.workspace.user("reva").wait_to_see("a decision stays")


def test_cancel_by_button_is_for_the_owner(bot: Any, ledger: Ledger) -> None:
    bot.workspace.user("ana").run("/tune run task=tickets method=tfidf")
    card = bot.workspace.channel("models").wait_for("*queued*")
    bot.workspace.user("leo").click(card, blocks.CANCEL_RUN)
    bot.workspace.user("leo").wait_to_see("belongs to ana")
    bot.workspace.user("ana").click(card, blocks.CANCEL_RUN)
    bot.workspace.channel("models").wait_for("*cancelled*")
    assert ledger.runs()[0].state is RunState.CANCELLED


def test_what_nobody_knows_is_answered(bot: Any, client: Any) -> None:
    ana = bot.workspace.user("ana")
    assert ana.run("/train now").acknowledged
    assert "I do not know /train" in ana.sees()[-1].text
    old = {"type": "button", "action_id": "of_old", "text": blocks.plain("Old"), "value": "x"}
    client.chat_postMessage(channel="C0MODELS", text="old", blocks=[blocks.actions(old)])
    card = bot.workspace.channel("models").wait_for("old")
    assert ana.click(card, "of_old").acknowledged
    ana.wait_to_see("does nothing any more")


def test_links_and_own_messages_are_acknowledged(bot: Any) -> None:
    bot.workspace.user("ana").run("/tune run task=tickets method=tfidf")
    card = bot.workspace.channel("models").wait_for("*queued*")
    assert bot.workspace.user("leo").click(card, f"{blocks.LINK}_1").acknowledged
    bot.workspace.user("ana").dm("help")
    bot.workspace.wait_for(lambda: len(bot.workspace.user("ana").inbox()) == 2, "an answer")
    bot.workspace.wait_for(
        lambda: all(d.acknowledged for d in bot.workspace.deliveries()), "every acknowledgement"
    )


def test_a_stranger_gets_help_and_nothing_else(bot: Any, ledger: Ledger) -> None:
    stranger = bot.workspace.user("stranger")
    stranger.run("/tune run task=tickets method=tfidf")
    assert 'slack = "U9"' in stranger.sees()[-1].text
    stranger.run("/tune help")
    assert "what can be asked" in stranger.sees()[-1].text
    assert ledger.runs() == ()


def test_a_slow_request_is_answered_later(bot: Any, ledger: Ledger) -> None:
    bot.workspace.user("ana").run("/tune task add nowhere.toml")
    bot.workspace.user("ana").wait_to_see("outside the data roots")
    bot.workspace.wait_for(lambda: outbox.pending(ledger) == (), "all to be said")


def test_a_request_of_another_team_is_refused(bot: Any, ledger: Ledger) -> None:
    object.__setattr__(bot.actions.settings.slack, "team", "T0OTHER")
    from .conftest import connected_bot

    bot.socket.close()
    with connected_bot(bot.workspace, bot.actions):
        bot.workspace.user("ana").run("/tune run task=tickets method=tfidf")
        assert "own workspace only" in bot.workspace.user("ana").sees()[-1].text
    assert ledger.runs() == ()


def test_nothing_is_said_that_slack_warns_of(bot: Any, in_review: Message) -> None:
    bot.workspace.user("ana").run("/tune runs")
    bot.workspace.user("ana").run("/tune help")
    calls = bot.workspace.calls()
    assert [call.warnings for call in calls if call.warnings] == []
    assert [call.error for call in calls if call.error] == []
