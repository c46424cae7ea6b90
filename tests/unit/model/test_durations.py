"""Durations out of text, and as text."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.model.durations import duration_in_words, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800), ("0s1m", 60)],
)
def test_a_duration_is_read_in_seconds(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0s", "5", "1x", "1.5h", "-5s", "1h 30m", "1H", "\u0661h", 90, None, True]
)
def test_what_is_not_a_duration_over_zero_is_none(text):
    assert seconds_of(text) is None


@given(st.integers(1, 3650 * 86_400))
def test_whole_seconds_in_words_are_read_back(seconds):
    assert seconds_of(duration_in_words(timedelta(seconds=seconds))) == seconds
