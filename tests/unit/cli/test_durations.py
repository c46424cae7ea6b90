from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring_cli import durations
from duckstring_cli.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("90m", 5400),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1d2h3m4s", 93784),
        (" 2H ", 7200),
        ("0d5s", 5),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: int) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "5", "1x", "m", "30m1h", "1.5h", "-5s", "1h 30m", "1h1h", "٣s5"]
)
def test_what_is_no_duration_is_refused_with_the_way_to_write_one(text: str) -> None:
    with pytest.raises(BadInputError, match="is not a duration") as told:
        durations.parse(text)
    assert "1h30m" in told.value.hint


@pytest.mark.parametrize("text", ["0s", "0d0h", "3651d", "999999999d"])
def test_zero_and_more_than_ten_years_are_out_of_range(text: str) -> None:
    with pytest.raises(BadInputError, match="out of range"):
        durations.parse(text)


@given(st.integers(1, 3650 * 86400))
def test_an_exact_duration_reads_back_as_itself(seconds: int) -> None:
    assert durations.parse(durations.exact(seconds)) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "brief", "age"),
    [
        (None, "never", "never"),
        (-0.2, "0.0s", "0s"),
        (0.44, "0.4s", "0s"),
        (12.9, "12s", "12s"),
        (252, "4m12s", "4m"),
        (7500, "2h05m", "2h05m"),
        (273600, "3d4h", "3d4h"),
    ],
)
def test_a_duration_is_told_in_two_units_at_most(
    seconds: float | None, brief: str, age: str
) -> None:
    assert (durations.brief(seconds), durations.age(seconds)) == (brief, age)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "0s"),
        (-3, "0s"),
        (9.7, "9s"),
        (61, "1m01s"),
        (10_800, "3h"),
        (7_500, "2h05m"),
        (86_400, "1d"),
        (273_600, "3d4h"),
    ],
)
def test_how_far_off_something_is_has_two_units_and_no_tenths(
    seconds: float | None, said: str
) -> None:
    assert durations.ahead(seconds) == said
