"""The story once more, with the Web API answered by software that is not ours."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import golden
import nodes
import pytest

from bot.actions import Actions
from bot.hosts.projection import project
from bot.settings import SlackSettings
from bot.slack import blocks
from bot.workspace.driver import Workspace, shown
from storage import reviews
from storage.home import Home
from storage.ledger import Ledger
from storage.people import PersonEntry
from storage.records import Method, Policy, PolicyRule, ReviewState, Role, Run

from .conftest import connected_bot
from .emulated import gateway, history, seed_of

SEED = """
slack:
  team: {name: Tuneboard, domain: tuneboard}
  users:
    - {name: ana, real_name: Ana, email: ana@example.com}
    - {name: leo, real_name: Leo, email: leo@example.com}
    - {name: reva, real_name: Reva, email: reva@example.com}
  channels: [{name: models}]
  bots: [{name: tuneboard}]
"""


@dataclass(frozen=True)
class Emulated:
    """A connected bot, its people, and where emulate answers."""

    workspace: Workspace
    address: str
    channel_id: str


@pytest.fixture
def emulated(tmp_path_factory: pytest.TempPathFactory, actions: Actions) -> Iterator[Emulated]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with nodes.emulate(tmp_path_factory.mktemp("emulate"), "slack", port, SEED) as address:
        seed = seed_of(address)
        ids = {user.name: user.id for user in seed.users}
        roles = {
            "ana": (Role.LAUNCHER, Role.REVIEWER),
            "leo": (Role.LAUNCHER,),
            "reva": (Role.REVIEWER,),
        }
        people = {name: PersonEntry(roles=roles[name], slack=ids[name]) for name in ids}
        channel = seed.channels[0].id
        with gateway(seed, address) as workspace:
            slack = SlackSettings(team=seed.team_id, channel=channel, api_url=workspace.api_url)
            changed = actions.settings.model_copy(update={"slack": slack, "people": people})
            with connected_bot(workspace, replace(actions, settings=changed)):
                yield Emulated(workspace, address, channel)


def _same(emulated: Emulated) -> list[dict[str, Any]]:
    """What emulate holds; everything people were shown in the channel is in it, word for word."""
    held = {message["ts"]: message for message in history(emulated.address, emulated.channel_id)}
    seen = [m for m in emulated.workspace.channel("models").messages() if m.by_bot]
    for message in seen:
        if message.visible_to or message.files:
            continue
        assert held[message.ts]["text"] == message.text
        if message.blocks:
            plain = [{k: v for k, v in b.items() if k != "block_id"} for b in message.blocks]
            theirs = held[message.ts]["blocks"]
            assert [{k: v for k, v in b.items() if k != "block_id"} for b in theirs] == plain
    return list(held.values())


def test_from_the_command_to_the_decision(
    emulated: Emulated, ledger: Ledger, finish: Callable[[str], Run]
) -> None:
    people = emulated.workspace
    assert people.user("ana").run("/tune run task=tickets method=tfidf").acknowledged
    channel = people.channel("models")
    channel.wait_for("*queued*", timeout_s=20)
    run = ledger.runs()[0]
    finish(run.id)
    channel.wait_for("*succeeded*", timeout_s=20)
    people.user("ana").run(f"/tune submit {run.id}")
    card = channel.wait_for("is *in review*", timeout_s=20)
    people.user("leo").click(card, blocks.APPROVE, reason="I like it")
    people.user("leo").wait_to_see("reviewer")
    assert people.user("reva").click(card, blocks.APPROVE, reason="clearly better").acknowledged
    assert channel.wait_for("is *approved*", timeout_s=20).ts == card.ts
    assert reviews.reviews(ledger)[0].state is ReviewState.APPROVED
    channel.wait_for("Review: approved", timeout_s=20)
    held = _same(emulated)
    roots = [m for m in held if m.get("thread_ts") in {None, m["ts"]} and "blocks" in m]
    assert len(roots) == 2, "one message for the run, one for the review"


def test_a_form_opens_and_launches(emulated: Emulated, ledger: Ledger) -> None:
    person = emulated.workspace.user("ana")
    assert person.run("/tune", channel="models").acknowledged
    view = person.modal(timeout_s=15)
    assert set(person.submit(view, task="tickets", method="lora", base="")) == {"base"}
    assert person.submit(view, task="tickets", method="tfidf", base="") == {}
    emulated.workspace.channel("models").wait_for("*queued*", timeout_s=20)
    assert len(ledger.runs()) == 1
    _same(emulated)


def test_plots_are_files_in_the_thread(emulated: Emulated, ledger: Ledger, home: Home) -> None:
    policy = Policy(check=(PolicyRule(id="underfit", severity="show", on_not_run="allow"),))
    task = golden.add_golden_task(
        ledger, golden.make_task("mails", test_rows=120, sensitive=(), policy=policy)
    )
    spec = golden.make_spec(task, Method.LORA)
    run = golden.finish_run(ledger, home, task, spec, key="k", accuracy=0.9)
    project(home)
    channel = emulated.workspace.channel("models")
    channel.wait_for(run.id, timeout_s=20)

    def files() -> list[str]:
        held = history(emulated.address, emulated.channel_id)
        return [f["name"] for m in held if m.get("thread_ts") for f in m.get("files") or ()]

    names = emulated.workspace.wait_for(files, "files in the thread", timeout_s=30)
    assert names == [f"{run.id}-loss.png", f"{run.id}-confusion.png"]
    assert shown(channel.wait_for(run.id))
