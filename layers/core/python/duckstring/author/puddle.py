"""``@puddle``: local test data for a table of a Source. A record only: nothing runs it in a
Catchment.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar, overload

from duckstring.author.errors import RippleError, shown

PuddleFunction = TypeVar("PuddleFunction", bound=Callable[..., object])

TABLE_REF = re.compile(r"[a-z][a-z0-9_]{0,47}(\.[a-z][a-z0-9_]{0,47})?")
"""``source.table``, or ``table``."""
_HINT = 'Write @puddle("source.table") above a function.'


@dataclass(frozen=True, slots=True)
class DeclaredPuddle:
    """A function and the table that it stands in for, as it was written; ``line``: where."""

    table: str
    function: Callable[..., object]
    line: int = 0


_collector: ContextVar[list[DeclaredPuddle] | None] = ContextVar("duckstring_puddles", default=None)


@contextmanager
def collecting() -> Iterator[list[DeclaredPuddle]]:
    """Gather the Puddles that are declared inside the block, in order. Their names are not checked
    yet, so that all faults can be reported together (``check``).
    """
    declared: list[DeclaredPuddle] = []
    token = _collector.set(declared)
    try:
        yield declared
    finally:
        _collector.reset(token)


@overload
def puddle(table: PuddleFunction, /) -> PuddleFunction: ...


@overload
def puddle(table: str, /) -> Callable[[PuddleFunction], PuddleFunction]: ...


@overload
def puddle(*, table: str) -> Callable[[PuddleFunction], PuddleFunction]: ...


def puddle(
    named: PuddleFunction | str | None = None, /, *, table: str | None = None
) -> PuddleFunction | Callable[[PuddleFunction], PuddleFunction]:
    """Declare local test data: ``@puddle("products.product")``.

    Args:
        named: ``source.table`` or ``table``; the function, where the decorator is used bare.
        table: the same by its name; default the function's name.

    Returns:
        The function, unchanged.

    Raises:
        RippleError: that is not a valid table name, or it stands above no function. While
            puddles.py is read, these faults are reported together.
    """
    wanted = table if table is not None else named if not callable(named) else None

    def declare(of: PuddleFunction) -> PuddleFunction:
        name = getattr(of, "__name__", repr(of)) if wanted is None else wanted
        one = DeclaredPuddle(name, of, _line())
        if (collector := _collector.get()) is not None:
            collector.append(one)
        elif fault := check(one):
            raise fault
        return of

    return declare(named) if callable(named) else declare


def check(one: DeclaredPuddle) -> RippleError | None:
    """What is wrong with the declaration, if anything is."""
    if not isinstance(one.table, str) or not TABLE_REF.fullmatch(one.table):
        return RippleError(f"A Puddle cannot stand for {shown(one.table)}.", hint=_HINT)
    if not inspect.isroutine(one.function):
        return RippleError(f"@puddle stands above {shown(one.function)}.", hint=_HINT)
    if inspect.iscoroutinefunction(one.function):
        return RippleError(f"Puddle {one.table!r} is an async function; allowed: def.", hint=_HINT)
    wanted = [
        p.name
        for p in inspect.signature(one.function).parameters.values()
        if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}
    ]
    if len(wanted) > 1:
        return RippleError(
            (
                f"Puddle {one.table!r} takes {len(wanted)} arguments ({', '.join(wanted)}); "
                "allowed: none, or one, whose .con is a DuckDB."
            ),
            hint="Write it as def orders(pond): return pond.con.sql(...)",
        )
    return None


def _line() -> int:
    """The line of the declaration."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return 0 if frame is None else frame.f_lineno
