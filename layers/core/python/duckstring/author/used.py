"""Which of the Pond's views one SELECT reads, as its text and the database say.

Other than by names in its code (``naming.py``) this errs on the side of not knowing: what is found
here was read, whatever else was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from duckstring.author.columns import OWN
from duckstring.author.naming import TableRef
from duckstring.author.statements import StatementError, Statements, TableRead
from duckstring.model.names import file_of_key
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LONGEST = 100_000
_OWN_SCHEMA = "main"


class Used(NamedTuple):
    """The views that a statement reads. ``is_all``: it reads no other tables that the Pond has."""

    refs: frozenset[TableRef] = frozenset()
    is_all: bool = False


NOT_KNOWN = Used()


class Uses(NamedTuple):
    """What an attempt has read: the Pond's own tables as ``orders``, those of Sources as
    ``sales.orders``.

    ``tables``: those that it has read for sure. ``news``: those of them of which it has read what
    is new, and nothing else. ``seen``: all that it could read. ``is_all``: it has read no others;
    otherwise it has had ``con``, or SQL that is not clear.
    """

    tables: frozenset[str]
    news: frozenset[str]
    seen: frozenset[str]
    is_all: bool


class _Named(NamedTuple):
    """Something of the database's with a name that a statement uses."""

    schema: str
    name: str
    is_temporary: bool
    sql: str


def views_used(con: DuckDBPyConnection, sql: str, views: Mapping[TableRef, str]) -> Used:
    """Look a SELECT through.

    Args:
        con: the connection that it is run by: names mean what they mean there.
        sql: its text.
        views: the keys of the tables that are shown as views.
    """
    if len(sql) > _LONGEST:
        return NOT_KNOWN
    try:
        found = Statements(con).select(sql)
    except StatementError:
        return NOT_KNOWN
    if found.unknown or found.lists or not _is_at_home(con):
        return NOT_KNOWN
    there = list(_named(con, found.reads))
    reads = [(read, _ref_of(read, there, views)) for read in found.reads]
    # What is no view of the Pond's may be made of its views: a view or table of the author's.
    own = {(one.schema, one.name.lower()) for one in there}
    is_all = all(
        ref is not None or (read.schema or _OWN_SCHEMA, read.table) not in own
        for read, ref in reads
    )
    return Used(frozenset(ref for _, ref in reads if ref is not None), is_all)


def _is_at_home(con: DuckDBPyConnection) -> bool:
    """Whether a name without a schema means the Pond's own table."""
    home = con.execute(f"SELECT {OWN}current_database(), {OWN}current_schema()").fetchone()
    return home == ("memory", _OWN_SCHEMA)


def _named(con: DuckDBPyConnection, reads: tuple[TableRead, ...]) -> Iterator[_Named]:
    names = ", ".join(literal(name) for name in sorted({read.table for read in reads}))
    if not names:
        return
    found = con.execute(
        f"SELECT schema_name, view_name, temporary, sql FROM {OWN}duckdb_views() "  # noqa: S608 - quoted
        f"WHERE NOT internal AND {OWN}lower(view_name) IN ({names}) UNION ALL "
        f"SELECT schema_name, table_name, temporary, '' FROM {OWN}duckdb_tables() "
        f"WHERE NOT internal AND {OWN}lower(table_name) IN ({names})"
    )
    yield from (_Named(*row) for row in found.fetchall())


def _ref_of(read: TableRead, there: list[_Named], views: Mapping[TableRef, str]) -> TableRef | None:
    """The Pond's view that a name means. None: something else."""
    ref = (read.schema or _OWN_SCHEMA, read.table)
    alike = [one for one in there if one.name.lower() == read.table]
    if ref not in views or any(one.is_temporary for one in alike):
        return None
    view = next((one for one in alike if one.schema == ref[0]), None)
    # Where the author has made a view or table of that name, it is another object.
    return ref if view is not None and file_of_key(views[ref]) in view.sql else None
