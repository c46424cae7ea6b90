"""The checks of a package as rules of quality. Nothing of the package is run.

A check in SQL is a file of ``src/checks``, or an ``@check`` whose function returns a text that is
written out. Of any other ``@check`` its name and its severity are known, as far as its source says
them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from duckstring.author.check import SEVERITIES
from duckstring.author.check_file import find_checks
from duckstring.author.statements import Select, StatementError, Statements
from duckstring.author.writers import Function, calls_in, functions_of
from duckstring.errors import DuckstringError
from duckstring.model.checks import PREVIOUS

_MEANING: Mapping[str, tuple[str, str]] = {
    "fail": ("error", "If it finds any, nothing of the run is published."),
    "warn": ("warning", "If it finds any, the run is published with a warning."),
}
_READS = frozenset({"read_table", "sql", "query", "execute"})
_OWN = frozenset({"", PREVIOUS})
_READ_NOTHING = frozenset({"generate_series", "range", "unnest"})
_REPLACED = re.compile(r"\{\w+\}", re.ASCII)
"""The standard's tools put names in the place of these."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. ``severity`` is empty if it is not known, ``sql`` if it is none.

    ``tables``: those of its Pond that it certainly reads, in lower case. ``query``: SQL that counts
    the rows that must not exist, if it needs nothing but these tables.
    """

    name: str
    severity: str = ""
    file: str = ""
    sql: str = ""
    tables: frozenset[str] = frozenset()
    query: str = ""

    def to_quality(self) -> dict[str, object]:
        """As the standard has it: SQL that counts the rows which must not exist, if the tables of
        the contract are all that it needs. Otherwise a rule of Duckstring's own.
        """
        severity, then = _MEANING.get(self.severity, ("", ""))
        made: dict[str, object] = {"name": self.name}
        if severity:
            made["severity"] = severity
        made |= {"description": f"Rows that this finds must not exist. {then}".rstrip()}
        if self.query:
            return made | {"type": "sql", "query": self.query, "mustBe": 0}
        how = {"check": self.name, "file": self.file, "sql": self.sql}
        return made | {
            "type": "custom",
            "engine": "duckstring",
            "implementation": {key: value for key, value in how.items() if value},
        }


def rules_in(root: Path, known: Collection[str] | None) -> list[Rule]:
    """The checks of a package, by name.

    Args:
        root: the unpacked package.
        known: the names that the Catchment knows of; None: it does not say.
    """
    statements = Statements()
    found = {one.name: one for one in _in_python(root, statements)}
    found |= {one.name: one for one in _in_files(root, statements)}
    names = found if known is None else known
    return [found.get(name, Rule(name)) for name in sorted(names)]


def _in_files(root: Path, statements: Statements) -> Iterator[Rule]:
    for one in find_checks(root)[0]:
        if one.file is None:
            continue
        try:
            text = one.file.text().strip()
        except DuckstringError:
            text = ""
        yield _of_sql(one.name, one.severity, one.file.shown, text, statements)


def _in_python(root: Path, statements: Statements) -> Iterator[Rule]:
    for path in sorted(root.rglob("*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        shown = path.relative_to(root).as_posix()
        for function in functions_of(tree):
            if (words := _check_words(function)) is not None:
                yield _declared(function, words, shown, statements)


def _check_words(function: Function) -> dict[str, ast.expr] | None:
    """The arguments of its ``@check``; None: it has none."""
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if getattr(called, "id", getattr(called, "attr", "")) == "check":
            given = decorator.keywords if isinstance(decorator, ast.Call) else []
            return {one.arg: one.value for one in given if one.arg}
    return None


def _declared(
    function: Function, words: Mapping[str, ast.expr], shown: str, statements: Statements
) -> Rule:
    name = _text(words["name"]) if "name" in words else function.name
    severity = _text(words["severity"]) if "severity" in words else "fail"
    severity = severity if severity in SEVERITIES else ""
    if sql := _returned(function):
        return _of_sql(name, severity, shown, sql, statements)
    given = sorted({_text(one.args[0]) for one in calls_in(function) if _is_read(one)})
    tables = {text.lower().removeprefix(f"{PREVIOUS}.") for text in given}
    for read in (_select(statements, text) for text in given if " " in text):
        tables |= {one.table for one in (read.reads if read else ()) if one.schema in _OWN}
    return Rule(name, severity, shown, tables=frozenset(tables))


def _returned(function: Function) -> str:
    """The text that a function returns if that is all it does."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    only = body[0] if len(body) == 1 else None
    return _text(only.value) if isinstance(only, ast.Return) else ""


def _is_read(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in _READS and bool(call.args)


def _text(value: ast.expr | None) -> str:
    found = value.value if isinstance(value, ast.Constant) else None
    return found if isinstance(found, str) else ""


def _of_sql(name: str, severity: str, file: str, sql: str, statements: Statements) -> Rule:
    read = _select(statements, sql)
    if read is None:
        return Rule(name, severity, file, sql)
    own = frozenset(one.table for one in read.reads if one.schema in _OWN)
    alone = not any(one.schema for one in read.reads) and not read.unknown and not read.elsewhere
    is_whole = alone and read.functions <= _READ_NOTHING
    query = _counting(sql, statements) if is_whole else ""
    return Rule(name, severity, file, sql, own, query)


def _counting(sql: str, statements: Statements) -> str:
    """A query for the number of rows of another one; empty: it cannot be written."""
    query = f"SELECT count(*) FROM (\n{sql.rstrip().removesuffix(';')}\n)"  # noqa: S608 - it is not run
    is_plain = _REPLACED.search(query) is None
    return query if is_plain and _select(statements, query) is not None else ""


def _select(statements: Statements, sql: str) -> Select | None:
    try:
        return statements.select(sql)
    except (StatementError, ValueError):
        return None


def concerning(rules: Iterable[Rule], table: str) -> list[Rule]:
    """The rules that read a table."""
    return [one for one in rules if table.lower() in one.tables]
