"""SQL Ripples: a file ``src/ripples/NAME.sql`` with one SELECT is the Ripple NAME, which writes the
table NAME.

Its parents are the Ripples that write the tables that it reads. Lines of the comment at its
beginning may set what ``@ripple`` takes: ``-- timeout: 2h``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from duckstring.author.errors import RippleError
from duckstring.author.retrying import check_delay, check_errors
from duckstring.author.ripple import Declared, check_memory, check_timeout, check_uses, declare
from duckstring.author.sql_file import SUFFIX, SqlFile, option_lines, sql_files, writer_of
from duckstring.author.statements import (
    NO_SOURCES,
    Place,
    StatementError,
    Statements,
    TableRead,
)
from duckstring.author.writers import tables_written
from duckstring.errors import nearest
from duckstring.model.catalog import RippleSpec
from duckstring.model.foreign import for_terminal
from duckstring.model.names import POND_NAME, SQL_FOLDER

_OPTIONS = ("parents", "timeout", "memory", "always_run", "uses", "retry_delay", "retry_on")
_ALIKE = 0.8
Checked = TypeVar("Checked")
_FLAGS = {"true": True, "false": False}
_PARENTS_HINT = "Name the Ripple that writes it, in a line at the top: -- parents: load"


def declare_sql(root: Path, python: Sequence[Declared]) -> None:
    """Declare the SQL Ripples of a package, in a ``collecting`` block.

    Args:
        root: the unpacked package.
        python: the Ripples of its Python module.
    """
    if not (files := sql_files(root)):
        return
    reading = _Reading(root, python, files)
    for file in files:
        read = reading.read(file)
        declare(None if read.spec is None else Declared(read.spec, writer_of(file)), read.faults)


@dataclass(slots=True)
class _Read:
    """What a file declares. ``spec`` is None if it cannot be a Ripple of this Pond."""

    spec: RippleSpec | None = None
    faults: list[RippleError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Options:
    parents: tuple[str, ...] | None = None
    timeout_seconds: int | None = None
    memory_mib: int | None = None
    always_run: bool = False
    uses: tuple[str, ...] = ()
    retry_delay_seconds: int = 0
    retry_on: tuple[str, ...] = ()


class _Reading:
    """The SQL files of one package."""

    def __init__(self, root: Path, python: Sequence[Declared], files: Sequence[SqlFile]) -> None:
        self._statements = Statements()
        self._python = {one.spec.name: one for one in python}
        self._sources = _sources(root)
        self._writers = {one.spec.name: tables_written(one.function) for one in python}
        self._sql = {file.name for file in files}

    def read(self, file: SqlFile) -> _Read:
        if (refused := self._misnamed(file)) is not None:
            return _Read(faults=[refused])
        read = _Read(RippleSpec(file.name))
        try:
            text = file.text()
        except RippleError as fault:
            return _Read(read.spec, [fault])
        options = _options(file, text, read.faults)
        parents = [*(options.parents or ()), *self._parents(file, text, options, read.faults)]
        read.spec = RippleSpec(
            file.name,
            tuple(dict.fromkeys(parents)),
            always_run=options.always_run,
            timeout_seconds=options.timeout_seconds,
            memory_mib=options.memory_mib,
            uses=options.uses,
            retry_delay_seconds=options.retry_delay_seconds,
            retry_on=options.retry_on,
        )
        return read

    def _misnamed(self, file: SqlFile) -> RippleError | None:
        shown = for_terminal(file.shown)
        if not POND_NAME.fullmatch(file.name) or file.path.suffix != SUFFIX:
            return RippleError(
                f"{shown}: a Ripple cannot be called {for_terminal(file.path.name)!r}; allowed: a "
                "lower-case letter, then lower-case letters, digits and _, at most 48, and .sql.",
                hint="Rename the file.",
            )
        if file.shown != f"{SQL_FOLDER}/{file.path.name}":
            return RippleError(
                f"{shown}: it lies too deep; allowed: {SQL_FOLDER}/{file.path.name}.",
                hint=f"Move SQL Ripples into {SQL_FOLDER}, and other SQL out of it.",
            )
        if file.name in self._python:
            return RippleError(
                f"{shown}: a Python Ripple is called {file.name!r}, too.",
                hint="Rename the file or the function, or remove one of them.",
            )
        if writers := self._python_writers(file.name):
            return RippleError(
                f"{shown}: Ripple {writers[0]!r} writes the table {file.name!r}, too.",
                hint="Rename the file, or let the Ripple write another table.",
            )
        return None

    def _python_writers(self, table: str) -> list[str]:
        return [name for name, tables in self._writers.items() if table in tables]

    def _parents(
        self, file: SqlFile, text: str, options: _Options, faults: list[RippleError]
    ) -> list[str]:
        try:
            found = self._statements.select(text)
        except StatementError as fault:
            faults.append(RippleError(_at(file, fault.at, fault.message), hint=fault.hint))
            return []
        if found.parameters:
            faults.append(
                RippleError(
                    f"{file.shown}: it has a parameter ($1 or ?), and nothing gives it a value.",
                    hint="Write the value, or use a Python Ripple.",
                )
            )
        if options.parents is None:
            faults += [_unknown_tables(file, *one) for one in found.unknown]
        parents: list[str] = []
        for read in found.reads:
            parents += self._writing(file, read, options, faults)
        return parents

    def _writing(
        self, file: SqlFile, read: TableRead, options: _Options, faults: list[RippleError]
    ) -> list[str]:
        """The Ripples that write a table."""
        if read.schema:
            faults += self._no_source(file, read)
            return []
        if not POND_NAME.fullmatch(read.table):
            return []  # a file: FROM 'orders.csv'
        if read.table == file.name:
            what = f"it reads the table {read.table!r}, which it writes itself."
            faults.append(
                RippleError(_at(file, read.at, what), hint="Use a Python Ripple for that.")
            )
            return []
        if read.table in self._sql:
            return [read.table]
        if not (writers := self._python_writers(read.table)) and options.parents is None:
            faults.append(self._nobody_writes(file, read))
        return writers

    def _no_source(self, file: SqlFile, read: TableRead) -> Iterator[RippleError]:
        if self._sources is None or read.schema in {*self._sources, *NO_SOURCES}:
            return
        meant = nearest(read.schema, self._sources, "did you mean {!r}? ")
        has = ", ".join(sorted(self._sources)) or "none"
        what = (
            f"it reads {for_terminal(read.ref)}, but {for_terminal(read.schema)!r} is not a Source "
            f"of this Pond; {meant}[sources] has {has}."
        )
        yield RippleError(
            _at(file, read.at, what), hint="Add the Source to pond.toml, or correct the name."
        )

    def _nobody_writes(self, file: SqlFile, read: TableRead) -> RippleError:
        known = {*self._sql, *(table for tables in self._writers.values() for table in tables)}
        known -= {file.name}
        meant = nearest(read.table, known, "did you mean {!r}? ")
        what = (
            f"it reads the table {for_terminal(read.table)!r}, and no Ripple of this Pond is known "
            f"to write it; {meant}known: {', '.join(sorted(known)) or 'none'}."
        )
        return RippleError(_at(file, read.at, what), hint=_PARENTS_HINT)


def _unknown_tables(file: SqlFile, function: str, at: Place) -> RippleError:
    return RippleError(
        _at(file, at, f"which tables {function}() reads cannot be known."),
        hint="Name the Ripples that write them, in a line at the top: -- parents: load, clean",
    )


def _at(file: SqlFile, at: Place, what: str) -> str:
    return f"{file.shown}:{at.line}:{at.column}: {what}"


def _sources(root: Path) -> frozenset[str] | None:
    """The names in [sources] of the package's pond.toml; None: it has none that can be read."""
    try:
        document = tomllib.loads((root / "pond.toml").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    found = document.get("sources", {})
    return frozenset(found) if isinstance(found, dict) else None


def _options(file: SqlFile, text: str, faults: list[RippleError]) -> _Options:
    """The options in the comment at the beginning of a file."""
    given: dict[str, str] = {}
    for number, word, value in option_lines(text):
        if word in _OPTIONS and word not in given:
            given[word] = value
        elif word in given or nearest(word, _OPTIONS, cutoff=_ALIKE):
            faults.append(_bad_option(f"{file.shown}:{number}", word, twice=word in given))
    called = file.name

    def checked(check: Callable[[str, object], Checked], word: str, otherwise: Checked) -> Checked:
        value = given.get(word)
        try:
            return check(called, _several(value) if word == "retry_on" else value)
        except RippleError as fault:
            faults.append(RippleError(f"{file.shown}: {fault.message}", hint=fault.hint))
            return otherwise

    uses: tuple[str, ...] = ()
    try:
        uses = check_uses(called, _several(given.get("uses", "")))
    except RippleError as fault:
        hint = "Write -- uses: databricks"
        faults.append(RippleError(f"{file.shown}: {fault.message}", hint=hint))
    flag = given.get("always_run", "false").lower()
    if flag not in _FLAGS:
        what = f"always_run: {for_terminal(flag)}; allowed: true or false."
        faults.append(RippleError(f"{file.shown}: {what}", hint="Write -- always_run: true"))
    parents = given.get("parents")
    return _Options(
        _several(parents),
        checked(check_timeout, "timeout", None),
        checked(check_memory, "memory", None),
        always_run=_FLAGS.get(flag, False),
        uses=uses,
        retry_delay_seconds=checked(check_delay, "retry_delay", 0),
        retry_on=checked(check_errors, "retry_on", ()),
    )


def _several(names: str | None) -> tuple[str, ...] | None:
    """Names with commas or spaces between."""
    return None if names is None else tuple(filter(None, re.split(r"[\s,]+", names)))


def _bad_option(where: str, word: str, *, twice: bool) -> RippleError:
    what = (
        f"{word}: stands there twice."
        if twice
        else f"unknown option {word}:; {nearest(word, _OPTIONS, 'did you mean {}?', cutoff=_ALIKE)}"
    )
    return RippleError(
        f"{where}: {what} Allowed: {', '.join(_OPTIONS)}.", hint="Correct the comment."
    )
