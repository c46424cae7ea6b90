"""Makes the checks of a Pond: the Ripple ``checks``, which a deploy adds after all the others."""

from __future__ import annotations

import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from duckstring.author.check import DeclaredCheck
from duckstring.author.check_file import find_checks
from duckstring.author.check_pond import CheckPond
from duckstring.author.errors import PreviousMissingError, RippleError
from duckstring.author.pond import Pond
from duckstring.author.ripple import Declared, declare, takes_pond
from duckstring.author.sql_file import ErrorsIn
from duckstring.author.statements import NO_SOURCES, StatementError, Statements
from duckstring.errors import TransientError
from duckstring.model.catalog import RippleSpec
from duckstring.model.checks import (
    CHECKS,
    MOST_CHECKS,
    MOST_WORDS,
    PREVIOUS,
    CheckResult,
    has_failed,
)
from duckstring.model.foreign import cut, for_terminal, readable
from duckstring.model.values import replace


def declare_checks(
    root: Path, python: Sequence[DeclaredCheck], ripples: Sequence[Declared]
) -> None:
    """Declare the Ripple that makes a package's checks, in a ``collecting`` block. Without checks
    there is none.

    Args:
        root: the unpacked package.
        python: the checks of its Python module.
        ripples: its Ripples.
    """
    in_sql, faults = find_checks(root)
    checks = [*python, *in_sql]
    if not checks and not faults:
        return
    sources = _sources(root)
    faults += [*_statement_faults(in_sql, sources), *_name_faults(checks, ripples, sources)]
    is_free = not any(one.spec.name == CHECKS for one in ripples)
    declare(_ripple(checks, ripples) if ripples and is_free else None, faults)


def check_ripple(root: Path, python: Sequence[DeclaredCheck]) -> Declared | None:
    """The Ripple that makes a package's checks, without its parents: what a run needs of it.

    Raises:
        RippleError: a file of a check cannot be read. The deploy has refused such a package.
    """
    in_sql, faults = find_checks(root)
    if faults:
        raise faults[0]
    return _ripple([*python, *in_sql], ()) if python or in_sql else None


def _ripple(checks: Sequence[DeclaredCheck], ripples: Sequence[Declared]) -> Declared:
    above = {parent for one in ripples for parent in one.spec.parents}
    leaves = tuple(one.spec.name for one in ripples if one.spec.name not in above)
    names = tuple(one.name for one in checks)
    return Declared(RippleSpec(CHECKS, leaves, checks=names), maker_of(checks))


def _statement_faults(
    checks: Sequence[DeclaredCheck], sources: Mapping[str, object]
) -> Iterator[RippleError]:
    statements = Statements() if checks else None
    for one in checks:
        assert one.file is not None  # noqa: S101 - they are those of files
        assert statements is not None  # noqa: S101 - there are some
        try:
            found = statements.select(one.file.text())
        except StatementError as fault:
            at = f"{one.file.shown}:{fault.at.line}:{fault.at.column}"
            yield RippleError(f"{at}: {fault.message}", hint=fault.hint)
            continue
        if found.parameters:
            yield RippleError(
                f"{one.file.shown}: it has a parameter ($1 or ?), and nothing gives it a value.",
                hint="Write the value, or use a check in Python.",
            )
        for read in found.reads:
            if read.schema and read.schema not in {*sources, *NO_SOURCES, PREVIOUS}:
                yield RippleError(
                    f"{one.file.shown}:{read.at.line}:{read.at.column}: it reads "
                    f"{for_terminal(read.ref)}, but {for_terminal(read.schema)!r} is not a Source "
                    f"of this Pond; [sources] has {', '.join(sorted(sources)) or 'none'}.",
                    hint="Add the Source to pond.toml, or correct the name.",
                )


def _name_faults(
    checks: Sequence[DeclaredCheck], ripples: Sequence[Declared], sources: Mapping[str, object]
) -> Iterator[RippleError]:
    counts = Counter(one.name for one in checks)
    for name, count in counts.items():
        if count > 1:
            where = ", ".join(one.where for one in checks if one.name == name)
            yield RippleError(
                f"{count} checks are called {name!r} ({where}).",
                hint='Rename one: @check(name="..."), or the file.',
            )
    if len(checks) > MOST_CHECKS:
        yield RippleError(
            f"The Pond has {len(checks)} checks; allowed: {MOST_CHECKS}.",
            hint="Join some: one SELECT may have the rows of several (UNION ALL).",
        )
    if any(one.spec.name == CHECKS for one in ripples):
        yield RippleError(
            f"A Ripple is called {CHECKS!r}, the name of the Ripple that makes the Pond's checks.",
            hint=f'Rename it: @ripple(name="..."), or src/ripples/{CHECKS}.sql.',
        )
    if PREVIOUS in sources:
        yield RippleError(
            f"A Source is called {PREVIOUS!r}, as the published tables are in a check.",
            hint="Checks need another name for it; without checks it may stay.",
        )


