"""Each state machine: ends never change, and every state can reach an end."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import IllegalTransition
from storage.records import AttemptState, ReviewState, RunState
from storage.states import ATTEMPT_STEPS, REVIEW_STEPS, RUN_STEPS, require_step

MACHINES: list[tuple[Mapping[Any, frozenset[Any]], type[StrEnum], StrEnum]] = [
    (RUN_STEPS, RunState, RunState.QUEUED),
    (ATTEMPT_STEPS, AttemptState, AttemptState.DISPATCHING),
    (REVIEW_STEPS, ReviewState, ReviewState.IN_REVIEW),
]
IDS = ["run", "attempt", "review"]


@pytest.mark.parametrize(("steps", "states", "start"), MACHINES, ids=IDS)
@given(data=st.data())
def test_a_walk_obeys_the_drawing_and_stops_at_an_end(
    steps: Mapping[Any, frozenset[Any]], states: type[StrEnum], start: StrEnum, data: st.DataObject
) -> None:
    here = start
    for wanted in data.draw(st.lists(st.sampled_from(list(states)), max_size=20)):
        if wanted in steps[here]:
            require_step(steps, here, wanted)
            here = wanted
        else:
            with pytest.raises(IllegalTransition):
                require_step(steps, here, wanted)
    assert here in steps


@pytest.mark.parametrize(("steps", "states", "start"), MACHINES, ids=IDS)
def test_every_state_is_drawn_and_can_end(
    steps: Mapping[Any, frozenset[Any]], states: type[StrEnum], start: StrEnum
) -> None:
    assert set(steps) == set(states)
    ends = {state for state, after in steps.items() if not after}
    for state in states:
        reached = {state}
        while more := {after for here in reached for after in steps[here]} - reached:
            reached |= more
        assert reached & ends
