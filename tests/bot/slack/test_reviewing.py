"""What a reviewer does besides deciding: ask whoever launched the run, and waive a check."""

from typing import Any

import golden
import pytest

from bot.hosts.projection import project
from bot.workspace.driver import shown
from bot.workspace.state import Message
from storage import reviews, waivers
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Method, Policy, PolicyRule


@pytest.fixture
def card(bot: Any, home: Home, ledger: Ledger) -> Message:
    """The card of ana's review, which one check blocks."""
    rule = PolicyRule(id="seed_variance", severity="block", on_not_run="block", waivable=True)
    made = golden.make_task("mails", test_rows=240, sensitive=(), policy=Policy(check=(rule,)))
    task = golden.add_golden_task(ledger, made)
    spec = golden.make_spec(task, Method.LORA)
    run = golden.finish_run(ledger, home, task, spec, key="k", accuracy=0.9)
    project(home)
    bot.workspace.user("ana").run(f"/tune submit {run.id}")
    found: Message = bot.workspace.channel("models").wait_for("is *in review*", timeout_s=20)
    return found


def test_a_question_reaches_the_thread_and_the_person(
    bot: Any, card: Message, ledger: Ledger
) -> None:
    reva = bot.workspace.user("reva")
    reva.click(card, "ask")
    view = reva.modal()
    assert set(reva.submit(view, reason_text=" ")) == {"question"}
    assert reva.submit(view, reason_text="Why <!channel> only one seed?") == {}
    asked = bot.workspace.user("ana").wait_to_see("only one seed?", "")
    assert "*reva* asks ana" in asked.text
    assert "<!channel>" not in asked.text
    run_id = reviews.reviews(ledger)[0].run_id
    channel = bot.workspace.channel("models")
    parent = next(m for m in channel.messages() if run_id in m.text and not m.thread_ts)
    bot.workspace.wait_for(
        lambda: [m for m in channel.thread(parent) if "only one seed?" in shown(m)],
        "the question in the thread",
        timeout_s=20,
    )
    bot.workspace.user("stranger").click(card, "ask")
    assert len([m for m in channel.thread(parent) if "asks ana" in shown(m)]) == 1


def test_a_check_is_waived_by_a_reviewer_and_not_by_the_owner(
    bot: Any, card: Message, ledger: Ledger
) -> None:
    ana, reva = bot.workspace.user("ana"), bot.workspace.user("reva")
    ana.click(card, "waive")
    view = ana.modal()
    errors = ana.submit(view, reason_text="it is my own")
    assert "nobody waives a check of their own" in next(iter(errors.values()))
    reva.click(card, "waive")
    view = reva.modal()
    assert set(reva.submit(view, until="soon", reason_text="one seed will do")) == {"until"}
    assert reva.submit(view, reason_text="one seed will do for the pilot") == {}
    reva.wait_to_see("waived", "models")
    (made,) = waivers.waivers(ledger)
    assert (made.check, made.person) == ("seed_variance", "reva")
    assert made.reason == "one seed will do for the pilot"
