"""Which tables a Ripple's SQL may read.

Of its Sources those whose names its package has anywhere: what may not be removed follows from
that. For its lineage it is looked at more closely, at the code that this Ripple can reach.

SQL reaches DuckDB in many ways (relations made of relations, text put together), and not all of
them can be read back. A name that a statement uses must come from somewhere, so a name that is in
no file of the package counts as not read. This errs on the side of reading: a name in a comment
counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from duckstring.author.naming import TableRef, lists_tables, named_in, runs_text
from duckstring.author.pond import Pond
from duckstring.author.tables import SourceTables
from duckstring.worker.reachable import Text, texts_of

_MOST_BYTES = 5_000_000
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_MOVES = re.compile(r"\b(?:use|schema|search_path)\b", re.IGNORECASE)
"""Statements after which names without a schema mean something else."""


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


def may_have_read(
    pond: Pond, root: Path, function: Callable[..., object]
) -> tuple[str, ...] | None:
    """The tables that a Ripple may have read beside those that it has read for sure, by the names
    of ``Pond.uses``. None: any that it can see.
    """
    uses = pond.uses
    if uses.is_all:
        return ()
    seen = uses.seen
    texts = texts_of(function, root)
    if texts is not None:
        found = _named_by(texts, seen)
    elif (words := words_of(root)) is not None:
        found = {name for name in seen if name.rpartition(".")[2] in words}
    else:
        found = None
    # Its own output is there since its last run. Code that reads it says so by read_table.
    return None if found is None else tuple(sorted(found - uses.tables - pond.written.keys()))


def _named_by(texts: Iterable[Text], seen: frozenset[str]) -> set[str] | None:
    refs: dict[TableRef, str] = {}
    for name in seen:
        source, _, table = name.rpartition(".")
        refs[source or "main", table] = name
    texts = list(texts)
    # Then a name alone may be that of any Source's table.
    moves = any(_MOVES.search(text) for text, _ in texts)
    found: set[str] = set()
    for text, is_whole in texts:
        if lists_tables(text) or runs_text(text):
            return None
        if is_whole and not moves:
            found |= {refs[ref] for ref in named_in(text, refs)}
        else:
            words = set(_WORD.findall(text.lower()))
            found |= {name for (_, table), name in refs.items() if table in words}
    return found


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
