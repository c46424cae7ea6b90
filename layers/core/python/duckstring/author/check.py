"""``@check``: a function that says which rows must not exist. The function itself stays as it is.

It is called after the last Ripple of a run and before anything of the run is published.
Declarations go to the ``collecting_checks`` block that an import runs in, as those of ``@ripple``
go to theirs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, get_args, overload

from duckstring.author.errors import RippleError, shown
from duckstring.author.ripple import check_function, refuse
from duckstring.errors import nearest
from duckstring.model.checks import Severity
from duckstring.model.names import POND_NAME

if TYPE_CHECKING:
    from duckstring.author.sql_file import SqlFile

CheckFunction = TypeVar("CheckFunction", bound=Callable[..., object])

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_WORDS = ("severity", "name", "needs_previous")


@dataclass(frozen=True, slots=True)
class DeclaredCheck:
    """One check as its package declares it. ``needs_previous``: it says nothing where what it
    compares with is not published. ``file``: of a check in SQL.
    """

    name: str
    function: Callable[..., object]
    severity: Severity = "fail"
    needs_previous: bool = False
    file: SqlFile | None = None

    @property
    def where(self) -> str:
        """What errors about its name call it."""
        return self.file.shown if self.file else f"@check {self.name}"


_collected: ContextVar[list[DeclaredCheck] | None] = ContextVar("duckstring_checks", default=None)


@contextmanager
def collecting_checks() -> Iterator[list[DeclaredCheck]]:
    """Gather the checks that are declared inside the block, in order. Their faults go to the
    ``collecting`` block around it.
    """
    declared: list[DeclaredCheck] = []
    token = _collected.set(declared)
    try:
        yield declared
    finally:
        _collected.reset(token)


@overload
def check(function: CheckFunction, /) -> CheckFunction: ...


@overload
def check(
    *,
    severity: Severity = "fail",
    name: str | None = None,
    needs_previous: bool = False,
) -> Callable[[CheckFunction], CheckFunction]: ...


def check(
    function: CheckFunction | None = None,
    /,
    *unnamed: object,
    severity: Severity = "fail",
    name: str | None = None,
    needs_previous: bool = False,
    **unknown: object,
) -> CheckFunction | Callable[[CheckFunction], CheckFunction]:
    """Declare a check: a function of no argument, or of one, the Pond, which it can only read.

    It returns the rows that must not exist: the text of a SELECT, a relation, an Arrow table, or a
    pandas or polars frame. No rows, None and True mean that all is well. False, or an
    AssertionError, mean that it is not.

    Args:
        function: the function, where the decorator is used bare.
        unnamed: refused: each argument has its name.
        severity: ``fail``: nothing of the run is published. ``warn``: it is published, and marked.
        name: the check's name; default the function's.
        needs_previous: do not make it where the tables of ``previous`` that it reads are not
            published: in a first run.
        unknown: refused, with the nearest argument that there is.

    Returns:
        The function, unchanged.

    Raises:
        RippleError: something about the declaration cannot be: every fault, one a line. While a
            package is imported, its faults are raised together with those of its Ripples.
    """

    def declare(of: CheckFunction) -> CheckFunction:
        called = getattr(of, "__name__", "") if name is None else name
        faults = [*_faults(of, called, severity, needs_previous), *map(_unknown, unknown)]
        refuse(faults)
        if not faults and (collected := _collected.get()) is not None:
            collected.append(DeclaredCheck(called, of, severity, needs_previous))
        return of

    if unnamed or not (function is None or callable(function)):
        given = (*(() if callable(function) else (function,)), *unnamed)
        refuse([_unnamed(given)])
        return declare
    return declare if function is None else declare(function)


def _faults(
    function: object, called: object, severity: object, needs_previous: object
) -> Iterator[RippleError]:
    if not inspect.isroutine(function):
        yield RippleError(
            f"@check stands above {shown(function)}.",
            hint="Put it above a function: @check or @check(severity=...).",
        )
        return
    if not isinstance(called, str) or not POND_NAME.fullmatch(called):
        yield RippleError(
            f"A check cannot be called {shown(called)}; allowed: a lower-case letter, then "
            "lower-case letters, digits and _, at most 48.",
            hint='Rename the function, or write @check(name="...").',
        )
    what = f"Check {shown(called)}"
    if severity not in SEVERITIES:
        yield RippleError(
            f'{what}: severity={shown(severity)}; allowed: "fail" or "warn".',
            hint='Write @check(severity="warn").',
        )
    if not isinstance(needs_previous, bool):
        yield RippleError(
            f"{what}: needs_previous={shown(needs_previous)}; allowed: True or False.",
            hint="Write @check(needs_previous=True).",
        )
    try:
        check_function(what, function)
    except RippleError as fault:
        yield fault


def _unknown(word: str) -> RippleError:
    meant = nearest(word, _WORDS, "did you mean {}? ")
    return RippleError(
        f"@check: unknown argument {shown(word)[1:-1]}=; {meant}allowed: {', '.join(_WORDS)}.",
        hint="Correct the @check line.",
    )


def _unnamed(found: tuple[object, ...]) -> RippleError:
    return RippleError(
        f"@check({', '.join(map(shown, found))}): an argument has no name; allowed: "
        f"{', '.join(_WORDS)}.",
        hint='Write @check, or @check(severity="warn").',
    )
