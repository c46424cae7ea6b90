"""Which of its Sources' tables a Ripple's SQL may read: those whose names its package has anywhere.

SQL reaches DuckDB in many ways (relations made of relations, text put together), and not all of
them can be read back. A name that a statement uses must come from somewhere, so a name that is in
no file of the package counts as not read. This errs on the side of reading: a name in a comment
counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from duckstring.author.naming import lists_tables
from duckstring.author.pond import Pond
from duckstring.author.tables import SourceTables

_MOST_BYTES = 5_000_000
_WORD = re.compile(r"[a-z_][a-z0-9_]*")


def tables_read(pond: Pond, root: Path) -> tuple[str, ...] | None:
    """The Sources' tables that an attempt has read, or may have read, as ``source.table``. None: it
    may have read any.
    """
    if not pond.has_sql or not pond.sources:
        return tuple(sorted(pond.read))
    named = words_of(root)
    if named is None:
        return None
    return tuple(sorted(pond.read | _named(pond.sources, named)))


def _named(sources: Mapping[str, SourceTables], named: frozenset[str]) -> set[str]:
    return {
        f"{source}.{table}"
        for source, held in sources.items()
        for table in held.tables or ()
        if table in named
    }


@lru_cache(maxsize=4)
def words_of(root: Path) -> frozenset[str] | None:
    """Every word in the files of a package, in lower case. None: there is too much to search, or
    its code asks for names of tables.
    """
    found: set[str] = set()
    left = _MOST_BYTES
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.suffix == ".pyc":
            continue
        left -= path.stat().st_size
        if left < 0:
            return None
        text = path.read_text(encoding="utf-8", errors="replace").lower()
        if lists_tables(text):
            return None
        found.update(_WORD.findall(text))
    return frozenset(found)
