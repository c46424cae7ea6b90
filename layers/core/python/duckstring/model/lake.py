"""The lake: one DuckLake catalog of a whole Catchment. Rules: docs/lake.md.

Each catalog is an object that never changes. ``STABLE`` is a copy of the newest one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from hashlib import sha256

from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.names import Line, line, parse_line
from duckstring.model.pond_schemas import all_schemas
from duckstring.model.values import Value

FOLDER = "lake/"
STABLE = f"{FOLDER}catchment.ducklake"
"""The address that does not change: it always has the newest catalog."""

HISTORY = timedelta(days=1)
"""How long a version can be read after a newer one has taken its place. The sweep deletes nothing
that such a version names.
"""

OWN_SCHEMA, OWN_TABLE = "duckstring", "ponds"
"""Which snapshot of which Pond each version has."""

ALL_LINES = "all"
"""In the place of lines, in a message that asks for an export."""
LOOK = '{"lines": "all", "look": true}'
"""A message that asks for an export of all lines, and for a look whether what was exported before
is still there as it was.
"""

_TAKEN = frozenset({"main", OWN_SCHEMA, "information_schema", "pg_catalog"})
"""Names of Ponds that are schemas of the catalog's own."""
_FORM = re.compile(rf"{FOLDER}([0-9]{{10,15}})-[0-9a-f]{{8,32}}\.(?:ducklake|json)", re.ASCII)
_SUFFIX = ".ducklake"


class Listing(Value, frozen=True):
    """What a catalog shows of each line (``shown``), and the keys of all objects that it names."""

    lines: Mapping[Line, str]
    objects: Collection[str]


def shown(run: str, f: Instant) -> str:
    """What tells a line's snapshot from its others: the run that has published it, and its
    freshness.
    """
    return f"{run} {to_text(f)}"


def digest_of(lines: Mapping[Line, str]) -> str:
    """The same for the same snapshots of the same lines (``shown``)."""
    told = [f"{of} {snapshot}" for of, snapshot in sorted(lines.items())]
    return sha256("\n".join(told).encode()).hexdigest()


class Exported(Value, frozen=True):
    """The newest catalog: its number, its key in the Catchment's bucket, and when the lines that it
    shows were read. ``lines``, ``tables``: how many it has. ``expires``: when its oldest
    version can be forgotten; NEVER: it has only one. ``digest``: of its lines.
    """

    number: int
    key: str
    at: Instant
    bytes: int = 0
    lines: int = 0
    tables: int = 0
    digest: str = ""
    expires: Instant = NEVER


def lake_key(number: int, token: str) -> str:
    """The key of a catalog. No other export makes one of this name."""
    return f"{FOLDER}{number:010d}-{token}{_SUFFIX}"


def listing_key(key: str) -> str:
    """Where a catalog's listing lies: what it shows of each line, and all objects that it names."""
    return f"{key.removesuffix(_SUFFIX)}.json"


def number_of(key: str) -> int | None:
    """The number of the catalog, or of the one whose listing it is. None: it is neither."""
    found = _FORM.fullmatch(key)
    return int(found[1]) if found else None


def lake_schemas(lines: Collection[Line]) -> Mapping[Line, str]:
    """The schema of each line: as in ``duckstring sql``, unless the catalog has one of that name
    itself.
    """
    found = dict(all_schemas(lines))
    for one, schema in found.items():
        if schema in _TAKEN:
            pond, major = parse_line(one)
            longer = f"{pond}_v{major}"
            found[one] = line(pond, major) if longer in found.values() else longer
    return found
