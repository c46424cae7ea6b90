"""Which tables a text may name: SQL, or an author's code.

A name that a statement uses stands in its text, unless DuckDB is asked for names of tables, or a
statement is put together as text. Both functions err on one side: a name in a comment counts, and
so does that of a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LISTS_TABLES = re.compile(
    r"duckdb_(?:tables|views|columns|databases)\b|information_schema|pg_(?:catalog|tables|views|class)\b|sqlite_master"
    r"|query_table|\bshow\s+(?:all\s+)?tables\b",
    re.IGNORECASE,
)
_RUNS_TEXT = re.compile(r"\bquery\s*\(", re.IGNORECASE)
"""DuckDB's ``FROM query('FROM ' || 't')``. Python has other functions of that name."""
_NAMES = re.compile(r"(?:([a-z_]\w*)\"?\s*\.\s*\"?)?\b([a-z_]\w*)", re.ASCII)

TableRef = tuple[str, str]
"""(schema, table): the schema is a Source's name, or ``main`` for the Pond's own tables."""


def lists_tables(text: str) -> bool:
    """Whether a text may ask DuckDB for the names of tables: it may read one that it does not
    name.
    """
    return _LISTS_TABLES.search(text) is not None


def runs_text(text: str) -> bool:
    """Whether a text may have DuckDB run another text, which names other tables."""
    return _RUNS_TEXT.search(text) is not None


def named_in(sql: str, refs: Iterable[TableRef]) -> set[TableRef]:
    """Those of ``refs`` that one statement may read.

    Args:
        sql: the statement. Its names are not resolved.
        refs: all that it could read.
    """
    refs = set(refs)
    if lists_tables(sql) or runs_text(sql):
        return refs
    schemas = {schema for schema, _ in refs} - {"main"}
    pairs = _NAMES.findall(sql.lower())
    words = {name for pair in pairs for name in pair}
    bare = {name for schema, name in pairs if schema not in schemas}
    return {
        (schema, table)
        for schema, table in refs
        if table in (bare if schema == "main" else words) and schema in words | {"main"}
    }
