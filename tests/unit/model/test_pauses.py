"""How long a Ripple rests: worked examples. The laws: tests/property/test_pauses.py."""

from __future__ import annotations

import pytest

from duckstring.model.pauses import MOST_RIPPLES, grown, spaced, turns

DAY = 86_400


def test_a_pause_that_is_left_to_us_grows_from_15_seconds_to_5_minutes() -> None:
    assert [grown(pauses) for pauses in (0, 1, 2, 7, 8, 9)] == [15, 22, 34, 256, 300, 300]


def test_the_ripples_of_a_run_share_its_history() -> None:
    assert turns(1) == 1635
    assert turns(10) == 162
    assert turns(MOST_RIPPLES) == 4
    assert turns(10_000) == 1, "never none at all"
    assert turns(0) == turns(1)


@pytest.mark.parametrize(
    ("pauses", "left", "seconds"),
    [
        (0, DAY, 60),  # the first half is as asked
        (80, DAY, 60),
        (81, DAY, round(2 * DAY / 81)),  # then twice an even share
        (161, DAY, DAY - 30),  # the last one, to a last look before the deadline
        (162, DAY, DAY),  # none is left: to the deadline
        (0, 61, 60),
        (0, 60, 60),  # so little is left that no look fits behind
        (0, 0.2, 1),
    ],
)
def test_pauses_become_longer_as_the_turns_of_a_ripple_run_out(
    pauses: int, left: float, seconds: int
) -> None:
    assert spaced(60, pauses=pauses, ripples=10, left=left) == seconds


def test_a_long_pause_that_was_asked_for_is_not_made_shorter() -> None:
    assert spaced(7_200, pauses=100, ripples=10, left=DAY) == 7_200
