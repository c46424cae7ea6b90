"""What an author may ask of tables without reading them, and what they may be called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from duckstring.author.errors import WriteError
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import POND_NAME, Line, run_key, writer_of

NAME_RULE = "a lower-case letter, then lower-case letters, digits and _, at most 48"


@dataclass(frozen=True, slots=True)
class SourceTables:
    """A Source's snapshot as pinned by the run; ``tables`` is None while it has published nothing.

    ``f`` is the freshness of the run that published it, ``fresh`` that as of which it holds: newer,
    where the Source has passed since. ``dropped`` are tables that it had once. ``warnings``: of the
    checks of this snapshot.
    """

    tables: Mapping[str, TableVersion] | None
    changed: bool = True
    line: Line | None = None
    dropped: Mapping[str, DroppedTable] = field(default_factory=dict)
    snapshot: int = 0
    f: Instant = NEVER
    fresh: Instant = NEVER
    warnings: tuple[CheckWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceTable:
    """One table of a Source's snapshot: when it was last written.

    Attributes:
        name: ``source.table``.
        rows: how many it has.
        f: the freshness of the run that last wrote it, UTC; the year 1 where that is not known (it
            was written before Catchments kept it).
        as_of: the freshness as of which it holds, UTC: later than ``f`` where its Ripple has said
            since, by ``skip``, or its Pond, by a pass, that nothing had changed. Older than its
            Pond's freshness: it was carried over.
        run: the run that last wrote it, ``sales@1/12``.
        version: the version of the Pond that wrote it; empty where that is not known.
    """

    name: str
    rows: int
    f: Instant
    as_of: Instant
    run: str
    version: str


def source_table(name: str, version: TableVersion, source: SourceTables) -> SourceTable:
    """What there is to say of one table of a snapshot."""
    run, _ = writer_of(version.key)
    f = source.f if version.f == NEVER and run == source.snapshot else version.f
    as_of = max(f, version.confirmed)
    fresh = source.fresh if as_of >= source.f else as_of
    return SourceTable(
        name, version.rows, f, fresh, run_key(source.line or Line(""), run), version.version
    )


def check_table(name: str) -> None:
    """Refuse what cannot be a table of this Pond.

    Raises:
        WriteError: it is a Source's table, or not a valid name.
    """
    if "." in name:
        raise WriteError(
            f"{name!r} is a Source's table; a Pond has a say in its own tables only.",
            hint="Say it in the Source.",
        )
    check_name(name)


def check_name(name: str) -> None:
    """Refuse what is not a valid name of a table.

    Raises:
        WriteError: it is none.
    """
    if not POND_NAME.fullmatch(name):
        raise WriteError(f"A table cannot be called {name!r}.", hint=f"Allowed: {NAME_RULE}.")


def since(gone: DroppedTable | None, line: Line) -> str:
    """``dropped in version 1.1.0 (sales@1/12)``; nothing if it never was there."""
    if gone is None:
        return ""
    at = run_key(line, gone.snapshot)
    return (
        f"removed by an operator ({at}, version {gone.version})"
        if gone.removed
        else f"dropped in version {gone.version} (run {at})"
    )


def missing(error: BaseException) -> str:
    """The table that DuckDB did not find, by its own words; nothing if it is another error."""
    if type(error).__name__ != "CatalogException":
        return ""
    found = re.search(
        r"Table with name \"?(?:[^ .]+\.)*([a-z][a-z0-9_]*)\"? does not exist",
        str(error),
        re.IGNORECASE,
    )
    return found[1].lower() if found else ""
