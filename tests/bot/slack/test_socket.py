"""Late is never: what Slack gave up takes no effect. And a lost socket comes back."""

import threading
import time
from random import Random
from typing import Any

from bot.slack.socket import Socket
from storage.ledger import Ledger


def test_what_waits_for_the_ledger_too_long_has_no_effect(bot: Any, ledger: Ledger) -> None:
    deliveries: list[Any] = []

    def ask(number: int) -> None:
        line = f"/tune run task=tickets method=tfidf seed={number}"
        deliveries.append(bot.workspace.user("ana").run(line))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    with ledger.write():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {d.problem for d in deliveries} == {"operation_timeout"}
    time.sleep(1)  # what was taken in would be done by now
    assert ledger.runs() == ()
    ask(99)
    assert deliveries[-1].acknowledged
    assert len(ledger.runs()) == 1


def test_a_click_in_such_a_time_has_no_effect_either(bot: Any, ledger: Ledger) -> None:
    ana = bot.workspace.user("ana")
    ana.run("/tune run task=tickets method=tfidf")
    card = bot.workspace.channel("models").wait_for("*queued*")
    with ledger.write():
        assert ana.click(card, "cancel_run").problem == "operation_timeout"
    time.sleep(0.5)
    assert not ledger.runs()[0].cancel_requested


def test_a_socket_that_was_cut_off_comes_back(bot: Any) -> None:
    bot.workspace.disconnect("reset")
    began = time.monotonic()
    bot.workspace.wait_for(lambda: bot.workspace.connections() >= 1, "the socket", 15)
    assert bot.workspace.user("ana").run("/tune help").acknowledged
    assert time.monotonic() - began < 15


def test_a_refresh_loses_nothing(bot: Any) -> None:
    bot.workspace.disconnect("refresh_requested")
    mention = bot.workspace.user("ana").mention("help")
    event = mention.payload["event_id"]

    def heard() -> bool:
        same = [d for d in bot.workspace.deliveries() if d.payload.get("event_id") == event]
        return any(d.acknowledged for d in same)

    bot.workspace.wait_for(heard, "the mention to be taken in", 15)


def test_it_ends_within_moments(bot: Any) -> None:
    second = Socket(bot.socket._app, bot.workspace.seed.app_token)
    second.connect()
    bot.workspace.wait_until_connected(2)
    began = time.monotonic()
    second.close()
    assert time.monotonic() - began < 3


def test_a_session_that_is_replaced_while_it_opens_is_not_read_on(bot: Any) -> None:
    client, ana, random = bot.socket._client, bot.workspace.user("ana"), Random(0)
    for _ in range(60):
        client.connect_to_new_endpoint(force=True)
        time.sleep(random.uniform(0.0, 0.08))  # before, while and after the reader takes it
        client.connect_to_new_endpoint(force=True)
        # What comes while there is no connection is lost; what comes later must be answered.
        bot.workspace.wait_for(lambda: ana.run("/tune help").acknowledged, "an answer", 15)
