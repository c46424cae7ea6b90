"""Pauses fit into the history of a run, whatever is asked for."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from duckstring.model.pauses import grown, spaced, turns

EVENTS, TURN = 25_000, 11


def waited(asks, *, ripples, timeout, pauses=0):
    """The pauses of one attempt that goes on until its deadline."""
    left, slept = float(timeout), []
    while left > 0:
        seconds = spaced(asks(len(slept)), pauses=pauses + len(slept), ripples=ripples, left=left)
        slept.append(seconds)
        left -= seconds
    return slept


@given(
    asked=st.integers(1, 90_000), ripples=st.integers(1, 1_000), timeout=st.integers(60, 7 * 86_400)
)
@example(asked=1, ripples=1, timeout=86_400)
@example(asked=1, ripples=1_000, timeout=7 * 86_400)
@example(asked=1, ripples=758, timeout=62)
def test_an_attempt_reaches_its_deadline_within_its_share_of_the_history(asked, ripples, timeout):
    slept = waited(lambda _: asked, ripples=ripples, timeout=timeout)
    assert len(slept) <= turns(ripples) + 1
    assert ripples * len(slept) * TURN <= EVENTS
    assert min(slept) >= 1
    assert sum(slept) <= timeout + 1


@given(asked=st.integers(1, 3_600), ripples=st.integers(1, 40), timeout=st.integers(60, 7 * 86_400))
@example(asked=15, ripples=10, timeout=86_400)
def test_no_gap_is_larger_than_its_share_of_the_time(asked, ripples, timeout):
    """What is awaited may end at any time: turns are not used up early, for one long gap before
    the deadline.
    """
    slept = waited(lambda _: asked, ripples=ripples, timeout=timeout)
    assert max(slept) <= max(asked, 5 * timeout / turns(ripples)) + 60


@given(
    asked=st.integers(1, 600),
    ripples=st.integers(1, 40),
    pauses=st.integers(0, 1_700),
    timeout=st.integers(60, 86_400),
)
def test_so_does_each_later_attempt_of_the_run(asked, ripples, pauses, timeout):
    slept = waited(lambda _: asked, ripples=ripples, timeout=timeout, pauses=pauses)
    assert pauses + len(slept) <= max(turns(ripples), pauses) + 1


@given(
    asked=st.integers(1, 3_600),
    ripples=st.integers(1, 40),
    part=st.floats(0, 0.499),
    left=st.floats(7_300, 10**6),
)
def test_the_first_half_of_its_turns_is_as_asked(asked, ripples, part, left):
    assert spaced(asked, pauses=int(turns(ripples) * part), ripples=ripples, left=left) == asked


@given(
    asked=st.integers(1, 3_600),
    ripples=st.integers(1, 1_000),
    pauses=st.integers(0, 2_000),
    left=st.floats(1, 10**6),
)
def test_no_pause_is_shorter_than_asked_but_for_the_deadline(asked, ripples, pauses, left):
    seconds = spaced(asked, pauses=pauses, ripples=ripples, left=left)
    assert seconds >= min(asked, int(left / 2))
    assert seconds <= left + 1


def test_a_pause_beyond_the_deadline_leaves_time_for_a_last_look():
    assert spaced(3_600, pauses=0, ripples=1, left=600) == 570
    assert spaced(3_600, pauses=0, ripples=1, left=20) == 20


def test_three_hours_of_growing_pauses_are_42_looks():
    slept, looks = 0, 0
    while slept < 3 * 3_600:
        slept, looks = slept + grown(looks), looks + 1
    assert looks == 42
    assert [grown(n) for n in (0, 1, 2, 7, 8, 10**6)] == [15, 22, 34, 256, 300, 300]
