"""Which columns a statement reads of which tables, by sqlglot's parser.

Only what is certain is returned: a column with its table's name or alias, or one in a SELECT from a
single table. ``SELECT *`` reads no column by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duckstring.author.statements import Place

if TYPE_CHECKING:
    from sqlglot.optimizer.scope import Scope


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """A column of a Source's table. All names are in lower case."""

    source: str
    table: str
    column: str
    at: Place

    @property
    def ref(self) -> str:
        """``source.table``."""
        return f"{self.source}.{self.table}"


@dataclass(frozen=True, slots=True)
class TableNamed:
    """A Source's table that a statement names, whatever it does with it."""

    source: str
    table: str
    at: Place


class UnreadableError(Exception):
    """A statement that sqlglot does not parse."""


def columns_read(sql: str) -> list[ColumnRead]:
    """The columns of Sources' tables that a statement certainly reads.

    Raises:
        UnreadableError: it cannot be parsed.
    """
    from sqlglot.optimizer.scope import traverse_scope

    found: dict[tuple[str, str, str], ColumnRead] = {}
    for tree in _parsed(sql):
        try:
            scopes = traverse_scope(tree)
        except Exception as error:
            raise UnreadableError(str(error)) from error
        for scope in scopes:
            for one in _of_scope(sql, scope):
                found.setdefault((one.source, one.table, one.column), one)
    return sorted(found.values(), key=lambda one: (one.at.line, one.at.column))


def tables_named(sql: str) -> list[TableNamed]:
    """The Sources' tables that statements name, also those that are no SELECT.

    Raises:
        UnreadableError: they cannot be parsed.
    """
    from sqlglot import exp

    return [
        TableNamed(table.db.lower(), table.name.lower(), _place(sql, table.this))
        for tree in _parsed(sql)
        for table in tree.find_all(exp.Table)
        if table.db and table.name and not table.catalog  # CREATE SCHEMA names no table
    ]


def _parsed(sql: str) -> list[Any]:
    import logging

    from sqlglot import parse
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        return [tree for tree in parse(_valued(sql), dialect="duckdb") if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise UnreadableError(str(error)) from error


def _valued(sql: str) -> str:
    """With a value for each ``?``, which sqlglot does not read everywhere. Places stay."""
    from duckdb import token_type, tokenize

    text = bytearray(sql.encode())
    for at, kind in tokenize(sql):
        if kind == token_type.operator and text[at : at + 1] == b"?":
            text[at : at + 1] = b"0"
    return text.decode()


def _of_scope(sql: str, scope: Scope) -> Iterator[ColumnRead]:
    from sqlglot import exp

    tables = dict(_tables(scope))
    inner = {id(one) for below in scope.subquery_scopes for one in below.columns}
    aliases = {
        one.alias.lower()
        for one in getattr(scope.expression, "selects", ())
        if isinstance(one, exp.Alias)
    }
    for column in scope.columns:
        qualifier, name = _named(column, scope)
        if qualifier:
            owner = tables.get(qualifier)
        elif id(column) in inner or scope.is_subquery or name in aliases | set(tables):
            owner = None
        else:
            owner = next(iter(tables.values())) if len(scope.sources) == 1 and tables else None
        if owner is not None:
            yield ColumnRead(*owner, name, _place(sql, column.parts[-1 if qualifier else 0]))
    yield from _of_joins(sql, scope, tables)


def _tables(scope: Scope) -> Iterator[tuple[str, tuple[str, str]]]:
    """The Sources' tables of a FROM, by alias."""
    from sqlglot import exp

    for alias, source in scope.sources.items():
        if isinstance(source, exp.Table) and source.db and not source.catalog:
            yield alias.lower(), (source.db.lower(), source.name.lower())


def _named(column: Any, scope: Scope) -> tuple[str, str]:  # noqa: ANN401 - sqlglot's Column
    """Qualifier and name; ``customer.id`` may be a field of a STRUCT, whose column is the first
    part.
    """
    parts = [part.name.lower() for part in column.parts]
    known = {alias.lower() for alias in scope.sources}
    for place, part in enumerate(parts[:-1]):
        if part in known:
            return part, parts[place + 1]
    return "", parts[0]


def _of_joins(sql: str, scope: Scope, tables: dict[str, tuple[str, str]]) -> Iterator[ColumnRead]:
    """``USING``: the joined table has these columns."""
    for join in scope.expression.args.get("joins") or ():
        if (owner := tables.get(join.alias_or_name.lower())) is None:
            continue
        for using in join.args.get("using") or ():
            yield ColumnRead(*owner, using.name.lower(), _place(sql, using))


def _place(sql: str, node: Any) -> Place:  # noqa: ANN401 - sqlglot's Identifier
    start = node.meta.get("start")
    if not isinstance(start, int):
        return Place(1, 1)
    before = sql[:start]
    return Place(before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1)
