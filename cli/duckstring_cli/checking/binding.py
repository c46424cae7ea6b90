"""Binds statements to the columns that tables are known to have, by DuckDB itself. No row is read:
the tables are empty, and files and networks are out of reach.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from duckstring.author.columns import ColumnTypes, column_types, duckdb_message
from duckstring.author.statements import Place, Select, StatementError, Statements, place_of
from duckstring.model.names import POND_NAME
from duckstring.model.sql import quoted
from duckstring_cli.checking.reading import Reading, Sql

Tables = Mapping[str, ColumnTypes | None]
"""Tables by name; None: its columns are not known."""

_KINDS = ("a", 1, 1.5, datetime(2030, 1, 1, tzinfo=UTC))
"""Values that a parameter may have: what a statement gives must not depend on them to be known."""

_OWN = "main"
_EXPLAIN = "EXPLAIN\n"
_POSITION = re.compile(r'"position":"(\d+)"')


@dataclass(frozen=True, slots=True)
class Unbound:
    """A statement that DuckDB refuses, why and where."""

    sql: Sql
    message: str
    at: Place | None
    is_certain: bool


@dataclass(slots=True)
class Bound:
    """What the statements of a project are known to make. ``tables``: what it writes."""

    tables: dict[str, ColumnTypes | None] = field(default_factory=dict)
    refused: list[Unbound] = field(default_factory=list)


def bind(reading: Reading, sources: Mapping[str, Tables]) -> Bound:
    """Bind what can be bound, each statement after those that write what it reads.

    Args:
        reading: the project.
        sources: the known tables of its Sources.
    """
    return _Binding(sources).project(reading)


class _Binding:
    def __init__(self, sources: Mapping[str, Tables]) -> None:
        from duckdb import connect

        self._con = connect(config={"threads": 1, "enable_external_access": "false"})
        self._con.execute("SET errors_as_json = true")
        self._known: set[tuple[str, str]] = set()
        self._statements = Statements()
        for source, tables in sources.items():
            for table, columns in tables.items():
                self._create(source, table, columns)

    def project(self, reading: Reading) -> Bound:
        bound = Bound(dict.fromkeys(sorted(reading.tables_written())))
        left = [(sql, parsed) for sql in reading.sql if (parsed := self._parsed(sql)) is not None]
        while ready := [(sql, parsed) for sql, parsed in left if self._is_known(parsed)]:
            left = [one for one in left if one not in ready]
            for sql, _ in ready:
                self._bind(sql, bound)
        return bound

    def _parsed(self, sql: Sql) -> Select | None:
        try:
            return self._statements.select(sql.text)
        except StatementError:
            return None

    def _is_known(self, parsed: Select) -> bool:
        return not parsed.unknown and all(
            (read.schema or _OWN, read.table) in self._known for read in parsed.reads
        )

    def _bind(self, sql: Sql, bound: Bound) -> None:
        import duckdb

        try:
            columns = self._columns(sql.text)
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            bound.refused.append(self._refused(sql, self._with_place(sql, error)))
        except duckdb.Error:
            return  # it wants a file
        else:
            if sql.writes and bound.tables.get(sql.writes) is None:
                bound.tables[sql.writes] = columns
                self._create(_OWN, sql.writes, columns)

    def _columns(self, text: str) -> ColumnTypes | None:
        """The columns that a statement gives; None if their types depend on its parameters.

        Raises:
            duckdb.Error: DuckDB refuses it.
        """
        from duckdb import Error

        names = _parameters(text)
        if not names:
            return column_types(self._con.sql(text))
        columns = column_types(self._con.sql(text, params=_values(names, None)))
        for value in _KINDS:
            try:
                other = column_types(self._con.sql(text, params=_values(names, value)))
            except Error:
                continue  # its parameters are of another kind
            if other != columns:
                return None
        return columns

    def _with_place(self, sql: Sql, error: Exception) -> Exception:
        """The same error as DuckDB says it of a query, which has its place."""
        from duckdb import Error

        try:
            names = _parameters(sql.text)
            self._con.execute(f"{_EXPLAIN}{sql.text}", _values(names, None) if names else None)
        except Error as placed:
            return placed
        return error

    def _refused(self, sql: Sql, error: Exception) -> Unbound:
        found = _POSITION.search(str(error))
        at = place_of(sql.text, int(found[1]) - len(_EXPLAIN)) if found else None
        message = " ".join(duckdb_message(error).split())
        # A function may be one that the Pond's own Python has made, or an extension's.
        return Unbound(sql, message, at, "Function with name" not in message)

    def _create(self, schema: str, table: str, columns: ColumnTypes | None) -> None:
        from duckdb import Error

        if not columns or not POND_NAME.fullmatch(schema) or (schema, table) in self._known:
            return
        listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
        try:
            self._con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
            self._con.execute(f"CREATE TABLE {quoted(schema)}.{quoted(table)} ({listed})")
        except Error:
            return  # a type of an extension
        self._known.add((schema, table))


def _parameters(text: str) -> Collection[str]:
    """The names of a statement's parameters: ``?`` are ``1``, ``2``."""
    from duckdb import Error, extract_statements

    try:
        return {name for one in extract_statements(text) for name in one.named_parameters}
    except Error:
        return ()


def _values(names: Collection[str], value: object) -> object:
    """The same value for each parameter."""
    if all(name.isdigit() for name in names):
        return [value] * len(names)
    return dict.fromkeys(names, value)
