"""The three state machines. Ends never change; a step that is not drawn here is an error.

run      queued -> active -> succeeded | failed | cancelled
         queued -> cancelled            active -> queued (its attempt was lost)
attempt  dispatching -> submitted -> running -> succeeded | failed | cancelled | lost
         any of these -> cancelling -> cancelled | succeeded | failed | lost
         An attempt may skip ahead: a short run can end before anyone saw it run.
review   in_review -> approved | rejected | withdrawn | expired
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from storage.errors import IllegalTransition
from storage.records import AttemptState, ReviewState, RunState

S = TypeVar("S", bound=StrEnum)

_ATTEMPT_ENDS = {
    AttemptState.SUCCEEDED,
    AttemptState.FAILED,
    AttemptState.CANCELLED,
    AttemptState.LOST,
}

RUN_STEPS: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.ACTIVE, RunState.CANCELLED, RunState.FAILED}),
    RunState.ACTIVE: frozenset(
        {RunState.QUEUED, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}
    ),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
}

ATTEMPT_STEPS: Mapping[AttemptState, frozenset[AttemptState]] = {
    AttemptState.DISPATCHING: frozenset(
        {AttemptState.SUBMITTED, AttemptState.RUNNING, AttemptState.CANCELLING} | _ATTEMPT_ENDS
    ),
    AttemptState.SUBMITTED: frozenset(
        {AttemptState.RUNNING, AttemptState.CANCELLING} | _ATTEMPT_ENDS
    ),
    AttemptState.RUNNING: frozenset({AttemptState.CANCELLING} | _ATTEMPT_ENDS),
    AttemptState.CANCELLING: frozenset(_ATTEMPT_ENDS),
} | {end: frozenset() for end in _ATTEMPT_ENDS}

REVIEW_STEPS: Mapping[ReviewState, frozenset[ReviewState]] = {
    ReviewState.IN_REVIEW: frozenset(ReviewState) - {ReviewState.IN_REVIEW},
} | {end: frozenset() for end in ReviewState if end is not ReviewState.IN_REVIEW}


def require_step(steps: Mapping[S, frozenset[S]], before: S, after: S) -> None:
    """Raise IllegalTransition unless `before` may become `after`."""
    if after not in steps[before]:
        raise IllegalTransition(f"{before.value} cannot become {after.value}")
