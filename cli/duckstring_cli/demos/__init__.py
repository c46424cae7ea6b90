"""The projects that the CLI writes out: the demo Ponds, and an author's first Pond. They are
plain files in this package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template
from typing import Literal

from duckstring.errors import OperatorError
from duckstring.model.names import POND_NAME

DemoKind = Literal["flights", "external"]
ProjectKind = Literal["inlet", "pond", "outlet"]

Project = dict[PurePosixPath, bytes]

SCHEMA = PurePosixPath(".duckstring/pond.schema.json")
"""Where a project has the schema of its pond.toml: in a folder that no package holds."""

_PACKAGE_ONLY = {"__init__.py", "__pycache__", "service"}
"""What lies beside a demo's files because it is code of this package."""
_MOST_NAMED = 3


class WouldOverwriteError(OperatorError):
    """A file in the way differs from the one to be written."""

    def __init__(self, paths: list[Path]) -> None:
        """Name the files in the way."""
        more = len(paths) - _MOST_NAMED
        named = ", ".join(map(str, paths[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
        super().__init__(
            f"Nothing was written: {named} would be overwritten with something else.",
            hint="Move what is there away, or choose another folder.",
        )


class BadPondNameError(OperatorError):
    """A Pond cannot have this name."""

    def __init__(self, name: str) -> None:
        """Say what a name looks like."""
        super().__init__(
            (
                f"{name!r} cannot be a Pond's name: it starts with a lowercase letter and has "
                "lowercase letters, digits and _, at most 48."
            ),
            hint="Choose another, for example sales_by_day.",
        )


def write_demo(kind: DemoKind, target: Path) -> list[Path]:
    """Write a demo's Pond projects, each a folder under ``target``, and its requirements or
    environment file.

    Safe to repeat: a file that is there already and the same is left alone.

    Returns:
        Every file of the demo, sorted, whether written now or there before.

    Raises:
        WouldOverwriteError: a file is there already and differs; nothing was written.
    """
    return _write(dict(_contents(files(__package__) / kind)), target)


def write_project(name: str, target: Path, kind: ProjectKind = "pond") -> list[Path]:
    """Write a first Pond project into ``target``: it deploys and runs as it is.

    Returns:
        Every file of the project, sorted, whether written now or there before.

    Raises:
        BadPondNameError: no Pond can have this name.
        WouldOverwriteError: a file is there already and differs; nothing was written.
    """
    if not POND_NAME.fullmatch(name):
        raise BadPondNameError(name)
    template = files(__package__) / "project"
    # Kept under another name in the package: git would obey it there.
    project = {
        path.with_name(path.name.replace("gitignore", ".gitignore")): content
        for path, content in _contents(template)
    }
    words = {"name": name, "type": kind}
    written = {
        path: Template(content.decode()).substitute(words).encode()
        for path, content in project.items()
    }
    return _write({**written, SCHEMA: schema_text().encode()}, target)


def schema_text() -> str:
    """The JSON schema of pond.toml, as a file has it."""
    from duckstring.model.pondfile import schema

    return json.dumps(schema(), indent=2) + "\n"


def _contents(folder: Traversable, below: str = "") -> Iterator[tuple[PurePosixPath, bytes]]:
    for entry in folder.iterdir():
        if entry.name in _PACKAGE_ONLY:
            continue
        if entry.is_dir():
            yield from _contents(entry, f"{below}{entry.name}/")
        else:
            yield PurePosixPath(below + entry.name), entry.read_bytes()


def _write(project: Project, target: Path) -> list[Path]:
    """Look at everything first: half a project is worse than none."""
    wanted = {target / path: content for path, content in sorted(project.items())}
    if in_the_way := [
        path for path, content in wanted.items() if _is_in_the_way(path, content, target)
    ]:
        raise WouldOverwriteError(in_the_way)
    for path, content in wanted.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return list(wanted)


def _is_in_the_way(path: Path, content: bytes, target: Path) -> bool:
    folders = [parent for parent in path.parents if parent == target or target in parent.parents]
    if any(folder.exists() and not folder.is_dir() for folder in folders):
        return True
    return path.is_dir() or (path.exists() and path.read_bytes() != content)
