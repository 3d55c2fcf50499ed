"""Numbers in words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard import markup, words


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.05, "better"),
        (-0.05, -0.01, "worse"),
        (-0.01, 0.02, "cannot be told apart"),
        (0.0, 0.05, "cannot be told apart"),
        (None, None, "not compared"),
    ],
)
def test_a_difference_says_what_its_interval_allows(
    low: float | None, high: float | None, word: str
) -> None:
    assert words.difference(low, high) == word


@pytest.mark.parametrize("wording", [words.number, words.duration, words.milliseconds])
def test_a_missing_number_is_never_zero(wording: object) -> None:
    assert callable(wording)
    assert wording(None) == "not measured"


@pytest.mark.parametrize(
    ("seconds", "word"),
    [(0.004, "under 0.1 s"), (9.8, "9.8 s"), (52.2, "52 s"), (200, "3 min"), (9000, "2.5 h")],
)
def test_durations_carry_one_unit(seconds: float, word: str) -> None:
    assert words.duration(seconds) == word


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.0, "0.00"), (12.5, "12.50"), (0.0123, "0.0123"), (7.65e-05, "0.000077"), (7e-8, "under")],
)
def test_a_small_cost_keeps_the_digits_that_count(value: float, word: str) -> None:
    assert words.cost(value).startswith(word)


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.05, "0.05"), (-0.00176, "−0.00176"), (1032.0, "1,032"), (0.0, "0"), (float("inf"), "inf")],
)
def test_a_measured_value_keeps_three_digits(value: float, word: str) -> None:
    assert words.figure(value) == word


def test_ages_carry_one_unit() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert words.ago(now - timedelta(hours=3, minutes=5), now) == "3 h ago"
    assert words.ago((now - timedelta(days=2)).replace(tzinfo=None), now) == "2 d ago"


def test_places_are_ranges() -> None:
    assert [words.place(1, 4), words.place(2, 2), words.place(None, None)] == ["1–4", "2", "–"]


@given(st.text())
def test_no_text_becomes_markup(value: str) -> None:
    made = markup.text(value)
    assert "<" not in made
    assert '"' not in made


@given(value=st.floats(0, 1), half=st.floats(0, 1), start=st.floats(0, 0.5))
def test_a_bar_stays_on_its_axis(value: float, half: float, start: float) -> None:
    import re

    made = markup.bar(value, value - half, value + half, start, 1.0)
    shares = [float(found) for found in re.findall(r"left:([\d.]+)%", made)]
    assert all(0 <= share <= 100 for share in shares)


def test_a_difference_is_told_in_the_unit_of_its_metric() -> None:
    assert words.points(None, "mae") == words.MISSING
    assert words.points(0.0213, "macro_f1") == "+2.1 pt"
    assert words.points(-0.0213, "bits_per_byte") == "−0.021"
    assert words.points_interval(-0.5, 1.25, "mae") == "−0.500 to +1.250"
    assert words.points_interval(-0.005, 0.0125, "accuracy") == "−0.5 to +1.2"
