"""The texts that the code of one Ripple can use: strings in its function, in what that calls, and
in what its module does when it is imported.

SQL that a Ripple gives to DuckDB by itself stands in such a text, or is put together from several.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from duckstring.author.sql_file import SUFFIX
from duckstring.author.writers import WRITES, Function, by_name, calls_in, functions_of
from duckstring.model.names import SQL_FOLDER

_ELSEWHERE = frozenset(
    {
        *("__import__", "compile", "eval", "exec", "globals", "import_module", "locals", "vars"),
        *("files", "get_data", "load", "loads", "open", "read_bytes", "read_text", "safe_load"),
    }
)
"""Calls by which a text may come from where it is not seen: another file, or code made of text."""
_MOST_FILES = 200
_MOST_BYTES = 2_000_000


class Text(NamedTuple):
    """A string. ``is_whole``: it is used as it stands; otherwise it is a piece of one."""

    text: str
    is_whole: bool


def texts_of(function: Callable[..., object], root: Path) -> list[Text] | None:
    """The texts that a Ripple's function can use. None: they cannot be known.

    Args:
        function: the Ripple's.
        root: the folder of its package.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return None
    home, root = Path(code.co_filename).resolve(), root.resolve()
    if not home.is_relative_to(root):
        file = root / SQL_FOLDER / f"{function.__name__}{SUFFIX}"
        return [Text(file.read_text(encoding="utf-8-sig"), is_whole=True)]
    try:
        return list(_Reach(root).texts(home, code.co_firstlineno))
    except (_UnseenError, OSError, ValueError, SyntaxError, RecursionError):
        return None


class _UnseenError(Exception):
    """A text may come from where it is not looked for."""


class _Reach:
    """One search."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: set[Path] = set()
        self._left = _MOST_BYTES

    def texts(self, home: Path, first_line: int) -> Iterator[Text]:
        """Of the function that begins there, and of what it reaches."""
        tree = self._parsed(home)
        functions = functions_of(tree)
        start = next((one for one in functions if _first_line(one) == first_line), None)
        if start is None:
            raise _UnseenError
        known = by_name(functions)
        top = _without_functions(tree)
        ahead: list[ast.AST] = [*top, *start.body, start.args]
        seen: set[ast.AST] = set()
        while ahead:
            node = ahead.pop()
            if node in seen:
                continue
            seen.add(node)
            yield from self._texts_in(node, home)
            ahead += _called(node, known)

    def _texts_in(self, node: ast.AST, home: Path) -> Iterator[Text]:
        if any(_name_of(call.func) in _ELSEWHERE for call in calls_in(node)):
            raise _UnseenError
        yield from _strings(node)
        for one in ast.walk(node):
            if isinstance(one, ast.Import | ast.ImportFrom):
                for file in self._imported(one, home):
                    yield from self._whole(file)

    def _whole(self, file: Path) -> Iterator[Text]:
        """All texts of a module of the package, and of the modules that it imports."""
        if file in self._files:
            return
        self._files.add(file)
        if len(self._files) > _MOST_FILES:
            raise _UnseenError
        yield from self._texts_in(self._parsed(file), file)

    def _parsed(self, file: Path) -> ast.Module:
        content = file.read_bytes()
        self._left -= len(content)
        if self._left < 0:
            raise _UnseenError
        return ast.parse(content)

    def _imported(self, node: ast.Import | ast.ImportFrom, home: Path) -> Iterator[Path]:
        """The files of the package that an import may mean."""
        if isinstance(node, ast.Import):
            names, folders = [one.name for one in node.names], [self._root, home.parent]
        else:
            base = node.module or ""
            names = [base, *(f"{base}.{one.name}".strip(".") for one in node.names)]
            folders = [self._root, home.parent]
            if node.level:
                folders = [home.parents[node.level - 1]]
        folders.append(self._root / "src")
        for name in filter(None, names):
            path = Path(*name.split("."))
            for folder in folders:
                for file in (folder / path.with_suffix(".py"), folder / path / "__init__.py"):
                    if file.is_file() and file.resolve().is_relative_to(self._root):
                        yield file.resolve()


def _without_functions(tree: ast.Module) -> list[ast.AST]:
    """What a module does when it is imported: also what its classes hold."""
    return [node for node in tree.body if not isinstance(node, Function)]


def _called(node: ast.AST, known: Mapping[str, Function]) -> list[ast.AST]:
    """The functions of the module that a piece of code names. Decorators are left out: one of a
    Ripple names its parents.
    """
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    found = [known[name] for name in names if name in known]
    return [part for one in found for part in (*one.body, one.args)]


def _strings(node: ast.AST) -> Iterator[Text]:
    skipped: set[int] = set()
    for one in ast.walk(node):
        if id(one) in skipped:
            continue
        match one:
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in WRITES:
                skipped |= set(map(id, _names_written(one)))
            case ast.Expr(value=ast.Constant(value=str())):
                skipped.add(id(one.value))  # a docstring
            case ast.JoinedStr() | ast.BinOp():
                pieces = [part for part in ast.walk(one) if isinstance(part, ast.Constant)]
                skipped |= set(map(id, pieces))
                yield from (Text(str(part.value), is_whole=False) for part in pieces)
            case ast.keyword(arg=str() as arg):
                yield Text(arg, is_whole=False)
            case ast.Constant(value=str() as value):
                yield Text(value, is_whole=any(map(str.isspace, value)))
            case _:
                pass


def _names_written(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args[:1]
    yield from (one.value for one in call.keywords if one.arg == "name")


def _name_of(called: ast.expr) -> str:
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _first_line(function: Function) -> int:
    return min([function.lineno, *(one.lineno for one in function.decorator_list)])
