"""Which Ripples have other code in one package than in another. Nothing of it is run.

A Ripple has changed if its own function or SQL has, or if other Python code of the package has: it
may call that. Comments and blank lines of Python count as nothing.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from duckstring.author.writers import Function
from duckstring.model.checks import CHECKS
from duckstring.model.names import CHECKS_FOLDER, SQL_FOLDER

_MOST_BYTES = 5_000_000
"""Of one file: what is larger is data."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code of one package. ``own``: of each Ripple; ``rest``: all other Python."""

    own: Mapping[str, str]
    rest: tuple[tuple[str, str], ...]

    def change_of(self, ripple: str, before: Code) -> str:
        """What of a Ripple's code is other than ``before``, in words; empty: nothing."""
        if self.own.get(ripple) != before.own.get(ripple):
            return "its code"
        is_sql = self.own.get(ripple, "").startswith(_SQL)
        return "code that it may call" if self.rest != before.rest and not is_sql else ""


_SQL = "sql:"


def code_of(package: bytes, module: str) -> Code | None:
    """The code in a package, whose Ripples are in ``module``. None: it cannot be read."""
    own: dict[str, str] = {}
    rest: list[tuple[str, str]] = []
    try:
        for name, content in _files(package):
            if PurePosixPath(name).parent == PurePosixPath(SQL_FOLDER):
                own[PurePosixPath(name).stem] = _SQL + content.decode("utf-8", "replace")
            elif PurePosixPath(name).parent == PurePosixPath(CHECKS_FOLDER):
                text = content.decode("utf-8", "replace")
                own[CHECKS] = f"{own.get(CHECKS, '')}{name}\n{text}\n"
            elif name.endswith(".py"):
                tree = ast.parse(content)
                if name == module:
                    own |= _taken_out(tree)
                rest.append((name, ast.dump(tree)))
    except (zipfile.BadZipFile, SyntaxError, ValueError, RecursionError):
        return None
    return Code(own, tuple(sorted(rest)))


def _files(package: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith((".py", ".sql")) and entry.file_size <= _MOST_BYTES:
                yield entry.filename, archive.read(entry)


def _taken_out(tree: ast.Module) -> dict[str, str]:
    """The Ripples' functions by the Ripples' names; they are taken out of the module."""
    found = {name: one for one in tree.body if (name := _ripple(one))}
    tree.body = [one for one in tree.body if one not in found.values()]
    return {name: ast.dump(one) for name, one in found.items()}


def _ripple(node: ast.stmt) -> str:
    """The name of the Ripple that a statement declares; empty: it declares none."""
    if not isinstance(node, Function):
        return ""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if getattr(called, "id", getattr(called, "attr", "")) == "ripple":
            words = decorator.keywords if isinstance(decorator, ast.Call) else []
            given = [word.value for word in words if word.arg == "name"]
            return next(
                (str(one.value) for one in given if isinstance(one, ast.Constant)), node.name
            )
    return ""
