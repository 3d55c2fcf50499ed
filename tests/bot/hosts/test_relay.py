from collections.abc import Callable

import pytest

from bot.hosts.relay import CURSOR, MOST_TRIES, Relay
from storage.home import Home
from storage.ledger import Ledger
from storage.records import AttemptState, Event, Run, now


class Ear:
    """Hears of runs, and falls over when told to."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.broken = False
        self.deaf_to = ""

    def run_changed(self, run_id: str) -> None:
        if self.broken:
            raise ConnectionError("no chat today")
        if run_id == self.deaf_to:
            raise ValueError("never of this one")
        self.heard.append(run_id)

    def take(self) -> list[str]:
        heard, self.heard = self.heard, []
        return heard


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def relay(ledger: Ledger, home: Home, ear: Ear) -> Relay:
    made = Relay(ledger, home, ear)
    made.tick()
    return made


def test_every_step_is_told_whoever_took_it(
    relay: Relay, ear: Ear, ledger: Ledger, ask: Callable[[str], Run]
) -> None:
    run = ask("k")
    relay.tick()
    assert ear.take() == []  # its card was enqueued with it
    ledger.claim_next_run("host")
    ledger.move_attempt(run.id, 1, AttemptState.RUNNING, "host")
    relay.tick()
    assert ear.take() == [run.id]
    relay.tick()
    assert ear.take() == []


def test_progress_is_told_while_a_run_is_active(
    relay: Relay, ear: Ear, ledger: Ledger, home: Home, ask: Callable[[str], Run]
) -> None:
    run = ask("k")
    ledger.claim_next_run("host")
    relay.tick()
    ear.take()
    home.run(run.id).attempt(1).mkdir(parents=True)
    home.run(run.id).append_event(1, Event(seq=1, at=now(), kind="progress", step=1))
    relay.tick()
    assert ear.take() == [run.id]
    relay.tick()
    assert ear.take() == []


def test_what_could_not_be_told_is_told_again(
    relay: Relay, ear: Ear, ledger: Ledger, home: Home, ask: Callable[[str], Run]
) -> None:
    run = ask("k")
    ledger.claim_next_run("host")
    ear.broken = True
    relay.tick()
    ear.broken = False
    Relay(ledger, home, ear).tick()
    assert ear.take() == [run.id]


def test_a_first_listener_is_not_told_of_the_past(
    ear: Ear, ledger: Ledger, home: Home, ask: Callable[[str], Run]
) -> None:
    ledger.request_cancel(ask("k").id, "ana")
    Relay(ledger, home, ear).tick()
    assert ear.take() == []


def test_a_run_that_can_never_be_told_of_is_passed_over(
    relay: Relay, ear: Ear, ledger: Ledger, ask: Callable[[str], Run]
) -> None:
    ear.deaf_to = ask("a").id
    other = ask("b")
    ledger.claim_next_run("host")
    ledger.claim_next_run("host")
    relay.tick()
    assert ear.take() == [other.id]
    for _ in range(MOST_TRIES):
        relay.tick()
    ear.take()
    relay.tick()
    assert ear.take() == []
    assert ledger.transitions_after(ledger.cursor(CURSOR) or 0) == ()
