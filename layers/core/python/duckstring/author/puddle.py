"""``@puddle``: local test data for a table of a Source. A record only: nothing runs it in a
Catchment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar, overload

from duckstring.author.errors import RippleError

PuddleFunction = TypeVar("PuddleFunction", bound=Callable[..., object])

_TABLE = re.compile(r"[a-z][a-z0-9_]{0,47}(\.[a-z][a-z0-9_]{0,47})?")


@dataclass(frozen=True, slots=True)
class DeclaredPuddle:
    """A function and the table that it stands in for."""

    table: str
    function: Callable[..., object]


_collector: ContextVar[list[DeclaredPuddle] | None] = ContextVar("duckstring_puddles", default=None)


@contextmanager
def collecting() -> Iterator[list[DeclaredPuddle]]:
    """Gather the Puddles that are declared inside the block, in order."""
    declared: list[DeclaredPuddle] = []
    token = _collector.set(declared)
    try:
        yield declared
    finally:
        _collector.reset(token)


@overload
def puddle(function: PuddleFunction, /) -> PuddleFunction: ...


@overload
def puddle(*, table: str) -> Callable[[PuddleFunction], PuddleFunction]: ...


def puddle(
    function: PuddleFunction | None = None, /, *, table: str | None = None
) -> PuddleFunction | Callable[[PuddleFunction], PuddleFunction]:
    """Declare local test data.

    Args:
        function: the function, where the decorator is used bare.
        table: ``source.table`` or ``table``; default the function's name.

    Returns:
        The function, unchanged.

    Raises:
        RippleError: ``table`` is not a valid table name.
    """

    def declare(of: PuddleFunction) -> PuddleFunction:
        named = of.__name__ if table is None else table
        if not _TABLE.fullmatch(named):
            raise RippleError(
                f"A Puddle cannot stand for {named!r}.", hint='Write @puddle(table="source.table").'
            )
        if (collector := _collector.get()) is not None:
            collector.append(DeclaredPuddle(named, of))
        return of

    return declare if function is None else declare(function)
