"""Iceberg tables of what is published, in the account's Glue catalog. Rules: docs/lake.md.

A database of Glue is one Pond. What is known of it is an item (``Database``), and an object beside
its tables (``Listing``) that names all that the tables name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

from duckstring.model.instants import NEVER, Instant
from duckstring.model.lake import HISTORY, lake_schemas
from duckstring.model.names import Line
from duckstring.model.values import Value

FOLDER = "iceberg/"
LISTINGS = f"{FOLDER}listings/"
MOST_COPIED = 256 * 1024 * 1024
"""Bytes of the largest table that is copied, as its files are now."""

CATCHMENT, LINE, DIGEST, RUN, FRESHNESS = (
    f"duckstring.{name}" for name in ("catchment", "line", "digest", "run", "f")
)
"""Properties of tables and versions. Without that of its Catchment, nothing in Glue is touched."""

WHOLE = "*"
"""The table's name where a whole database is left out."""

_NOT_IN_NAMES = re.compile(r"[^a-z0-9_]")


def taken(what: str, owner: str) -> str:
    """Why something is left out whose name somebody else's has in Glue. ``owner``: the Catchment
    that it says it is of; empty: of none.
    """
    other = "give this Pond or its table another name"
    if owner:
        return f"Glue has {what} of Catchment {owner}: do not delete it, {other}"
    return f"Glue has {what} that is not Duckstring's: delete it if nobody needs it, or {other}"


def is_taken(why: str) -> bool:
    """Whether that is why it is left out: somebody can do something about it."""
    return why.startswith("Glue has ")


class Version(Value, frozen=True):
    """A version of a table (Iceberg: a snapshot), since ``at``: ``files`` of Iceberg, by their
    keys, and the ``objects`` with the rows.
    """

    id: int
    at: Instant
    files: Sequence[str]
    objects: Sequence[str]


class Listed(Value, frozen=True):
    """A table: the address of its metadata, and the versions that it has, the oldest first.
    ``files``: those that no version of it names.
    """

    metadata: str
    versions: Sequence[Version] = ()
    files: Sequence[str] = ()

    @property
    def keys(self) -> Iterator[str]:
        """The keys of all that it names."""
        yield from self.files
        for one in self.versions:
            yield from one.files
            yield from one.objects

    def expires(self, kept: timedelta = HISTORY) -> Instant:
        """When the oldest version may be forgotten: it can be read for a while after a newer one
        has taken its place. NEVER: there is one at most.
        """
        return self.versions[1].at + kept if len(self.versions) > 1 else NEVER

    def old(self, before: Instant) -> Sequence[Version]:
        """The versions in whose place there was a newer one already at an instant."""
        pairs = zip(self.versions, self.versions[1:], strict=False)
        return [one for one, later in pairs if later.at <= before]


class Listing(Value, frozen=True):
    """What the tables of a database name. ``pending``: what an export is about to name."""

    tables: Mapping[str, Listed] = {}
    pending: Collection[str] = ()

    @property
    def keys(self) -> set[str]:
        """The keys of all objects that have to stay."""
        return {*self.pending, *(key for one in self.tables.values() for key in one.keys)}


class Database(Value, frozen=True):
    """A database of Glue, and what it shows: ``shown`` of a line (``model.lake.shown``); empty: an
    export has not come to its end. ``stamp``: no other export made this.

    ``left_out``: tables that are not there, and why. ``expires``: when a version can be forgotten.
    """

    name: str
    line: Line
    stamp: str
    shown: str
    at: Instant
    tables: int = 0
    left_out: Mapping[str, str] = {}
    listing: str = ""
    expires: Instant = NEVER


def prefix_of(catchment: str) -> str:
    """What the names of a Catchment's databases begin with, and those of no other Catchment.

    Athena takes no hyphens in names. Two underscores end the Catchment's name, which has no two
    hyphens in a row and none at its end (``names_databases``).
    """
    return f"duckstring_{_NOT_IN_NAMES.sub('_', catchment)}__"


def names_databases(catchment: str) -> bool:
    """Whether a Catchment's name can stand in names of databases."""
    return "--" not in catchment and not catchment.endswith("-")


def databases(catchment: str, lines: Collection[Line]) -> Mapping[Line, str]:
    """What the database of each line is called: after its schema in the lake."""
    return {of: f"{prefix_of(catchment)}{name}" for of, name in lake_schemas(lines).items()}


def listing_key(database: str, stamp: str) -> str:
    """The key of a database's listing. No other export writes it."""
    return f"{LISTINGS}{database}-{stamp}.json"


def not_shown(
    names: Mapping[Line, str], told: Mapping[Line, str], held: Collection[Database]
) -> set[Line]:
    """The lines that Glue does not show as they are published, as far as it is known.

    Args:
        names: what the database of each line is called.
        told: what each line publishes (``model.lake.shown``).
        held: what is known of the databases.
    """
    wanted = {name: (of, told[of]) for of, name in names.items()}
    there = {one.name: one for one in held}
    known = {name: (one.line, one.shown) for name, one in there.items()}
    others = {name for name in {*wanted, *known} if wanted.get(name) != known.get(name)}
    return {wanted[name][0] for name in others if name in wanted} | {
        there[name].line for name in others if name in there
    }
