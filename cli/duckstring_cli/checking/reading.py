"""What a project's files say of the tables that it reads and writes, without running them.

SQL counts in ``src/ripples/*.sql`` and ``src/checks/*.sql``, and in Python where a text that is
written out is given to ``pond.con.sql``, ``execute``, ``query``, ``read_table`` or ``write_table``,
or returned by a check.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from duckstring.author.check_file import find_checks
from duckstring.author.sql_file import sql_files
from duckstring.author.writers import WRITES, Function, calls_in, functions_of, written_name
from duckstring.errors import DuckstringError

_RUN = frozenset({"sql", "execute", "query"})
_PUT_TOGETHER = "SQL that is put together as it runs"
_READ = frozenset({"read_table", "source_table", "read_delta"})


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement. ``line``: where its first line stands in the file; ``columns``: whether the
    file's columns are the statement's. ``writes``: the table that gets its rows.
    """

    file: str
    line: int
    text: str
    columns: bool = False
    writes: str = ""

    def at(self, line: int, column: int) -> str:
        """Where a place of the statement is in the file."""
        place = f"{self.file}:{self.line + line - 1}"
        return f"{place}:{column}" if self.columns else place


@dataclass(frozen=True, slots=True)
class Named:
    """A table named in Python: ``pond.read_table("sales.orders")``."""

    where: str
    name: str


@dataclass(slots=True)
class Reading:
    """One project's files. ``unknown``: places whose tables cannot be known, with the reason.
    ``used``: reads whose rows Python goes on with, by methods that nobody looks at.

    ``open_writes``: whether it writes tables whose names cannot be known.
    """

    sql: list[Sql] = field(default_factory=list)
    reads: list[Named] = field(default_factory=list)
    used: list[Named] = field(default_factory=list)
    writes: list[Named] = field(default_factory=list)
    kept: list[Named] = field(default_factory=list)
    dropped: list[Named] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    open_writes: bool = False

    def tables_written(self) -> set[str]:
        """The names of all tables that it is known to write or keep."""
        return {one.name for one in (*self.writes, *self.kept)}


def read_project(root: Path, files: Iterable[str]) -> Reading:
    """Read the files of a package.

    Args:
        root: the project's folder.
        files: the paths in the package.
    """
    reading = Reading()
    for file in sql_files(root):
        try:
            text = file.text()
        except DuckstringError:
            continue  # the import of the package says so
        reading.sql.append(Sql(file.shown, 1, text, columns=True, writes=file.name))
        reading.writes.append(Named(f"{file.shown}:1", file.name))
    for one in find_checks(root)[0]:
        if one.file is not None:
            reading.sql.append(Sql(one.file.shown, 1, one.file.text(), columns=True))
    for name in files:
        if name.endswith(".py"):
            _read_python(root / name, name, reading)
    return reading


def _read_python(path: Path, shown: str, reading: Reading) -> None:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return  # the import says so
    done: set[int] = set()
    whole = _named_once(tree.body)
    for function in functions_of(tree):
        given = {**whole, **_named_once([function])}
        module = _Module(shown, reading, given, done, _used_in(function))
        # Writes first: a statement whose rows are written is taken down once, with its table.
        for call in sorted(calls_in(function), key=lambda one: _attribute(one) not in WRITES):
            module.call(call)
        if _is_check(function):
            for one in ast.walk(function):
                if isinstance(one, ast.Return):
                    module.returned(one)


def _is_check(function: Function) -> bool:
    decorators = (one.func if isinstance(one, ast.Call) else one for one in function.decorator_list)
    return any(getattr(one, "id", getattr(one, "attr", "")) == "check" for one in decorators)


def _used_in(function: ast.AST) -> set[int]:
    """Calls on whose result a method is called, at once or by the only name that it gets."""
    named = {
        one.targets[0].id: one.value
        for one in ast.walk(function)
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    }
    owners = (one.value for one in ast.walk(function) if isinstance(one, ast.Attribute))
    held = (named.get(one.id) if isinstance(one, ast.Name) else one for one in owners)
    return {id(one) for one in held if isinstance(one, ast.Call)}


