"""A merge by key: what is refused, and the changes that it makes, as SQL over files.

Keys name rows, so all of them differ and none is NULL. Rows that equal what is there are no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckstring.author.columns import OWN, ColumnTypes, column_types
from duckstring.author.contents import CHANGE, same_key, scan
from duckstring.author.errors import WriteError
from duckstring.author.fingerprint import differs
from duckstring.author.writing import Writing, folded
from duckstring.model.parts import MOST_KEY_COLUMNS
from duckstring.model.sql import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_KEYS = frozenset(
    {
        "boolean", "tinyint", "smallint", "integer", "bigint", "hugeint",
        "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint", "bignum", "decimal",
        "varchar", "enum", "blob", "bit", "uuid", "date", "time", "time_ns",
        "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone",
    }
)  # fmt: skip
"""Types whose values are equal if and only if they are one value."""
_LONGEST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Given:
    """What a merge was given: files with the new ``rows``, and with the keys of those to delete
    (empty: none). ``is_first``: the table never held a value.
    """

    table: str
    key: tuple[str, ...]
    writing: Writing
    rows: str
    deletes: str = ""
    is_first: bool = False


def shown(key: Sequence[str]) -> str:
    """A key's columns, for people."""
    return ", ".join(map(repr, key))


def check_key(table: str, key: Sequence[str], columns: ColumnTypes, known: Sequence[str]) -> None:
    """Refuse columns that can be no key of the table. ``known``: the key that it has.

    Raises:
        WriteError: why.
    """
    is_list = isinstance(key, list | tuple) and all(isinstance(name, str) for name in key)
    if not is_list or not key:
        raise WriteError(
            f"Table {table!r}: key={key!r} is no list of columns.", hint='Write key=["id"].'
        )
    if missing := [name for name in key if name not in columns]:
        raise WriteError(
            f"Table {table!r}: key {shown(key)} names {shown(missing)}, which is no column.",
            hint=f"It has {', '.join(columns)}.",
        )
    if len(set(key)) < len(key) or len(key) > MOST_KEY_COLUMNS:
        raise WriteError(
            f"Table {table!r}: a key of {len(key)} columns, {shown(key)}.",
            hint=f"Name each column once, at most {MOST_KEY_COLUMNS}.",
        )
    if known and set(key) != set(known):
        raise WriteError(
            f"Table {table!r} is merged by {shown(known)}, not by {shown(key)}.",
            hint="Keep to that key, or write the table whole once: pond.write_table(...).",
        )
    for name in key:
        if columns[name].kind not in _KEYS:
            raise WriteError(
                f"Table {table!r}: key column {name!r} is {columns[name]}, which is no type for a "
                "key.",
                hint="Allowed: whole numbers, DECIMAL, text, ENUM, BLOB, UUID, days and instants. "
                f"For example {quoted(name)}::VARCHAR.",
            )


def key_columns(table: str, key: Sequence[str], relation: DuckDBPyRelation) -> DuckDBPyRelation:
    """The key columns of the rows to delete.

    Raises:
        WriteError: one is missing.
    """
    there = {folded(name) for name in relation.columns}
    if missing := [name for name in key if folded(name) not in there]:
        raise WriteError(
            f"Table {table!r}: the rows to delete lack {shown(missing)}.",
            hint=f"Give the key's columns: {', '.join(key)}.",
        )
    return relation.project(", ".join(map(quoted, key)))


def check(con: DuckDBPyConnection, given: Given) -> None:
    """Refuse keys that do not name one row each.

    Raises:
        WriteError: one is NULL, or is there twice.
    """
    with con.cursor() as cursor:
        columns = column_types(cursor.sql(f"FROM {scan(given.rows)}"))
        _check_nulls(cursor, given, given.rows, "to merge")
        _check_twice(cursor, given, f"FROM {scan(given.rows)}", columns, "the rows to merge have")
        if given.deletes:
            _check_nulls(cursor, given, given.deletes, "to delete")


