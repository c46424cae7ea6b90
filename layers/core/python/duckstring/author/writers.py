"""Which tables a Ripple's function writes, as far as its source says so: ``pond.write_table("a")``.

Only names that are written out count, in the function and in functions of its module that it calls.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

WRITES = frozenset({"write_table", "append_table", "merge_table", "adopt_table"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


def tables_written(function: Callable[..., object]) -> frozenset[str]:
    """The tables that a function writes by name. Empty: none, or its source is not known."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or (functions := _functions(code.co_filename)) is None:
        return frozenset()
    found = next((one for one in functions if _first_line(one) == code.co_firstlineno), None)
    return frozenset() if found is None else frozenset(written_by(found, by_name(functions)))


def written_by(function: Function, functions: Mapping[str, Function]) -> dict[str, int]:
    """The tables that a function writes by name, with the line of the first such call.

    Args:
        function: where to begin.
        functions: those of its module, by name: what it calls of them is looked at, too.
    """
    found: dict[str, int] = {}
    ahead, seen = [function], {function}
    while ahead:
        for call in calls_in(ahead.pop()):
            if (name := written_name(call)) is not None:
                found.setdefault(name, call.lineno)
            called = functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
            if called is not None and called not in seen:
                seen.add(called)
                ahead.append(called)
    return found


def calls_in(node: ast.AST) -> Iterator[ast.Call]:
    """Every call in a piece of source."""
    return (one for one in ast.walk(node) if isinstance(one, ast.Call))


def written_name(call: ast.Call) -> str | None:
    """The table of a call such as ``pond.write_table("orders", ...)``, if it is written out."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in WRITES:
        return None
    named = (one.value for one in call.keywords if one.arg == "name")
    value = call.args[0] if call.args else next(named, None)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def functions_of(tree: ast.AST) -> list[Function]:
    """All functions of a module. Several may have one name: ``@ripple(name="a") def _(pond)``."""
    return [
        one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def by_name(functions: Iterable[Function]) -> dict[str, Function]:
    """Functions by name, the last one of each."""
    return {one.name: one for one in functions}


def _first_line(function: Function) -> int:
    return min([function.lineno, *(one.lineno for one in function.decorator_list)])


@lru_cache(maxsize=64)
def _functions(path: str) -> list[Function] | None:
    try:
        return functions_of(ast.parse(Path(path).read_bytes()))
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
