"""Finds the tables that an author names: the Pond's own, and those of its Sources' snapshots."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from duckstring.author.errors import NotPublishedError, SourceNotFoundError, TableNotFoundError
from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import since
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line


def own_version(
    around: Surroundings, own: Mapping[str, TableVersion], dropped: Collection[str], table: str
) -> TableVersion:
    """One of the Pond's own tables.

    Raises:
        TableNotFoundError: there is none, or this Ripple has dropped it.
    """
    if table not in own:
        raise no_own(around, own, dropped, table)
    return own[table]


def no_own(
    around: Surroundings, own: Collection[str], dropped: Collection[str], table: str
) -> TableNotFoundError:
    """What to say of a table that the Pond does not have."""
    gone = (
        "dropped by this Ripple"
        if table in dropped
        else since(around.dropped.get(table), around.line)
    )
    return TableNotFoundError(table, owner="this Pond", known=list(own), dropped=gone)


def source_version(around: Surroundings, source: str, table: str) -> TableVersion:
    """A table of a Source's snapshot.

    Raises:
        SourceNotFoundError: pond.toml does not name the Source.
        NotPublishedError: it has no output yet.
        TableNotFoundError: it does not have the table.
    """
    sources = around.sources
    if source not in sources:
        raise SourceNotFoundError(source, known=list(sources))
    if (tables := sources[source].tables) is None:
        raise NotPublishedError(source)
    if table not in tables:
        raise no_source_table(around, source, table)
    return tables[table]


def no_source_table(around: Surroundings, source: str, table: str) -> TableNotFoundError:
    """What to say of a table that a Source does not have."""
    held = around.sources[source]
    gone, known = since(held.dropped.get(table), held.line or Line(source)), list(held.tables or ())
    hint = (
        f"Read what replaces it, or deploy a {source} that writes it again."
        if gone
        else f"See them: duckstring query {source}"
    )
    return TableNotFoundError(
        table, owner=f"Source {source!r}", known=known, dropped=gone, hint=hint
    )