def check_unique(con: DuckDBPyConnection, given: Given, rows: str, columns: ColumnTypes) -> None:
    """Refuse a key that the table's own rows do not keep. This is looked at once, when the table
    gets its key.

    Raises:
        WriteError: one is NULL, or is there twice.
    """
    nulls = " OR ".join(f"{quoted(name)} IS NULL" for name in given.key)
    if _one(con, f"SELECT {_keys(given)} FROM ({rows}) WHERE {nulls} LIMIT 1") is not None:  # noqa: S608 - quoted
        raise WriteError(
            f"Table {given.table!r}: it has a row whose key ({shown(given.key)}) is NULL.",
            hint="Write the table whole once, with keys: pond.write_table(...).",
        )
    _check_twice(con, given, rows, columns, "the table has")


def touched(given: Given, rows: str, columns: ColumnTypes) -> str:
    """SQL: the table's rows that the merge names."""
    named = " UNION ALL ".join(
        f"SELECT {_keys(given)} FROM {scan(file)}"  # noqa: S608 - quoted
        for file in (given.rows, given.deletes)
        if file
    )
    on = same_key(columns, given.key, "b", "c")
    return f"SELECT b.* FROM ({rows}) AS b SEMI JOIN ({named}) AS c ON ({on})"  # noqa: S608 - quoted


def changes(given: Given, before: str, columns: ColumnTypes) -> str:
    """SQL: what changes, as the table's columns and ``_change``. ``before``: a file with the rows
    that the merge names, as they are.
    """
    names = ", ".join(f"b.{quoted(name)}" for name in columns)
    on = same_key(columns, given.key, "b", "c")
    new, old, change = scan(given.rows), scan(before), f"AS {quoted(CHANGE)}"
    other = differs(columns, "b", "c")

    def joined(file: str) -> str:
        return f"JOIN {file} AS c ON ({on}) WHERE {other}"

    selects = [
        f"SELECT {names}, 'insert' {change} FROM {new} AS b ANTI JOIN {old} AS c ON ({on})",  # noqa: S608 - quoted
        f"SELECT {names}, 'update_before' {change} FROM {old} AS b {joined(new)}",  # noqa: S608 - quoted
        f"SELECT {names}, 'update_after' {change} FROM {new} AS b {joined(old)}",  # noqa: S608 - quoted
    ]
    if given.deletes:
        selects.append(
            f"SELECT {names}, 'delete' {change} FROM (SELECT b.* FROM {old} AS b "  # noqa: S608 - quoted
            f"SEMI JOIN {scan(given.deletes)} AS c ON ({on})) AS b ANTI JOIN {new} AS c ON ({on})"
        )
    return " UNION ALL ".join(selects)


def count(con: DuckDBPyConnection, sql: str) -> int:
    """How many rows a SELECT gives."""
    found = _one(con, f"SELECT {OWN}count(*) FROM ({sql})")  # noqa: S608 - ours
    return int(str(found[0])) if found else 0


def _check_nulls(con: DuckDBPyConnection, given: Given, file: str, what: str) -> None:
    for name in given.key:
        if count(con, f"FROM {scan(file)} WHERE {quoted(name)} IS NULL"):
            raise WriteError(
                f"Table {given.table!r}: the rows {what} have a NULL in key column {name!r}.",
                hint="A key names one row: leave such rows out, or choose another key.",
            )


def _check_twice(
    con: DuckDBPyConnection, given: Given, rows: str, columns: ColumnTypes, who: str
) -> None:
    keys = ", ".join(
        f"{quoted(name)} COLLATE C" if columns[name].kind in {"varchar", "json"} else quoted(name)
        for name in given.key
    )
    twice = _one(
        con,
        f"SELECT {keys} FROM ({rows}) GROUP BY {keys} HAVING {OWN}count(*) > 1 LIMIT 1",  # noqa: S608 - quoted
    )
    if twice is not None:
        raise WriteError(
            f"Table {given.table!r}: {who} key {_value(given, twice)} more than once.",
            hint="A key names one row: give each once, or choose another key.",
        )


def _one(con: DuckDBPyConnection, sql: str) -> tuple[object, ...] | None:
    found: tuple[object, ...] | None = con.execute(sql).fetchone()
    return found


def _keys(given: Given, of: str = "") -> str:
    return ", ".join(f"{of}.{quoted(name)}" if of else quoted(name) for name in given.key)


def _value(given: Given, found: Sequence[object]) -> str:
    text = ", ".join(f"{name}={value!r}" for name, value in zip(given.key, found, strict=True))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
