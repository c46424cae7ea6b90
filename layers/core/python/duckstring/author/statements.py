"""Which tables one SELECT reads, by DuckDB's own parser (``json_serialize_sql``). Nothing is run.

Names that the statement makes itself (``WITH``) are no tables. Where a function gets the name of a
table as a text (``query_table('orders')``), the tables cannot be known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duckstring.author.columns import OWN
from duckstring.errors import AuthorError
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NAMED_BY_ARGUMENT = frozenset(
    {
        "histogram",
        "histogram_values",
        "pragma_show",
        "pragma_storage_info",
        "pragma_table_info",
        "query",
        "query_table",
    }
)
"""Functions in a FROM that get a table's name as a text, or as a word that looks like a column."""
NO_SOURCES = frozenset({"information_schema", "pg_catalog", "temp", "system"})
"""Schemas that DuckDB has itself."""
_OWN_CATALOG = "memory"
_OWN_SCHEMA = "main"
_RECURSIVE = "RECURSIVE_CTE_NODE"
_WITH_NAME = frozenset({"CTE_NODE", _RECURSIVE})
_RECURRING = "recurring"
"""``USING KEY``: all rows of a recursion so far are ``recurring.NAME``."""
_NO_PLACE = 2**63
_ONE_SELECT = "allowed: one SELECT"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class TableRead:
    """A table that a statement reads. ``schema``: empty for the Pond's own tables. Both names are
    in lower case, as DuckDB compares them.
    """

    schema: str
    table: str
    at: Place

    @property
    def ref(self) -> str:
        """As ``read_table`` takes it."""
        return f"{self.schema}.{self.table}" if self.schema else self.table


@dataclass(frozen=True, slots=True)
class Select:
    """What one SELECT reads. ``unknown``: calls that name a table by a text; ``parameters``:
    whether it has values to be filled in; ``functions``: those that are called in a FROM;
    ``elsewhere``: tables of other databases, in the words of the statement; ``lists``: whether it
    asks which tables there are (SHOW TABLES).
    """

    reads: tuple[TableRead, ...]
    unknown: tuple[tuple[str, Place], ...] = ()
    parameters: bool = False
    functions: frozenset[str] = frozenset()
    elsewhere: tuple[str, ...] = ()
    lists: bool = False


class StatementError(AuthorError):
    """A text that is not one SELECT, and where."""

    def __init__(self, message: str, *, at: Place, hint: str = "") -> None:
        """Say what is wrong at which place."""
        super().__init__(message, hint=hint)
        self.at = at


class Statements:
    """DuckDB's parser."""

    def __init__(self, con: DuckDBPyConnection | None = None) -> None:
        """Use a connection's parser. None: that of a new database without tables."""
        from duckdb import connect  # noqa: PLC0415 - the worker starts without DuckDB

        self._con = connect(config={"threads": 1}) if con is None else con

    def select(self, sql: str) -> Select:
        """Parse one SELECT.

        Raises:
            StatementError: it is not SQL, not one statement, or not a SELECT.
        """
        # Not as a parameter: DuckDB would import pandas to look at its type.
        asked = f"SELECT {OWN}json_serialize_sql({literal(sql)})"
        (answer,) = self._con.execute(asked).fetchone() or ("",)
        parsed = json.loads(str(answer))
        if parsed["error"]:
            raise self._refused(sql, parsed)
        found = parsed["statements"]
        if len(found) != 1:
            said = "There is no statement" if not found else f"There are {len(found)} statements"
            raise StatementError(f"{said}; {_ONE_SELECT}.", at=Place(1, 1), hint=_KEEP_ONE)
        return _Reading(sql).select(found[0])

    def _refused(self, sql: str, parsed: Mapping[str, Any]) -> StatementError:
        if "position" in parsed:
            # The parser counts characters, all else of DuckDB bytes.
            at = place_of(sql, len(sql[: int(parsed["position"])].encode("utf-8", "replace")))
            return StatementError(_sentence(str(parsed["error_message"])), at=at, hint=_PARSER_HINT)
        kinds = self._kinds(sql)
        if kinds[-1:] == ["SELECT"] and "CREATE" in kinds[:-1]:
            return StatementError(
                "A PIVOT without its values is two statements; allowed: one SELECT.",
                at=Place(1, 1),
                hint="List the values: PIVOT orders ON kind IN ('new', 'paid') USING sum(amount).",
            )
        what = " and ".join(dict.fromkeys(kinds)) or "something else"
        return StatementError(f"Found {what}; {_ONE_SELECT}.", at=Place(1, 1), hint=_KEEP_ONE)

    def _kinds(self, sql: str) -> list[str]:
        from duckdb import Error  # noqa: PLC0415 - as above

        try:
            return [one.type.name for one in self._con.extract_statements(sql)]
        except Error:
            return []


