"""Names and texts in the SQL of DuckDB. Whatever they hold, they stay one name or one text."""

from __future__ import annotations


def quoted(name: str) -> str:
    """An identifier: ``"orders"``."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string: ``'it''s'``."""
    return "'" + text.replace("'", "''") + "'"
