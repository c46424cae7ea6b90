"""When each attempt of a run was at work, as ``run show`` draws it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.model.instants import to_text
from duckstring_cli.timeline import LEAST, timeline
from tests.unit.cli.made_up import attempt_row, run_row

BEGAN = datetime(2030, 1, 1, 12)  # noqa: DTZ001 - to_text writes it in UTC


def at(seconds: float) -> str:
    return to_text(BEGAN + timedelta(seconds=seconds))


def run(end: float | None):
    return run_row("sales@1/3") | {"started": at(0), "finished": None if end is None else at(end)}


def attempt(begin: float | None, end: float | None):
    return attempt_row("sales@1/3", "load") | {
        "started": None if begin is None else at(begin),
        "finished": None if end is None else at(end),
    }


def test_bars_lie_where_attempts_were_at_work():
    made = timeline(run(20), [attempt(0, 5), attempt(5, 20), attempt(10, 10)], at(99), 20)
    assert made is not None
    assert made.scale == "0s" + " " * 15 + "20s"
    assert made.bars == ["█" * 5, " " * 5 + "█" * 15, " " * 10 + "█"]


def test_what_is_at_work_reaches_to_now_and_what_never_began_has_no_bar():
    made = timeline(run(None), [attempt(0, 10), attempt(10, None), attempt(None, None)], at(20), 20)
    assert made is not None
    assert made.bars == ["█" * 10, " " * 10 + "█" * 10, ""]


@pytest.mark.parametrize(("end", "room"), [(20, LEAST - 1), (20, -3), (0, 80), (-1, 80)])
def test_without_room_or_time_there_is_no_timeline(end: float, room: int):
    assert timeline(run(end), [attempt(0, end)], at(0), room) is None


seconds = st.floats(-2, 4000, allow_nan=False)


@given(
    end=st.none() | seconds,
    attempts=st.lists(st.tuples(st.none() | seconds, st.none() | seconds), max_size=6),
    now=seconds,
    room=st.integers(0, 120),
)
def test_no_bar_is_wider_than_the_scale_and_none_that_began_is_empty(end, attempts, now, room):
    rows = [attempt(begin, last) for begin, last in attempts]
    made = timeline(run(end), rows, at(now), room)
    if made is not None:
        assert len(made.scale) <= room
        for row, bar in zip(rows, made.bars, strict=True):
            assert len(bar) <= len(made.scale)
            assert ("█" in bar) is (row["started"] is not None)
