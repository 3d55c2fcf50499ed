"""Exact leakage: counted, learnt from or kept out."""

import numpy as np
import pytest

from storage.records import Outcome
from trainer.checks import leakage_exact
from trainer.data.contact import Contact


def _contact(learnt: int, given: int, rows: int = 200) -> Contact:
    places = np.arange(rows)
    return Contact(places < learnt, places < max(learnt, given), np.zeros(rows, np.bool_))


@pytest.mark.parametrize(
    ("learnt", "given", "outcome", "share"),
    [
        (0, 0, Outcome.PASS, 0.0),
        (0, 1, Outcome.PASS, 0.005),
        (0, 40, Outcome.WARN, 0.2),
        (1, 1, Outcome.WARN, 0.005),
        (40, 40, Outcome.FAIL, 0.2),
    ],
    ids=["clean", "few kept out", "many kept out", "one learnt", "many learnt"],
)
def test_the_outcome(learnt: int, given: int, outcome: Outcome, share: float) -> None:
    found = leakage_exact.check(_contact(learnt, given), 0.01)
    assert (found.outcome, found.value) == (outcome, pytest.approx(share))
    assert (found.limit, found.n) == (0.01, 200)
    assert bool(found.advice) == (outcome is not Outcome.PASS)


def test_what_was_kept_out_is_said() -> None:
    found = leakage_exact.check(_contact(0, 40), 0.01)
    assert "40 of 200 test texts (20.0%) also stood in the training files" in found.reason


def test_without_rows_there_is_nothing_to_compare() -> None:
    assert leakage_exact.check(_contact(0, 0, rows=0), 0.01).outcome is Outcome.NOT_RUN