_KEEP_ONE = "Keep one SELECT (or FROM, WITH, VALUES) in the file."
_PARSER_HINT = "Correct the SQL."


def _sentence(message: str) -> str:
    return f"{' '.join(message.split()).rstrip('.')}."


def place_of(text: str, offset: int) -> Place:
    """The place of a byte of the UTF-8 text."""
    before = text.encode("utf-8", "replace")[: max(0, offset)]
    last = before.rpartition(b"\n")[2].decode("utf-8", "ignore")
    return Place(before.count(b"\n") + 1, len(last) + 1)


class _Reading:
    """A walk through a parsed statement."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._unknown: list[tuple[str, Place]] = []
        self._functions: set[str] = set()
        self._parameters = False
        self._elsewhere: list[str] = []
        self._lists = False

    def select(self, statement: Mapping[str, Any]) -> Select:
        reads = tuple(dict.fromkeys(self._walk(statement, frozenset())))
        return Select(
            reads,
            tuple(self._unknown),
            self._parameters,
            frozenset(self._functions),
            tuple(self._elsewhere),
            self._lists,
        )

    def _walk(self, node: object, hidden: frozenset[str]) -> Iterator[TableRead]:
        if isinstance(node, list):
            for one in node:
                yield from self._walk(one, hidden)
        elif isinstance(node, dict):
            yield from self._node(node, hidden)

    def _node(self, node: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[TableRead]:
        self._note(node)
        if node.get("type") == "BASE_TABLE" and (found := self._table(node, hidden)):
            yield found
        if str(node.get("type")) in _WITH_NAME:
            name = str(node.get("cte_name", "")).lower()
            if node["type"] == _RECURSIVE:  # what it begins with does not see it yet
                yield from self._walk(node.get("left"), hidden)
                node = {key: value for key, value in node.items() if key != "left"}
            hidden |= {name}
        for name, query in _ctes(node):
            yield from self._walk(query, hidden)
            hidden |= {name}
        for key, value in node.items():
            if key != "cte_map" and isinstance(value, dict | list):
                yield from self._walk(value, hidden)

    def _note(self, node: Mapping[str, Any]) -> None:
        if node.get("class") == "PARAMETER":
            self._parameters = True
        if node.get("type") == "SHOW_REF" and not node.get("query"):
            self._lists = True
        called = node.get("function") if node.get("type") == "TABLE_FUNCTION" else None
        name = str(called.get("function_name", "")).lower() if called else ""
        if called:
            self._functions.add(name)
        if called and name in _NAMED_BY_ARGUMENT:
            self._unknown.append((name, self._at(called)))

    def _table(self, node: Mapping[str, Any], hidden: frozenset[str]) -> TableRead | None:
        catalog, schema, table = (
            str(node.get(key, "")).lower() for key in ("catalog_name", "schema_name", "table_name")
        )
        if catalog not in {"", _OWN_CATALOG}:
            self._elsewhere.append(f"{catalog}.{schema}.{table}")
            return None
        if schema in {"", _RECURRING} and table in hidden:
            return None
        return TableRead("" if schema == _OWN_SCHEMA else schema, table, self._at(node))

    def _at(self, node: Mapping[str, Any]) -> Place:
        offset = int(node.get("query_location", _NO_PLACE))
        return place_of(self._sql, offset) if offset < _NO_PLACE else Place(1, 1)


def _ctes(node: Mapping[str, Any]) -> Sequence[tuple[str, object]]:
    """The queries of a WITH, in order: each sees those before it."""
    return [
        (str(one["key"]).lower(), one["value"]) for one in node.get("cte_map", {}).get("map", [])
    ]
