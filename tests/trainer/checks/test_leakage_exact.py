"""Exact leakage: counted, whatever the case and the white space."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records import Outcome
from trainer.checks import leakage_exact

TEST = [f"message {place}" for place in range(200)]


def test_no_overlap_passes_and_says_what_was_kept_out():
    found = leakage_exact.check(TEST, ["something else"], 0.01, kept_out=7)
    assert found.outcome is Outcome.PASS
    assert found.value == 0
    assert "7 duplicates were kept out of train" in found.reason


def test_one_row_warns_and_many_fail():
    one = leakage_exact.check(TEST, ["  MESSAGE\t3 "], 0.01, kept_out=0)
    assert one.outcome is Outcome.WARN
    assert "1 of 200 test texts (0.5%)" in one.reason
    many = leakage_exact.check(TEST, TEST[:40], 0.01, kept_out=0)
    assert many.outcome is Outcome.FAIL
    assert many.value == pytest.approx(0.2)
    assert (many.limit, many.n) == (0.01, 200)
    assert "rotate the test set" in many.advice


def test_without_rows_there_is_nothing_to_compare():
    assert leakage_exact.check([], ["a"], 0.01, 0).outcome is Outcome.NOT_RUN
    assert leakage_exact.check(["a"], [], 0.01, 0).outcome is Outcome.NOT_RUN


@given(st.text(alphabet="aB \tß", min_size=1, max_size=12))
def test_no_change_of_case_or_white_space_hides_a_text(text):
    found = leakage_exact.check([text], [f" {text.upper()}\n".lower()], 0.01, 0)
    assert found.outcome is Outcome.FAIL
