"""The ledger: one run a request, one winner a race, no step that is not drawn."""

import subprocess
import sys
import threading

import pytest

from storage.errors import LostRace, UnknownName, WrongState
from storage.home import Home
from storage.ledger import LOST_LIMIT, Ledger
from storage.records import AttemptState, RunSpec, RunState, now


def test_the_same_request_three_times_is_one_run(ledger: Ledger, spec: RunSpec) -> None:
    made = [ledger.request_run(spec, "event-1", "ana") for _ in range(3)]
    assert [new for _, new in made] == [True, False, False]
    assert len({run.id for run, _ in made}) == len(ledger.runs()) == 1


def test_requests_of_many_threads_are_all_kept_once(ledger: Ledger, spec: RunSpec) -> None:
    def ask() -> None:
        for number in range(10):
            ledger.request_run(spec, f"key-{number}", "ana")

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.runs()) == 10
    assert [t.id for t in ledger.transitions()] == list(range(1, 11))


CLAIM_ALL = """
import sys
from pathlib import Path
from storage.ledger import Ledger

ledger = Ledger.open(Path(sys.argv[1]))
while claimed := ledger.claim_next_run("host"):
    print(claimed[0].id)
"""


def test_two_processes_never_claim_the_same_run(home: Home, ledger: Ledger, spec: RunSpec) -> None:
    wanted = {ledger.request_run(spec, f"k{i}", "ana")[0].id for i in range(30)}
    words = [sys.executable, "-c", CLAIM_ALL, str(home.ledger_file)]
    workers = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    claimed = [line for worker in workers for line in worker.communicate(timeout=60)[0].split()]
    assert sorted(claimed) == sorted(wanted)


def test_runs_are_claimed_oldest_first(ledger: Ledger, spec: RunSpec) -> None:
    first, _ = ledger.request_run(spec, "a", "ana")
    second, _ = ledger.request_run(spec, "b", "ana")
    assert ledger.queue_place(second.id) == 2
    claimed = ledger.claim_next_run("host")
    assert claimed is not None
    assert claimed[0].id == first.id
    assert claimed[1].state is AttemptState.DISPATCHING
    assert ledger.queue_place(second.id) == 1


def test_a_claimed_run_is_active_and_its_steps_are_recorded(ledger: Ledger, spec: RunSpec) -> None:
    run, _ = ledger.request_run(spec, "a", "ana")
    ledger.claim_next_run("host")
    ledger.move_attempt(run.id, 1, AttemptState.RUNNING, "host")
    done = ledger.end_attempt(
        run.id, 1, AttemptState.SUCCEEDED, "host", run_state=RunState.SUCCEEDED
    )
    assert done.state is RunState.SUCCEEDED
    assert [t.after for t in ledger.transitions(run.id)] == ["queued", "active", "succeeded"]
    assert [t.after for t in ledger.transitions(f"{run.id}/1")] == [
        "dispatching",
        "running",
        "succeeded",
    ]


def test_an_ended_run_never_changes(ledger: Ledger, spec: RunSpec) -> None:
    run, _ = ledger.request_run(spec, "a", "ana")
    ledger.request_cancel(run.id, "ana")
    with pytest.raises(WrongState, match="already cancelled"):
        ledger.request_cancel(run.id, "ana")
    assert ledger.claim_next_run("host") is None


def test_a_lost_run_is_queued_again_twice_and_then_fails(ledger: Ledger, spec: RunSpec) -> None:
    run, _ = ledger.request_run(spec, "a", "ana")
    states = []
    for number in range(1, LOST_LIMIT + 2):
        ledger.claim_next_run("host")
        states.append(ledger.end_lost_attempt(run.id, number, "host", "the host went away").state)
    assert states == [RunState.QUEUED] * LOST_LIMIT + [RunState.FAILED]
    assert [a.state for a in ledger.attempts(run.id)] == [AttemptState.LOST] * (LOST_LIMIT + 1)


def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(ledger: Ledger, spec: RunSpec) -> None:
    run, _ = ledger.request_run(spec, "a", "ana")
    ledger.claim_next_run("host")
    ledger.request_cancel(run.id, "ana")
    lost = ledger.end_lost_attempt(run.id, 1, "host", "the host went away")
    assert lost.state is RunState.CANCELLED


def test_an_older_attempt_cannot_end_the_run(ledger: Ledger, spec: RunSpec) -> None:
    run, _ = ledger.request_run(spec, "a", "ana")
    ledger.claim_next_run("host")
    ledger.end_lost_attempt(run.id, 1, "host", "gone")
    ledger.claim_next_run("host")
    with pytest.raises(LostRace):
        ledger.end_attempt(run.id, 1, AttemptState.SUCCEEDED, "host", run_state=RunState.SUCCEEDED)
    assert ledger.run(run.id).state is RunState.ACTIVE


def test_an_unknown_run_says_where_to_look(ledger: Ledger) -> None:
    with pytest.raises(UnknownName, match="`runs` lists them"):
        ledger.run("r000000")


def test_opening_again_keeps_everything(home: Home, ledger: Ledger, spec: RunSpec) -> None:
    run, _ = ledger.request_run(spec, "a", "ana")
    again = Ledger.open(home.ledger_file)
    assert again.run(run.id) == run
    assert again.version() == ledger.version() == 1
    again.close()


def test_runs_can_be_asked_by_state_task_and_person(ledger: Ledger, spec: RunSpec) -> None:
    ledger.request_run(spec, "a", "ana")
    run, _ = ledger.request_run(spec, "b", "ben")
    ledger.request_cancel(run.id, "ben")
    assert [r.requested_by for r in ledger.runs(states=(RunState.QUEUED,))] == ["ana"]
    assert [r.id for r in ledger.runs(requested_by="ben")] == [run.id]
    assert ledger.runs(task="other") == ()


def test_runs_are_counted_without_being_read(ledger: Ledger, spec: RunSpec) -> None:
    began = now()
    for number, person in enumerate(("ana", "u1", "bo", "bo")):
        ledger.request_run(spec, f"k{number}", person)
    ledger.claim_next_run("host")
    assert ledger.count_runs() == 4
    assert ledger.count_runs(states=(RunState.QUEUED,)) == 3
    assert ledger.count_runs(requested_by=("ana", "u1")) == 2
    assert ledger.count_runs(requested_by=("bo",), since=began) == 2
    assert ledger.count_runs(since=now()) == 0
    first, second, third = ledger.waiting(limit=10)
    assert [run.requested_by for run in (first, second, third)] == ["u1", "bo", "bo"]
    assert ledger.waiting(limit=1) == (first,)
