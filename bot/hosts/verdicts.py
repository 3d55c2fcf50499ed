"""What an ended attempt means, in one place and in words for a person."""

import signal
from dataclasses import dataclass

from storage.records import (
    EXIT_BAD_INPUT,
    EXIT_CANCELLED,
    EXIT_DONE,
    EXIT_OUT_OF_MEMORY,
    AttemptState,
    ShimExit,
)

STOPPED = {EXIT_CANCELLED, -signal.SIGTERM}
NOT_STARTED = {126, 127}
SMALLER = "Use a smaller batch_size, max_tokens or base."


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state an attempt ends in, and why, for a person to read."""

    state: AttemptState
    reason: str


def judge(
    end: ShimExit, *, has_evidence: bool, error: str | None, cancel_requested: bool
) -> Verdict:
    """What an attempt's end means.

    A success needs both exit code 0 and complete evidence. A trainer that was stopped or killed
    from outside, not for want of memory, is lost: nothing is wrong with the run, so try it again.

    Args:
        end: What the shim recorded.
        has_evidence: Whether the manifest is there.
        error: What the trainer left for a person to read.
        cancel_requested: Whether a person asked for the end.
    """
    if end.code == EXIT_DONE:
        if has_evidence:
            return Verdict(AttemptState.SUCCEEDED, "")
        return Verdict(AttemptState.FAILED, "The trainer said it was done but left no evidence.")
    if cancel_requested and (end.cancelled or end.code in STOPPED):
        return Verdict(AttemptState.CANCELLED, _cancelled(end))
    if end.cancelled or end.code in STOPPED:
        return Verdict(AttemptState.LOST, "it was stopped from outside; nobody here asked for that")
    if end.code == -signal.SIGKILL and not end.message:
        return Verdict(AttemptState.LOST, "its trainer was killed from outside (signal 9)")
    return Verdict(AttemptState.FAILED, error or _plain(end))


def _cancelled(end: ShimExit) -> str:
    if end.killed:
        return "cancelled; it took too long to save and was killed"
    return "cancelled"


def _plain(end: ShimExit) -> str:
    """A sentence for an end about which the trainer itself could say nothing."""
    if end.code == EXIT_OUT_OF_MEMORY:
        return f"The GPU had too little memory. {SMALLER}"
    if end.code == -signal.SIGKILL and "memory" in end.message:
        return f"The host had too little memory and ended the trainer. {SMALLER}"
    if "disk" in end.message:
        return "The disk of the host is full. Make room and run it again."
    if end.code in NOT_STARTED:
        return f"The trainer could not be started: {end.message}."
    if end.code < 0:
        return f"The trainer crashed ({_signal_name(-end.code)}). Its log has more."
    if end.code == EXIT_BAD_INPUT:
        return "The trainer did not accept its input. Its log has more."
    return f"The trainer failed (exit code {end.code}). Its log has more."


def _signal_name(number: int) -> str:
    try:
        return f"signal {number}, {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"
