"""One project, looked at on this machine: its manifest, its package, its Ripples and its files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from duckstring.errors import AuthorError, DuckstringError
from duckstring.model.catalog import RippleSpec
from duckstring.model.names import Line
from duckstring.model.pondfile import PondFile
from duckstring_cli.checking.findings import Finding
from duckstring_cli.checking.reading import Reading, read_project

_PLACE = re.compile(r"^((?:[^\s:]+/)?[^\s:]+\.(?:py|sql|toml)(?::\d+){0,2}): ", re.ASCII)
_FRAME = re.compile(r'^  File "([^"]+)", line (\d+)', re.MULTILINE)
_ENVIRONMENT = "Define "
_ELSEWHERE = "It was looked for on this machine; the Catchment's may have it."


@dataclass(slots=True)
class LocalPond:
    """A project that was looked at. ``content``: its package. ``ripples`` is None if they are not
    known.
    """

    root: Path
    shown: str
    pondfile: PondFile
    document: Mapping[str, Any]
    sha256: str = ""
    content: bytes = b""
    ripples: tuple[RippleSpec, ...] | None = None
    reading: Reading = field(default_factory=Reading)

    @property
    def line(self) -> Line:
        """Its line."""
        return self.pondfile.line

    @property
    def name(self) -> str:
        """Its Pond's name."""
        return self.pondfile.pond.name

    def path(self, where: str) -> str:
        """A place in the project, as the user would name it."""
        return where if self.shown in {"", "."} else f"{self.shown}/{where}"


def look(root: Path, *, runs_code: bool = True) -> tuple[LocalPond | None, list[Finding]]:
    """Look at one project.

    Args:
        root: its folder.
        runs_code: whether to import its modules, in a process of its own.

    Returns:
        The project, if its manifest can be read, and what was found.
    """
    from duckstring_cli import deploying

    shown = deploying.shown_path(root)
    try:
        [project] = deploying.read([root])
        pondfile = _pondfile(project.manifest)
    except DuckstringError as error:
        return None, [_of_manifest(line, error.hint) for line in error.message.splitlines()]
    pond = LocalPond(root, shown, pondfile, project.manifest)
    return pond, list(_look_at_code(pond, runs_code=runs_code))


def _pondfile(document: dict[str, Any]) -> PondFile:
    from duckstring.model.pondfile import from_object

    return from_object(document)


def _of_manifest(line: str, hint: str) -> Finding:
    where, _, message = line.partition(": ")
    return Finding("error", "", where, message or line, hint)


def _look_at_code(pond: LocalPond, *, runs_code: bool) -> Iterator[Finding]:
    from duckstring_cli.package import package

    try:
        made = package(pond.root)
    except AuthorError as error:
        yield from _faults(pond, error.message, error.hint)
        return
    pond.sha256, pond.content = made.sha256, made.content
    pond.reading = read_project(pond.root, made.files)
    for warning in made.warnings:
        yield Finding("warning", pond.name, "", warning)
    if runs_code:
        yield from _discovered(pond, made.content)


def _discovered(pond: LocalPond, content: bytes) -> Iterator[Finding]:
    from duckstring.worker.discover import Module, clean_environment, discover

    module = Module(content, pond.sha256, pond.pondfile.pond.ripples)
    answer: Any = discover(module, variables=clean_environment(os.environ, {}))
    if answer["ok"]:
        found = [{**spec, "parents": tuple(spec["parents"])} for spec in answer["ripples"]]
        pond.ripples = tuple(msgspec.convert(found, list[RippleSpec]))
        return
    error = answer["error"]
    if _is_elsewhere(pond, error):
        where = _last_frame(error["traceback"], pond)
        yield Finding(
            "warning",
            pond.name,
            where,
            f"{error['message']}, so its Ripples are not known.",
            _ELSEWHERE,
        )
        return
    place = _last_frame(error["traceback"], pond)
    yield from _faults(pond, error["message"], error["hint"], place)


def _is_elsewhere(pond: LocalPond, error: Mapping[str, str]) -> bool:
    """Whether the Catchment may have what the import lacked: a package, or a variable."""
    if error["type"] == "KeyError":
        return error["hint"].startswith(_ENVIRONMENT)
    found = re.search(r"No module named '([^'.]+)", error["message"])
    if error["type"] != "ModuleNotFoundError" or found is None:
        return False
    name = found[1]
    folders = (pond.root, (pond.root / pond.pondfile.pond.ripples).parent)
    return name != "duckstring" and not any(
        (folder / name).exists() or (folder / f"{name}.py").exists() for folder in folders
    )


def _last_frame(traceback: str, pond: LocalPond) -> str:
    frames = [found for found in _FRAME.findall(traceback) if (pond.root / found[0]).is_file()]
    return pond.path(":".join(frames[-1])) if frames else ""


def _faults(pond: LocalPond, message: str, hint: str, place: str = "") -> Iterator[Finding]:
    hints: Sequence[str] = hint.splitlines()
    lines = message.splitlines()
    for number, line in enumerate(lines):
        found = _PLACE.match(line)
        where = pond.path(found[1]) if found else place or pond.shown
        own_hint = hints[number] if len(hints) == len(lines) else " ".join(hints)
        yield Finding("error", pond.name, where, line[found.end() :] if found else line, own_hint)
