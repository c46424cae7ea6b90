"""What the shell of ``duckstring sql`` offers for a word that is being typed: Ponds, tables,
columns, keywords.

Names come from outside. What is not formed as the product forms it, or does something to a
terminal, is not offered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from duckstring.errors import DuckstringError
from duckstring.model.names import parse_line
from duckstring.model.sql import quoted

if TYPE_CHECKING:
    from duckstring.model.answers.tables import PondSnapshot

_COMMANDS = (".exit", ".help", ".quit", ".schema", ".tables")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


class Known(Protocol):
    """What there are names of."""

    def snapshots(self) -> Sequence[PondSnapshot]:
        """What can be read."""

    def columns(self) -> Sequence[str]:
        """The columns of tables that were read."""


class Names:
    """The names of a Catchment. They are asked for once, when the first word is completed."""

    def __init__(self, lake: Known) -> None:
        self._lake = lake
        self._offered: list[str] = []

    def complete(self, word: str, state: int) -> str | None:
        """Readline's own form: the candidate of number ``state`` for a word; None: no more."""
        if state == 0:
            try:
                self._offered = list(dict.fromkeys(self.candidates(word, _line())))
            except (DuckstringError, OSError):  # nobody reads an error in the middle of a line
                self._offered = []
        return self._offered[state] if state < len(self._offered) else None

    def candidates(self, word: str, line: str) -> Iterator[str]:
        """What a word may become; ``line`` is what is typed so far."""
        if line.lstrip().startswith(".") and line.strip() == word:
            yield from (one for one in _COMMANDS if one.startswith(word))
            return
        schema, dot, begun = word.rpartition(".")
        if dot:
            yield from (
                f"{schema}.{table}" for table in self._tables(schema) if _begins(table, begun)
            )
            return
        if not word:
            return
        yield from (one for one in self._schemas if _begins(one, word))
        yield from (one for one in self._columns() if _begins(one, word))
        upper = word.isupper()
        for keyword in _KEYWORDS:
            if _begins(keyword, word):
                yield keyword.upper() if upper else keyword

    @cached_property
    def _snapshots(self) -> Sequence[PondSnapshot]:
        return self._lake.snapshots()

    @cached_property
    def _schemas(self) -> list[str]:
        found = {one["schema"] for one in self._snapshots}
        for one in self._snapshots:
            pond, major = parse_line(one["line"])
            found.add(f"{pond}_v{major}")
        return sorted(_as_typed(name) for name in found if _is_harmless(name))

    def _tables(self, schema: str) -> list[str]:
        wanted = schema.strip('"').lower()
        for one in self._snapshots:
            pond, major = parse_line(one["line"])
            if wanted in {one["schema"], f"{pond}_v{major}", one["line"]}:
                names = (row["table"] for row in one["tables"])
                return [_as_typed(name) for name in names if _is_harmless(name)]
        return []

    def _columns(self) -> list[str]:
        return [_as_typed(name) for name in self._lake.columns() if _is_harmless(name)]


_KEYWORDS = (
    *("all", "and", "anti", "as", "asc", "asof", "between", "by", "case", "cast", "count"),
    *("cross", "desc", "describe", "distinct", "else", "end", "except", "exclude", "exists"),
    *("false", "filter", "from", "full", "group", "having", "in", "inner", "intersect"),
    *("interval", "is", "join", "lateral", "left", "like", "limit", "not", "null", "offset"),
    *("on", "or", "order", "outer", "over", "partition", "pivot", "positional", "qualify"),
    *("replace", "right", "sample", "select", "semi", "summarize", "then", "true", "union"),
    *("unnest", "unpivot", "using", "values", "when", "where", "window", "with"),
)


def _line() -> str:
    import readline

    return readline.get_line_buffer()


def _begins(name: str, begun: str) -> bool:
    return name.lower().startswith(begun.lower())


def _as_typed(name: str) -> str:
    return name if set(name) <= _PLAIN and not name[:1].isdigit() else quoted(name)


def _is_harmless(name: str) -> bool:
    from duckstring.model.foreign import for_terminal

    return bool(name) and for_terminal(name) == name
