import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.hosts.verdicts import judge
from storage.records import AttemptState, ShimExit, now

S = AttemptState


def end(code: int, *, killed: bool = False, cancelled: bool = False, message: str = "") -> ShimExit:
    return ShimExit(
        run_id="r000001",
        attempt=1,
        at=now(),
        code=code,
        killed=killed,
        cancelled=cancelled,
        message=message,
    )


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (end(3), S.FAILED, "exit code 3"),
        (end(2), S.FAILED, "did not accept"),
        (end(4), S.FAILED, "GPU had too little memory"),
        (end(-11), S.FAILED, "SIGSEGV"),
        (end(-9, message="out of memory: the system ended it"), S.FAILED, "host had too little"),
        (end(9, message="the disk is full"), S.FAILED, "disk of the host is full"),
        (end(127, message="no such program: '/x'"), S.FAILED, "no such program: '/x'"),
        (end(-9), S.LOST, "killed from outside"),
        (end(143, cancelled=True), S.LOST, "nobody here asked"),
        (end(-15), S.LOST, "nobody here asked"),
    ],
)
def test_an_end_is_told_in_plain_words(found: ShimExit, state: AttemptState, words: str) -> None:
    verdict = judge(found, has_evidence=False, error=None, cancel_requested=False)
    assert verdict.state is state
    assert words in verdict.reason


def test_what_the_trainer_says_goes_before_what_we_make_of_its_exit_code() -> None:
    verdict = judge(end(2), has_evidence=False, error="Row 17 is empty.", cancel_requested=False)
    assert verdict.reason == "Row 17 is empty."


@pytest.mark.parametrize("killed", [False, True], ids=["in time", "too slow"])
def test_a_stop_that_was_asked_for_is_no_failure(killed: bool) -> None:
    code = -9 if killed else 143
    found = end(code, killed=killed, cancelled=True)
    verdict = judge(found, has_evidence=False, error=None, cancel_requested=True)
    assert verdict.state is S.CANCELLED
    assert ("killed" in verdict.reason) is killed


def test_a_run_that_finished_before_it_could_be_cancelled_has_succeeded() -> None:
    verdict = judge(end(0, cancelled=True), has_evidence=True, error=None, cancel_requested=True)
    assert verdict.state is S.SUCCEEDED


@given(st.integers(-31, 255), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.text())
def test_only_a_clean_exit_with_evidence_is_a_success(
    code: int, killed: bool, cancelled: bool, has_evidence: bool, requested: bool, message: str
) -> None:
    found = end(code, killed=killed, cancelled=cancelled, message=message)
    verdict = judge(found, has_evidence=has_evidence, error=None, cancel_requested=requested)
    assert (verdict.state is S.SUCCEEDED) == (code == 0 and has_evidence)
    assert verdict.state.ended
    assert verdict.reason or verdict.state is S.SUCCEEDED
