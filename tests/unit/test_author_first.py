"""What authors do with ``previous_f`` works on a first run."""

import copy
import pickle
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from dateutil.relativedelta import relativedelta

from duckstring.author.first import for_author
from duckstring.model.instants import NEVER
from tests.unit import worker_kit as kit

FIRST = for_author(NEVER)
SOME = [datetime(1, 1, 2, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), kit.NOON]


def ago(instant, **what):
    return instant - timedelta(**what)


LOOKS = {
    "a little back": lambda f: ago(f, minutes=10),
    "far back": lambda f: ago(f, days=4000),
    "back by adding": lambda f: f + timedelta(days=-1),
    "back from the left": lambda f: timedelta(days=-1) + f,
    "back twice": lambda f: ago(ago(f, hours=1), hours=1),
    "in New York": lambda f: f.astimezone(ZoneInfo("America/New_York")),
    "in Kolkata": lambda f: f.astimezone(ZoneInfo("Asia/Kolkata")),
    "here": lambda f: f.astimezone(),
    "back in New York": lambda f: ago(f.astimezone(ZoneInfo("America/New_York")), days=1),
    "back and to New York": lambda f: ago(f, days=1).astimezone(ZoneInfo("America/New_York")),
    "there and back": lambda f: ago(f.astimezone(ZoneInfo("America/New_York")), days=1).astimezone(
        UTC
    ),
    "a month of another library": lambda f: f - relativedelta(months=1),
    "midnight": lambda f: ago(f.replace(hour=0, minute=0), days=1),
    "copied": lambda f: ago(copy.deepcopy(f), days=1),
    "pickled": lambda f: ago(pickle.loads(pickle.dumps(f)), days=1),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_back_from_the_first_instant_is_an_instant_before_all_others(look):
    found = LOOKS[look](FIRST)
    assert all(found < other for other in SOME)
    assert all(other > found for other in SOME)
    assert (kit.NOON - found).days > 700_000
    assert found.timestamp() < -62_000_000_000
    assert datetime.fromisoformat(found.isoformat()) == found
    assert found.strftime("%Y-%m-%d") == "0001-01-01"
    LOOKS[look](kit.NOON)  # is what anybody may do with an instant


def test_it_is_the_year_one_in_every_other_way():
    assert FIRST == NEVER
    assert hash(FIRST) == hash(NEVER)
    assert (FIRST.isoformat(), str(FIRST), f"{FIRST:%F %H:%M %% %Y}") == (
        "0001-01-01T00:00:00+00:00",
        "0001-01-01 00:00:00+00:00",
        "0001-01-01 00:00 % 0001",
    )
    assert FIRST + timedelta(days=1) == datetime(1, 1, 2, tzinfo=UTC)
    assert kit.NOON - FIRST == kit.NOON - NEVER
    assert for_author(kit.NOON) is kit.NOON


def test_its_day_can_be_looked_back_from_too():
    day = FIRST.date()
    assert day == date(1, 1, 1)
    assert day - timedelta(days=1) == day + timedelta(days=-7) == day
    assert (day.isoformat(), day.strftime("%Y%m%d"), f"{day:%Y}") == (
        "0001-01-01",
        "00010101",
        "0001",
    )
    assert date(2030, 1, 1) - day == timedelta(days=741_077)


def test_without_its_zone_it_goes_on_working():
    naive = FIRST.replace(tzinfo=None)
    assert (naive - timedelta(days=1)).isoformat() == "0001-01-01T00:00:00"
    assert naive < kit.NOON.replace(tzinfo=None)


@pytest.mark.parametrize("look", LOOKS)
def test_duckdb_takes_it_as_a_parameter(look):
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    rows = "(VALUES (TIMESTAMPTZ '1900-01-01'), (TIMESTAMPTZ '2030-01-01'))"
    assert con.execute(
        f"SELECT count(*) FROM {rows} v(moment) WHERE moment > ?", [LOOKS[look](FIRST)]
    ).fetchone() == (2,)
    assert con.execute(
        f"SELECT count(*) FROM {rows} v(moment) WHERE moment > '{LOOKS[look](FIRST).isoformat()}'"
    ).fetchone() == (2,)


def test_a_ripple_looks_back_on_its_first_run_and_on_later_ones(tmp_path):
    world = kit.World(tmp_path)
    world.deploy("""
from datetime import timedelta
from zoneinfo import ZoneInfo
from duckstring import ripple

@ripple
def load(pond):
    since = pond.previous_f - timedelta(minutes=10)
    there = pond.previous_f.astimezone(ZoneInfo("America/New_York"))
    pond.write_table(
        "t",
        f"SELECT TIMESTAMPTZ '{since.isoformat()}'::VARCHAR AS since, "
        f"'{there.isoformat()}' AS there",
    )
""")
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    assert world.rows_of("t") == [("0001-01-01 00:00:00+00", "0001-01-01T00:00:00-04:56:02")]
    world.accept()
    world.publish()
    world.open_run(2)
    assert world.run(number=2) == {"outcome": "ok"}
    assert world.rows_of("t") == [("2030-01-01 11:51:00+00", "2030-01-01T07:01:00-05:00")]
