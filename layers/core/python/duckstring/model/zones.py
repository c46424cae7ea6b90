"""Time zones, from the package ``tzdata`` alone.

A machine's own files are not read: the functions, the command and the tests have one release of the
zones, which the lock pins.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from duckstring.errors import nearest
from duckstring.model.instants import Instant

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_SECOND = timedelta(seconds=1)
_HINT = "a name of the IANA list like Europe/Berlin, or UTC"


@cache
def zone_names() -> frozenset[str]:
    """The names of all zones: about 600. ``Factory`` is none: a machine has it before somebody sets
    its zone.
    """
    return frozenset((_files() / "zones").read_text("utf-8").split()) - {"Factory"}


def _files() -> Traversable:
    # Few lines have a zone, and no function pays for reading files before it meets one.
    from importlib import resources  # noqa: PLC0415

    return resources.files("tzdata")


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo | None:
    """The zone of that name; UTC for the empty one. None: there is no such zone."""
    if not name:
        return UTC
    # Checked before it is a path.
    if name not in zone_names():
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - as in _files

    with (_files() / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def zone_fault(name: object) -> str:
    """A sentence where ``name`` is not a zone's; empty: it is."""
    if isinstance(name, str) and name in zone_names():
        return ""
    known = {one.lower(): one for one in zone_names()}
    # The last part alone, too: people know the city.
    known |= {one.rpartition("/")[2].lower(): one for one in sorted(zone_names())}
    found = nearest(str(name)[:64].lower(), known, "{}", cutoff=0.75)
    meant = f" Did you mean {known[found]}?" if found else ""
    return f"tz is {str(name)[:64]!r}; allowed: {_HINT}.{meant}"


def wall_clock(at: Instant, zone: tzinfo) -> datetime:
    """What the zone's clock shows, without a zone."""
    return at.astimezone(zone).replace(tzinfo=None)


def shows(wall: datetime, zone: tzinfo) -> bool:
    """Whether the zone's clock ever shows ``wall``. It skips an hour in spring."""
    return wall_clock(wall.replace(tzinfo=zone).astimezone(UTC), zone) == wall


def change_after(at: Instant, until: Instant, zone: tzinfo) -> Instant:
    """The first instant whose offset is not that of ``at``. The one of ``until`` is another, and
    there is one change in between.
    """
    before, low, high = at.astimezone(zone).utcoffset(), 0, -((at - until) // _SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        same = (at + middle * _SECOND).astimezone(zone).utcoffset() == before
        low, high = (middle, high) if same else (low, middle)
    return (at + high * _SECOND).replace(microsecond=0)


def reached(at: Instant, zone: tzinfo) -> datetime:
    """The latest wall-clock time that the zone's clock has shown up to ``at``. While a clock that
    was set back goes through an hour again, that is the end of that hour.
    """
    local = at.astimezone(zone)
    if not local.fold:
        return local.replace(tzinfo=None)
    first_pass = local.replace(fold=0).astimezone(UTC)
    back = change_after(first_pass, at, zone)
    return wall_clock(back - timedelta(microseconds=1), zone)


def passes(wall: datetime, zone: tzinfo) -> Instant:
    """The first instant at which the zone's clock shows ``wall`` or later: for a time that it
    skips, when it skips it; for one that it shows twice, the first time.
    """
    shown = wall.replace(tzinfo=zone).astimezone(UTC)
    if wall_clock(shown, zone) == wall:
        return shown
    # With the offset of after the gap the time lies before it.
    return change_after(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), shown, zone)


def in_zone(at: Instant, zone: tzinfo) -> str:
    """``2030-01-01T02:00:00+01:00``."""
    return at.astimezone(zone).isoformat(timespec="seconds")
