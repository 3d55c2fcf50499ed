"""The dispatcher over a real ledger, and over a world in which anything may be killed."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.hosts import dispatcher
from bot.hosts.dispatcher import Dispatcher
from bot.hosts.launcher import Handle, Observation, Placement, Sight
from bot.hosts.local import LocalLauncher
from storage.errors import HostUnavailable
from storage.home import Home
from storage.ledger import LOST_LIMIT, Ledger
from storage.records import (
    AttemptState,
    DataSource,
    Method,
    Run,
    RunSpec,
    RunState,
    ShimExit,
    Task,
    now,
)
from storage.run_folder import RunFolder

Ask = Callable[[str], Run]
Make = Callable[..., LocalLauncher]
Until = Callable[..., None]


def steps(ledger: Ledger, subject: str) -> list[str]:
    return [step.after for step in ledger.transitions(subject)]


def work_until_ended(work: Dispatcher, ledger: Ledger, run: Run, until: Until) -> Run:
    def ended() -> bool:
        work.tick()
        return ledger.run(run.id).state.ended

    until(ended, f"the end of {run.id}")
    return ledger.run(run.id)


# --- with real processes -------------------------------------------------------------------------


def test_a_queued_run_is_run_and_its_end_is_written_down(
    ledger: Ledger, home: Home, local: Make, ask: Ask, until: Until
) -> None:
    run = ask("k")
    ended = work_until_ended(Dispatcher(ledger, home, local()), ledger, run, until)
    assert (ended.state, ended.attempt) == (RunState.SUCCEEDED, 1)
    assert steps(ledger, run.id) == ["queued", "active", "succeeded"]
    assert steps(ledger, f"{run.id}/1")[:2] == ["dispatching", "submitted"]
    assert (home.run(run.id).path / "ran").read_text() == "1 -\n"


def test_runs_start_oldest_first_and_no_more_than_there_are_slots(
    ledger: Ledger, home: Home, local: Make, ask: Ask
) -> None:
    runs = [ask(f"k{n}") for n in range(3)]
    work = Dispatcher(ledger, home, local("slow", slots=2))
    for _ in range(3):
        work.tick()
    assert [ledger.run(run.id).state.value for run in runs] == ["active", "active", "queued"]


def test_runs_on_gpus_get_one_each_and_the_ledger_knows_which(
    ledger: Ledger, home: Home, local: Make, ask: Ask
) -> None:
    runs = [ask(f"k{n}") for n in range(3)]
    Dispatcher(ledger, home, local("slow", gpus=(4, 7))).tick()
    assert [[a.gpus for a in ledger.attempts(run.id)] for run in runs] == [[(4,)], [(7,)], []]


def test_a_failed_run_says_what_the_trainer_said(
    ledger: Ledger, home: Home, local: Make, ask: Ask, until: Until
) -> None:
    ended = work_until_ended(Dispatcher(ledger, home, local("fails")), ledger, ask("k"), until)
    assert (ended.state, ended.reason) == (RunState.FAILED, "Row 17 of tickets.csv has no label.")


def test_a_run_without_evidence_has_not_succeeded(
    ledger: Ledger, home: Home, local: Make, ask: Ask, until: Until
) -> None:
    ended = work_until_ended(Dispatcher(ledger, home, local("empty")), ledger, ask("k"), until)
    assert ended.state is RunState.FAILED
    assert "no evidence" in ended.reason


def test_a_cancelled_run_is_cancelled_when_its_trainer_is_gone(
    ledger: Ledger, home: Home, local: Make, ask: Ask, until: Until
) -> None:
    run = ask("k")
    work = Dispatcher(ledger, home, local("slow"))
    work.tick()
    until((home.run(run.id).path / "ran").exists)
    ledger.request_cancel(run.id, "ana")
    ended = work_until_ended(work, ledger, run, until)
    assert (ended.state, ended.reason) == (RunState.CANCELLED, "cancelled")
    assert steps(ledger, f"{run.id}/1")[-2:] == ["cancelling", "cancelled"]


def test_a_new_dispatcher_takes_over_the_runs_of_the_old_one(
    ledger: Ledger, home: Home, local: Make, ask: Ask, until: Until
) -> None:
    run = ask("k")
    Dispatcher(ledger, home, local("slow")).tick()
    (home.run(run.id).path / "go").touch()
    ended = work_until_ended(Dispatcher(ledger, home, local("slow")), ledger, run, until)
    assert (ended.state, ended.attempt) == (RunState.SUCCEEDED, 1)


def test_a_run_whose_folder_cannot_be_made_fails_and_the_next_one_runs(
    ledger: Ledger, home: Home, local: Make, ask: Ask, until: Until
) -> None:
    broken, sound = ask("k1"), ask("k2")
    home.run(broken.id).path.write_text("a file where the folder should be")
    work = Dispatcher(ledger, home, local(slots=1))
    assert work_until_ended(work, ledger, sound, until).state is RunState.SUCCEEDED
    assert ledger.run(broken.id).state is RunState.FAILED
    assert "could not be started" in ledger.run(broken.id).reason
    home.run(broken.id).path.unlink()


def test_a_folder_of_another_run_is_never_written_to(
    ledger: Ledger, home: Home, local: Make, ask: Ask, spec: RunSpec, until: Until
) -> None:
    run = ask("k")
    home.run(run.id).create(spec.model_copy(update={"seed": 9}))
    ended = work_until_ended(Dispatcher(ledger, home, local()), ledger, run, until)
    assert ended.state is RunState.FAILED
    assert "another spec" in ended.reason


# --- with a world of its own ---------------------------------------------------------------------


class Killed(BaseException):
    """The dispatcher was killed here: nothing in it may catch this."""


@dataclass(slots=True)
class Process:
    """A shim with its trainer in the world."""

    handle: Handle
    alive: bool = True


@dataclass(slots=True)
class World:
    """Hosts, processes and folders; outlives every dispatcher."""

    home: Home
    slots: int = 2
    processes: list[Process] = field(default_factory=list)
    exits: dict[Handle, ShimExit] = field(default_factory=dict)
    reachable: bool = True

    def alive(self) -> list[Process]:
        return [process for process in self.processes if process.alive]

    def end(self, process: Process, code: int) -> None:
        """The trainer ends; the shim writes it down."""
        process.alive = False
        handle = process.handle
        if code == 0:
            _leave_evidence(self.home.run(handle.run_id))
        self.exits[handle] = ShimExit(
            run_id=handle.run_id, attempt=handle.attempt, at=now(), code=code
        )

    def kill(self, process: Process) -> None:
        """Shim and trainer die without a word."""
        process.alive = False


def _leave_evidence(folder: RunFolder) -> None:
    folder.evidence.mkdir(exist_ok=True)
    (folder.evidence / "manifest.json").touch()


@dataclass(slots=True)
class WorldLauncher:
    """Places processes in the world; harsher than real ones: it does repeat what is repeated."""

    world: World

    def free_slots(self) -> int:
        return self.world.slots - len(self.world.alive())

    def submit(self, handle: Handle) -> Placement:
        if not self.world.reachable:
            raise HostUnavailable("no answer")
        if any(process.handle.run_id == handle.run_id for process in self.world.alive()):
            raise HostUnavailable("still alive")
        if self.free_slots() < 1:
            raise HostUnavailable("no room")
        self.world.processes.append(Process(handle))
        return Placement()

    def find(self, handle: Handle) -> bool:
        return any(process.handle == handle for process in self.world.processes)

    def observe(self, handles: Sequence[Handle]) -> dict[Handle, Observation]:
        if not self.world.reachable:
            raise HostUnavailable("no answer")
        return {handle: self._observe(handle) for handle in handles}

    def _observe(self, handle: Handle) -> Observation:
        if any(process.handle == handle for process in self.world.alive()):
            return Observation(Sight.RUNNING)
        ended = self.world.exits.get(handle)
        return Observation(Sight.ENDED, ended) if ended else Observation(Sight.GONE)

    def cancel(self, handle: Handle) -> None:
        for process in self.world.alive():
            if process.handle == handle:
                self.world.end(process, 143)


@dataclass(slots=True)
class Mortal:
    """Passes calls on, and kills the dispatcher before or after one of them."""

    inner: Any
    fate: "Fate"

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        def call(*words: Any, **options: Any) -> Any:
            self.fate.comes()
            found = method(*words, **options)
            self.fate.comes()
            return found

        return call


@dataclass(slots=True)
class Fate:
    """Counts moments down to the one at which the dispatcher dies."""

    left: int | None

    def comes(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


@contextlib.contextmanager
def a_world(slots: int = 2) -> Iterator[tuple[World, Ledger]]:
    with TemporaryDirectory() as place:
        home = Home(Path(place))
        home.create()
        ledger = Ledger.open(home.ledger_file)
        yield World(home, slots), ledger
        ledger.close()


def tick(world: World, ledger: Ledger, dies_after: int | None = None) -> None:
    """One tick of a new dispatcher, which may be killed at a numbered moment."""
    fate = Fate(dies_after)
    mortal_ledger: Any = Mortal(ledger, fate)
    mortal_launcher: Any = Mortal(WorldLauncher(world), fate)
    with contextlib.suppress(Killed):
        Dispatcher(mortal_ledger, world.home, mortal_launcher, "host").tick()


def request(ledger: Ledger, key: str) -> Run:
    task = Task(name="tickets", data=DataSource(file="/data/tickets.csv"))
    return ledger.request_run(RunSpec(task=task, method=Method.MAJORITY), key, "ana")[0]


def assert_nothing_ran_twice(world: World, ledger: Ledger) -> None:
    alive = [process.handle.run_id for process in world.alive()]
    assert len(alive) == len(set(alive)), "two processes of one run at the same time"
    assert len(alive) <= world.slots
    handles = [process.handle for process in world.processes]
    assert len(handles) == len(set(handles)), "one attempt was placed twice"
    for run in ledger.runs():
        done = [h for h, e in world.exits.items() if h.run_id == run.id and e.code == 0]
        assert len(done) <= 1, "a run that had finished was run again"


MOMENTS = st.one_of(
    st.tuples(st.just("ask"), st.integers(0, 4)),
    st.tuples(st.just("tick"), st.none()),
    st.tuples(st.just("die"), st.integers(0, 30)),
    st.tuples(st.just("end"), st.sampled_from([0, 0, 1, -9, -11, 143])),
    st.tuples(st.just("kill"), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 4)),
    st.tuples(st.just("unplug"), st.booleans()),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MOMENTS, min_size=5, max_size=40))
def test_no_run_runs_twice_whatever_is_killed_and_every_run_ends(
    moments: list[tuple[str, Any]],
) -> None:
    with a_world() as (world, ledger):
        for what, detail in moments:
            happen(world, ledger, what, detail)
            assert_nothing_ran_twice(world, ledger)
        world.reachable = True
        for _ in range(12 * (1 + LOST_LIMIT)):
            tick(world, ledger)
            for process in world.alive():
                world.end(process, 0)
            assert_nothing_ran_twice(world, ledger)
        assert all(run.state.ended for run in ledger.runs())
        for run in ledger.runs(states=[RunState.SUCCEEDED]):
            assert any(h.run_id == run.id and e.code == 0 for h, e in world.exits.items())


def happen(world: World, ledger: Ledger, what: str, detail: Any) -> None:
    alive = world.alive()
    if what == "ask":
        request(ledger, f"k{detail}")
    elif what == "tick":
        tick(world, ledger)
    elif what == "die":
        tick(world, ledger, dies_after=detail)
    elif what == "end" and alive:
        world.end(alive[0], detail)
    elif what == "kill" and alive:
        world.kill(alive[-1])
    elif what == "cancel":
        run = ledger.run_by_key(f"k{detail}")
        if run and not run.state.ended:
            ledger.request_cancel(run.id, "ana")
    elif what == "unplug":
        world.reachable = detail


def test_a_dispatcher_killed_at_any_moment_of_a_tick_starts_one_process() -> None:
    for moment in range(14):
        with a_world() as (world, ledger):
            run = request(ledger, "k")
            tick(world, ledger, dies_after=moment)
            tick(world, ledger)
            tick(world, ledger)
            assert [process.handle for process in world.processes] == [Handle(run.id, 1)]
            assert ledger.attempts(run.id)[0].state is AttemptState.RUNNING


def test_a_lost_attempt_is_followed_by_two_more_and_then_the_run_fails() -> None:
    with a_world() as (world, ledger):
        run = request(ledger, "k")
        for _ in range(3 * (LOST_LIMIT + 2)):
            tick(world, ledger)
            for process in world.alive():
                world.kill(process)
        ended = ledger.run(run.id)
        assert (ended.state, ended.attempt) == (RunState.FAILED, 1 + LOST_LIMIT)
        assert {a.state for a in ledger.attempts(run.id)} == {AttemptState.LOST}
        assert "died without a word" in ended.reason


def test_a_lost_attempt_of_a_cancelled_run_is_not_followed_by_another() -> None:
    with a_world() as (world, ledger):
        run = request(ledger, "k")
        tick(world, ledger)
        ledger.request_cancel(run.id, "ana")
        world.kill(world.alive()[0])
        tick(world, ledger)
        assert ledger.run(run.id).state is RunState.CANCELLED


def test_a_run_cancelled_before_it_was_placed_never_starts() -> None:
    with a_world() as (world, ledger):
        world.reachable = False
        run = request(ledger, "k")
        tick(world, ledger)
        ledger.request_cancel(run.id, "ana")
        world.reachable = True
        tick(world, ledger)
        assert ledger.run(run.id).state is RunState.CANCELLED
        assert world.processes == []


def test_a_host_that_does_not_answer_changes_nothing() -> None:
    with a_world() as (world, ledger):
        run = request(ledger, "k")
        tick(world, ledger)
        tick(world, ledger)
        world.kill(world.alive()[0])
        world.reachable = False
        before = ledger.version()
        tick(world, ledger)
        assert ledger.version() == before
        assert ledger.run(run.id).state is RunState.ACTIVE


def test_a_host_that_never_takes_an_attempt_is_not_waited_for_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatcher, "START_PATIENCE", timedelta(0))
    with a_world() as (world, ledger):
        world.reachable = False
        run = request(ledger, "k")
        for _ in range(10):
            tick(world, ledger)
        ended = ledger.run(run.id)
        assert ended.state is RunState.FAILED
        assert "could not be started: no answer" in ended.reason


def test_one_run_that_cannot_be_read_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with a_world() as (world, ledger):
        first, second = request(ledger, "k1"), request(ledger, "k2")
        tick(world, ledger)
        tick(world, ledger)
        (world.home.run(first.id).attempt(1)).mkdir(parents=True)
        (world.home.run(first.id).attempt(1) / "error.json").mkdir()  # not a file at all
        for process in world.alive():
            world.end(process, 0)
        tick(world, ledger)
        assert ledger.run(second.id).state is RunState.SUCCEEDED
        assert ledger.run(first.id).state is RunState.ACTIVE
        assert first.id in caplog.text


def test_nothing_is_written_while_nothing_happens() -> None:
    with a_world() as (world, ledger):
        request(ledger, "k")
        for _ in range(3):
            tick(world, ledger)
        log = world.home.path / "ledger.sqlite-wal"
        before = log.stat().st_mtime_ns
        tick(world, ledger)
        assert log.stat().st_mtime_ns == before
