"""A Window's rule in its wire form: read, or refused with all its faults at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.model.instants import ZERO
from duckstring.model.window_rules import WindowError, check_opens, read
from duckstring.model.windows import Window
from tests.unit.api.world import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = {
    "name": "nightly",
    "start": "2030-01-01T02:00:00Z",
    "every": 86_400,
    "duration": 10_800,
    "on": None,
    "until": None,
}


def refused(**changed):
    with pytest.raises(WindowError) as caught:
        read({**NIGHTLY, **changed})
    assert caught.value.hint == "See: duckstring trigger window POND add --help"
    return caught.value


def test_a_rule_is_read_with_its_days_and_its_end():
    until = "2031-01-01T00:00:00+01:00"
    assert read({**NIGHTLY, "on": ["SUN", "MON"], "until": until}) == Window(
        "nightly",
        NOON.replace(hour=2),
        DAY,
        3 * HOUR,
        frozenset({"MON", "SUN"}),
        NOON.replace(year=2030, month=12, day=31, hour=23),
    )


def test_every_weekday_is_no_restriction():
    week = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
    assert read({**NIGHTLY, "on": week}) == read(NIGHTLY)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"name": "Nightly"},
            (
                "name is 'Nightly'; allowed: a lowercase letter, then up to 31 lowercase letters, "
                "digits and underscores."
            ),
        ),
        ({"name": "n" * 33}, "allowed: a lowercase letter"),
        ({"name": "a\n"}, "allowed: a lowercase letter"),
        ({"name": None}, "name is None"),
        (
            {"start": "02:00"},
            "start is '02:00'; allowed: an instant like 2030-01-01T02:00:00Z, from 1970 to 2199.",
        ),
        ({"start": "2030-01-01"}, "start is '2030-01-01'"),
        ({"start": "0001-01-01T00:00:00Z"}, "start is '0001"),
        ({"until": 7}, "until is 7; allowed: an instant"),
        ({"until": "9999-12-31T23:59:59-01:00"}, "until is '9999"),
        ({"every": 0.5}, "every is 0.5 seconds; allowed: at least 1s, at most 3650d."),
        ({"every": float("nan")}, "every is nan"),
        ({"every": None}, "every is None"),
        ({"every": True}, "every is True"),
        ({"duration": 0}, "duration is 0 seconds; allowed: at least 1s"),
        (
            {"every": 3600},
            (
                "duration is 3h, longer than every (1h): openings of one rule would overlap; "
                "allowed: at most 1h."
            ),
        ),
        (
            {"on": ["MON", "WEDS"]},
            (
                "'WEDS' in on is not a weekday; allowed: MON, TUE, WED, THU, FRI, SAT, SUN. Did "
                "you "
                "mean WED?"
            ),
        ),
        ({"on": "MON"}, "on is 'MON'; allowed: a list of MON"),
        (
            {"until": "2030-01-01T02:00:00Z"},
            (
                "until is 2030-01-01 02:00 UTC, not after start (2030-01-01 02:00 UTC): it would "
                "never open."
            ),
        ),
        (
            {"length": 3},
            (
                "A Window has no 'length'; allowed: name, start, every, duration, on, until, tz, "
                "cron."
            ),
        ),
    ],
)
def test_a_rule_that_cannot_be_is_one_line(changed, message):
    error = refused(**changed)
    assert message in error.message
    assert "\n" not in error.message


def test_a_rule_without_a_duration_is_open_until_the_next_opening():
    assert read({**NIGHTLY, "duration": None}).duration == DAY


def test_all_faults_are_told_at_once():
    error = refused(name="N", start="x", every=0, duration=0, on=["X"])
    assert [line.split()[0] for line in error.message.splitlines()] == [
        "name",
        "start",
        "every",
        "duration",
        "'X'",
    ]
    with pytest.raises(WindowError, match="window is NoneType; allowed: an object of name, start"):
        read(None)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"until": "2030-01-01T02:30:00Z"}, r"its until \(2030-01-01 02:30 UTC\) is past"),
        ({"every": 7 * 86_400, "on": ["WED"]}, "none of its times from now on is a WED"),
        (
            {"on": ["SUN"], "until": "2030-01-05T00:00:00Z"},
            "none of its times from now on is a SUN before 2030-01-05 00:00 UTC",
        ),
    ],
)
def test_a_rule_that_never_opens_is_refused_with_the_reason(changed, why):
    with pytest.raises(
        WindowError, match=rf"Window nightly would never open: {why}\. It says every"
    ):
        check_opens(read({**NIGHTLY, **changed}), NOON)


def test_the_last_occurrence_may_be_the_one_that_is_open():
    check_opens(read({**NIGHTLY, "until": "2030-01-01T02:30:00Z"}), NOON - 8 * HOUR)


def calendar(**changed):
    """A rule of a zone: without ``every`` where it has ``cron``."""
    given = {**NIGHTLY, "tz": "Europe/Berlin", **changed}
    return given | ({"every": None} if "cron" in changed and "every" not in changed else {})


def test_a_calendar_rule_is_read_with_its_times_by_the_clock_of_its_zone():
    rule = read(calendar(start="2030-01-01T02:00", until="2031-07-01T00:00:30", duration=None))
    assert (rule.start, rule.until) == (
        NOON.replace(hour=1),
        NOON.replace(year=2031, month=6, day=30, hour=22, second=30),
    )
    assert (rule.tz, rule.cron, rule.every, rule.duration) == ("Europe/Berlin", "", DAY, ZERO)
    instant = read(calendar(start="2030-01-01T02:00:00Z"))
    assert instant.start == NOON.replace(hour=2)


def test_a_cron_rule_is_read_in_one_spelling_and_without_a_length_up_to_the_next():
    rule = read(calendar(cron="0 6 * jan-mar mon", duration=None))
    assert (rule.cron, rule.every, rule.duration) == ("0 6 * JAN-MAR MON", ZERO, ZERO)
    assert read(calendar(cron="0 6 1 * *", tz=None)).tz == ""


def test_utc_as_the_zone_is_the_plain_rule():
    assert read({**NIGHTLY, "tz": "UTC"}) == read(NIGHTLY)
    assert read({**NIGHTLY, "tz": "UTC", "every": 21_600}).every == 6 * HOUR


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tz": "Berlin"}, "Did you mean Europe/Berlin?"),
        ({"tz": 7}, "tz is '7'; allowed: a name of the IANA list like Europe/Berlin, or UTC."),
        (
            {"every": 90_000},
            (
                "every is 1d1h in tz Europe/Berlin; allowed: whole days. Leave tz out for shorter "
                "periods, or write cron."
            ),
        ),
        (
            {"start": "2027-03-28T02:30"},
            "start is 2027-03-28T02:30 in Europe/Berlin, where clocks skip that time",
        ),
        ({"start": "2030-01-01"}, "or a time of Europe/Berlin like 2030-01-01T02:00."),
        ({"start": "2030-02-30T02:00"}, "start is '2030-02-30T02:00'; allowed: an instant"),
        ({"start": "1969-12-31T02:00"}, "start is '1969-12-31T02:00'; allowed"),
        ({"cron": "0 6 30 2 *"}, "no month 2 has a day 30, so it would never open"),
        ({"cron": "0 6 1 *"}, "cron is '0 6 1 *'; allowed: five fields"),
        ({"cron": 7}, "cron is 7; allowed: five fields"),
        ({"cron": "0 6 1 * *", "every": 60}, "every and cron are both given; allowed: one of"),
        (
            {"cron": "0 6 * * *", "on": ["MON"]},
            "on is given with cron; allowed: cron alone, whose fifth field has the weekdays.",
        ),
        (
            {"cron": "0 6,18 * * *", "duration": 50_000},
            (
                "duration is 13h53m20s, longer than from one opening of 0 6,18 * * * to the next "
                "(12h): they would overlap; allowed: at most 12h."
            ),
        ),
        ({"cron": "0 6 * * *", "duration": 0}, "duration is 0 seconds; allowed: at least 1s"),
        (
            {"start": "2030-01-01T02:00", "until": "2030-01-01T01:00"},
            "until is 2030-01-01 00:00 UTC, not after start (2030-01-01 01:00 UTC)",
        ),
    ],
)
def test_a_calendar_rule_that_cannot_be_is_one_line(changed, message):
    with pytest.raises(WindowError) as caught:
        read(calendar(**changed))
    assert message in caught.value.message
    assert "\n" not in caught.value.message


def test_a_skipped_time_is_no_fault_where_it_bounds_a_rule_alone():
    """The midnight that a zone skips is today's at some time."""
    assert read(calendar(cron="0 6 * * *", start="2027-03-28T02:30")).start.hour == 1
    assert read(calendar(start="2027-03-27T01:00", until="2027-03-28T02:30")).until.hour == 1


@pytest.mark.parametrize("tz", ["", "Europe/Berlin"])
def test_a_calendar_rule_that_never_opens_is_refused_with_the_reason(tz):
    rule = read(calendar(cron="0 6 * 2 MON#5", tz=tz))
    with pytest.raises(WindowError, match=r"none of its times from now on comes within ten years"):
        check_opens(rule, NOON)
    check_opens(read(calendar(cron="0 6 29 2 *", tz=tz)), NOON)
    ended = read(calendar(cron="0 6 29 2 *", tz=tz, until="2031-01-01T00:00:00Z"))
    with pytest.raises(WindowError, match="comes before 2031-01-01 00:00 UTC"):
        check_opens(ended, NOON)
