from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duckstring_cli import moments
from duckstring_cli.errors import BadInputError

TODAY = datetime(2030, 1, 15, 13, 14, 15, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("02:00", "2030-01-15T02:00:00"),
        ("2:00", "2030-01-15T02:00:00"),
        (" 23:59:58 ", "2030-01-15T23:59:58"),
        ("2030-01-31", "2030-01-31T00:00:00"),
        ("2030-01-31T02:00", "2030-01-31T02:00:00"),
        ("2030-01-31 02:00:30", "2030-01-31T02:00:30"),
        ("2030-01-31T02:00:00Z", "2030-01-31T02:00:00"),
        ("2030-01-31T02:00+05:30", "2030-01-30T20:30:00"),
    ],
)
def test_a_moment_is_read_as_people_write_it_in_utc(text: str, instant: str) -> None:
    assert moments.parse(text, today=TODAY) == datetime.fromisoformat(f"{instant}Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "24:00",
        "02:60",
        "2am",
        "tomorrow",
        "20300131",
        "2030-02-30",
        "2030-01-31T25:00",
        "0001-01-01",
        "\u0660\u0662:\u0660\u0660",
    ],
)
def test_what_is_no_moment_is_refused_with_the_ways_to_write_one(text: str) -> None:
    with pytest.raises(BadInputError, match="is not a point in time") as told:
        moments.parse(text, today=TODAY)
    assert "a time like 02:00, a date like 2030-01-31" in told.value.hint


def test_a_time_alone_is_no_end() -> None:
    with pytest.raises(BadInputError, match="'02:00' is not a point in time") as told:
        moments.parse("02:00")
    assert "a time" not in told.value.hint


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("30m", "2030-01-01T12:00:00"),
        (" 1D12h ", "2029-12-31T00:30:00"),
        ("2h ago", "2030-01-01T10:30:00"),
        ("02:00", "2030-01-01T02:00:00"),
        ("2029-12-31", "2029-12-31T00:00:00"),
    ],
)
def test_a_duration_is_as_long_ago(text: str, instant: str) -> None:
    now = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
    assert moments.ago(text, now=now) == datetime.fromisoformat(f"{instant}Z")


@pytest.mark.parametrize("text", ["", "yesterday", "30", "m", "1w", "٣d"])
def test_what_is_neither_is_refused_with_all_ways_to_write_one(text: str) -> None:
    with pytest.raises(BadInputError, match="is not a point in time") as caught:
        moments.ago(text, now=TODAY)
    assert caught.value.hint.startswith("Write how long ago (30m, 2d), a time like 02:00, a date")
