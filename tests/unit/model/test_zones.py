"""Zones: their names, and what becomes of times that a clock skips or shows twice."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.model.zones import (
    in_zone,
    passes,
    reached,
    shows,
    wall_clock,
    zone_fault,
    zone_names,
    zone_of,
)

BERLIN = zone_of("Europe/Berlin")
assert BERLIN is not None
SPRING, AUTUMN = (datetime(2027, month, day, 1, tzinfo=UTC) for month, day in ((3, 28), (10, 31)))
TICK = timedelta(microseconds=1)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_zones_come_from_the_package_whatever_the_machine_has() -> None:
    paths = zoneinfo.TZPATH
    zone_of.cache_clear()
    zoneinfo.reset_tzpath(["/nowhere"])
    try:
        tokyo = zone_of("Asia/Tokyo")
    finally:
        zoneinfo.reset_tzpath(paths)
    assert tokyo is not None
    assert tokyo.utcoffset(SPRING) == timedelta(hours=9)
    assert zone_of("") is UTC
    assert len(zone_names()) > 500


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Atlantis",
        "../zones",
        "/etc/passwd",
        "Europe",
        "europe/berlin",
        "Factory",
        "\0",
        "a" * 99,
    ],
)
def test_what_is_no_zone_is_none(name: str) -> None:
    assert zone_of(name) is None
    assert zone_fault(name).startswith(f"tz is {name[:64]!r}; allowed: a name of the IANA list")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("new_york", "America/New_York"),
    ],
)
def test_a_mistyped_zone_is_answered_with_the_one_that_was_meant(typed: str, meant: str) -> None:
    assert zone_fault(typed).endswith(f" Did you mean {meant}?")


def test_a_zone_is_no_fault_and_what_is_no_text_is_one() -> None:
    assert zone_fault("Europe/Berlin") == zone_fault("UTC") == ""
    assert zone_fault(7).startswith("tz is '7'; allowed")
    assert "Did you mean" not in zone_fault("Middle/Earth")


def test_a_time_that_clocks_skip_passes_when_they_skip_it() -> None:
    for text in ("2027-03-28T02:00", "2027-03-28T02:30", "2027-03-28T02:59:59", "2027-03-28T03:00"):
        assert passes(wall(text), BERLIN) == SPRING
    assert passes(wall("2027-03-28T01:59"), BERLIN) == SPRING - timedelta(minutes=1)
    assert not shows(wall("2027-03-28T02:30"), BERLIN)
    assert shows(wall("2027-03-28T03:00"), BERLIN)


def test_a_time_that_comes_twice_passes_the_first_time() -> None:
    assert passes(wall("2027-10-31T02:30"), BERLIN) == AUTUMN - timedelta(minutes=30)
    assert passes(wall("2027-10-31T03:00"), BERLIN) == AUTUMN + timedelta(hours=1)
    assert shows(wall("2027-10-31T02:30"), BERLIN)


def test_a_clock_that_was_set_back_has_reached_the_end_of_the_hour_that_it_shows_again() -> None:
    end = wall("2027-10-31T03:00") - TICK
    for at in (AUTUMN - TICK, AUTUMN, AUTUMN + timedelta(minutes=59, microseconds=7)):
        assert reached(at, BERLIN) == end
    assert reached(AUTUMN + timedelta(hours=1), BERLIN) == wall("2027-10-31T03:00")
    assert wall_clock(AUTUMN, BERLIN) == wall("2027-10-31T02:00")


def test_a_day_that_a_zone_left_out_passes_at_its_end() -> None:
    samoa = zone_of("Pacific/Apia")
    assert samoa is not None
    assert passes(wall("2011-12-30T12:00"), samoa) == datetime(2011, 12, 30, 10, tzinfo=UTC)


def test_an_instant_is_shown_with_its_offset() -> None:
    assert in_zone(SPRING, BERLIN) == "2027-03-28T03:00:00+02:00"
