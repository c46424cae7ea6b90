"""Names and texts as DuckDB's SQL writes them. Whatever is in them, they stay one name, one text."""

from __future__ import annotations


def quoted(name: str) -> str:
    """An identifier: ``"orders"``."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string: ``'it''s'``."""
    return "'" + text.replace("'", "''") + "'"