def _attribute(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _named_once(body: Sequence[ast.stmt]) -> dict[str, ast.expr]:
    """What gets a name once: ``SQL = "SELECT ..."``."""
    given: dict[str, list[ast.expr]] = {}
    for one in (found for part in body for found in ast.walk(part)):
        if isinstance(one, ast.Assign):
            for target in one.targets:
                if isinstance(target, ast.Name):
                    given.setdefault(target.id, []).append(one.value)
    return {name: values[0] for name, values in given.items() if len(values) == 1}


class _Module:
    """The calls of one Python module."""

    def __init__(
        self,
        shown: str,
        reading: Reading,
        given: Mapping[str, ast.expr],
        done: set[int],
        used: Container[int],
    ) -> None:
        self._shown, self._reading, self._given = shown, reading, given
        self._done, self._used = done, used

    def call(self, call: ast.Call) -> None:
        """Take down what one call reads or writes."""
        if id(call) in self._done:
            return
        self._done.add(id(call))
        attribute, value = _attribute(call), _first(call)
        where = f"{self._shown}:{call.lineno}"
        if attribute in _RUN and _is_con(call):
            self._sql(call, value)
        elif attribute in _READ:
            self._named(value, where, self._reading.reads, f"the table that {attribute} reads")
            if id(call) in self._used and (text := self._text(value)) is not None:
                self._reading.used.append(Named(where, str(text.value)))
        elif attribute == "has_table" and (text := self._text(value)):
            self._reading.asked.add(str(text.value))
        elif attribute in WRITES:
            self._write(call, where)
        elif attribute in {"keep_table", "drop_table"}:
            held = self._reading.kept if attribute == "keep_table" else self._reading.dropped
            self._named(value, where, held, f"the table that {attribute} names")

    def returned(self, what: ast.Return) -> None:
        """Take down the SQL that a check returns."""
        if (text := self._text(what.value)) is not None:
            self._add(text)
        elif isinstance(what.value, ast.JoinedStr):
            self._reading.unknown.append((f"{self._shown}:{what.lineno}", _PUT_TOGETHER))

    def _write(self, call: ast.Call, where: str) -> None:
        name = written_name(call) or ""
        first = _first(call)
        if not name and (text := self._text(first)):
            name = str(text.value)
        if not name:
            self._reading.open_writes = True
            self._reading.unknown.append((where, "the name of a table that is written"))
            return
        self._reading.writes.append(Named(where, name))
        data = self._value(call.args[1] if len(call.args) > 1 else _keyword(call, "data"))
        if isinstance(data, ast.Call) and _attribute(data) in _RUN and _is_con(data):
            self._done.add(id(data))
            self._sql(data, _first(data), name)
        elif (text := self._text(data)) is not None:
            self._add(text, name)
        elif isinstance(data, ast.JoinedStr | ast.BinOp):
            self._reading.unknown.append((where, _PUT_TOGETHER))

    def _sql(self, call: ast.Call, value: ast.expr | None, writes: str = "") -> None:
        if (text := self._text(value)) is not None:
            self._add(text, writes)
        elif value is not None:
            self._reading.unknown.append((f"{self._shown}:{call.lineno}", _PUT_TOGETHER))

    def _add(self, text: ast.Constant, writes: str = "") -> None:
        self._reading.sql.append(Sql(self._shown, text.lineno, str(text.value), writes=writes))

    def _named(self, value: ast.expr | None, where: str, into: list[Named], what: str) -> None:
        if (text := self._text(value)) is not None:
            into.append(Named(where, str(text.value)))
        else:
            self._reading.unknown.append((where, what))

    def _value(self, value: ast.expr | None) -> ast.expr | None:
        return self._given.get(value.id) if isinstance(value, ast.Name) else value

    def _text(self, value: ast.expr | None) -> ast.Constant | None:
        found = self._value(value)
        if isinstance(found, ast.Constant) and isinstance(found.value, str):
            return found
        return None


def _first(call: ast.Call) -> ast.expr | None:
    return call.args[0] if call.args else next((one.value for one in call.keywords), None)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _is_con(call: ast.Call) -> bool:
    """Whether it is called on ``pond.con``, or on a variable ``con``."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return name == "con"