def _sources(root: Path) -> Mapping[str, object]:
    try:
        document = tomllib.loads((root / "pond.toml").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    found = document.get("sources", {})
    return found if isinstance(found, dict) else {}


def maker_of(checks: Sequence[DeclaredCheck]) -> Callable[[Pond], None]:
    """The function of the Ripple that makes these checks. It leaves the results with its handle."""

    def make(pond: Pond) -> None:
        assert isinstance(pond, CheckPond)  # noqa: S101 - its surroundings say that it makes checks
        if pond.is_settled:
            pond.log.info("nothing has changed since the checks were made")
            pond.leave()
            return
        pond.results = make_checks(checks, pond)
        for one in pond.results:
            found = {"check": one.check, "outcome": one.outcome, "rows": one.rows}
            pond.log.info("check made", extra=found)

    make.__name__ = make.__qualname__ = CHECKS
    return make


def make_checks(checks: Sequence[DeclaredCheck], pond: CheckPond) -> tuple[CheckResult, ...]:
    """Make all checks, also after one has failed.

    Raises:
        Exception: what a check has raised, if none has failed.
    """
    results: list[CheckResult] = []
    raised: list[_Raised] = []
    for check in checks:
        try:
            found = _made(check, pond)
        except Exception as error:
            if _ends_all(error, pond):
                raise
            raised.append(_Raised(check.name, error))
            words = cut(f"{type(error).__name__}: {readable(error)}", MOST_WORDS)
            found = CheckResult(check.name, outcome="raised", message=words)
        results.append(replace(found, severity=check.severity))
    if raised and not has_failed(results):
        first = raised[0].error
        first.add_note(f"In check {', '.join(one.check for one in raised)}.")
        raise first
    return tuple(results)


@dataclass(frozen=True, slots=True)
class _Raised:
    check: str
    error: Exception


def _made(check: DeclaredCheck, pond: CheckPond) -> CheckResult:
    if check.needs_previous and not pond.has_previous:
        return _not_applicable(check)
    try:
        found = _found(check, pond)
    except AssertionError as error:
        found = CheckResult(check.name, outcome="failed", message=_words_of(error))
    except PreviousMissingError:
        if not check.needs_previous:
            raise
        return _not_applicable(check)
    if found.rows or found.outcome == "failed":
        return replace(found, outcome="failed" if check.severity == "fail" else "warned")
    return found


def _not_applicable(check: DeclaredCheck) -> CheckResult:
    words = "What it compares with is not published yet."
    return CheckResult(check.name, outcome="not applicable", message=words)


def _found(check: DeclaredCheck, pond: CheckPond) -> CheckResult:
    pond.begin()
    if check.file is not None:
        sql = check.file.text()
        with ErrorsIn(check.file, sql, pond):
            return pond.find(check.name, sql)
    try:
        value = check.function(pond) if takes_pond(check.function) else check.function()
        said = _said(value)
        if said is None:
            return pond.find(check.name, value)
    except Exception as error:
        explained = pond.explained(error)
        if explained is error:
            raise
        raise explained.with_traceback(error.__traceback__) from None
    if said:
        return CheckResult(check.name)
    return CheckResult(check.name, outcome="failed", message="It returned False.")


def _said(value: object) -> bool | None:
    """What a check that returns no rows says. None: it returned rows."""
    if value is None or value is True or value is False:
        return value is not False
    kind = type(value)
    # NumPy's, which pandas gives: (frame.amount > 0).all()
    return bool(value) if kind.__module__ == "numpy" and kind.__name__.startswith("bool") else None


def _words_of(error: AssertionError) -> str:
    """Its own words; without any, the line that raised it."""
    if words := readable(error).strip():
        return cut(words, MOST_WORDS)
    frames = traceback.extract_tb(error.__traceback__)
    return cut((frames[-1].line if frames else "") or "AssertionError", MOST_WORDS)


def _ends_all(error: Exception, pond: CheckPond) -> bool:
    """Whether no other check need be made: AWS does not answer, or there is no memory left."""
    from duckdb import OutOfMemoryException  # noqa: PLC0415 - the worker starts without DuckDB

    lacks_memory = isinstance(error, MemoryError | OutOfMemoryException)
    return lacks_memory or isinstance(error, TransientError) or pond.outage(error) is not None
