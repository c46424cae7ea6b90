"""Executes the Puddles and stores what they give as Parquet in ``puddles/in``. All of them, or
none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.author.lake import Lake
from duckstring.errors import DuckstringError, nearest
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line, parse_line
from duckstring.puddles.declared import Puddle, read_puddles
from duckstring.puddles.errors import CodeFailedError, PuddleError
from duckstring.puddles.inputs import (
    Input,
    Inputs,
    add_inputs,
    file_of,
    input_key,
    read_inputs,
)
from duckstring.puddles.isolated import isolated
from duckstring.puddles.project import LocalPond
from duckstring.puddles.rows import file_in, readable_rows
from duckstring.puddles.storage import FolderStorage
from duckstring.worker.calling import Fault, fault
from duckstring.worker.project import Project

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


_SAID = 3
"""Lines of DuckDB's message: of a file that cannot be read, the third says why."""
_MODULE = "puddles.py"
PART = ".part-"
"""How the names of folders begin that are not ready yet."""


@dataclass(frozen=True, slots=True)
class PuddlePond:
    """What a Puddle's function may take, in the place of a Ripple's Pond: ``con``, a DuckDB in
    which the tables of the Puddles above are ``source.table``.
    """

    con: DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Made:
    """One table as a Puddle made it."""

    ref: str
    rows: int
    bytes: int
    fingerprint: str
    files: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What came of all Puddles. ``faults``: what is wrong with them, one line each; ``raised``:
    what the author's code raised, and where that stands.
    """

    made: list[Made] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    raised: list[tuple[str, Fault]] = field(default_factory=list)
    hint: str = ""


def hydrate(
    pond: LocalPond,
    now: Instant,
    *,
    only: str | None = None,
    here: bool = False,
    needed: bool = True,
) -> list[Made]:
    """Execute the Puddles of the project, and store what they give.

    Args:
        pond: the project.
        now: this instant.
        only: a Source; otherwise all.
        here: in this process, for a debugger.
        needed: at least one Puddle has to be declared.

    Raises:
        PuddleError: every mistake, one line each. Nothing was stored.
        CodeFailedError: a Puddle raised. Nothing was stored.
    """
    check_source(pond, only)
    if not pond.puddles.is_file():
        raise PuddleError(
            [f"The project has no {pond.pondfile.pond.puddles}."],
            hint='Write it: docs/author.md, "Run and test on your own machine".',
        )
    with partial_folder(pond.inputs) as folder:
        make = partial(_execute, pond, folder, only, needed=needed)
        found = make() if here else isolated(make, pond.pondfile.pond.puddles)
        _refuse(found)
        move_in(pond, folder, [one.ref for one in found.made])
    new = {
        one.ref: Input(one.rows, one.bytes, one.fingerprint, now, now, files=one.files)
        for one in found.made
    }
    gone = {ref for ref in _made_by_puddles(pond) if only in {None, ref.partition(".")[0]}}
    all_made = now if only is None else None
    seen = stamps(pond, [name for one in found.made for name in one.files], module=only is None)
    add_inputs(pond, new, removed=frozenset(gone - new.keys()), all_made=all_made, seen=seen)
    return found.made


def stamps(pond: LocalPond, files: Iterable[str], *, module: bool) -> dict[str, str]:
    """Size and time of files, by their paths in the project, and of ``puddles.py``. Another one is
    another file, also where it is older.
    """
    named = {
        **({_MODULE: pond.puddles} if module else {}),
        **{one: pond.root / one for one in files},
    }
    found = {}
    for name, path in named.items():
        if path.is_file():
            held = path.stat()
            found[name] = f"{held.st_size} {held.st_mtime_ns}"
    return found


def check_source(pond: LocalPond, source: str | None) -> None:
    """Refuse what is not a Source of the Pond.

    Raises:
        PuddleError: it is none.
    """
    known = sorted({*pond.sources, pond.name})
    if source is not None and source not in known:
        has = ", ".join(sorted(pond.sources)) or "none"
        raise PuddleError(
            [f"{source!r} is not a Source of this Pond; pond.toml has {has}."],
            hint=nearest(source, known),
        )


def is_stale(pond: LocalPond, inputs: Inputs) -> bool:
    """Whether puddles.py, or a file that a Puddle gave, is another one than when they were
    executed.
    """
    if not pond.puddles.is_file():
        return False
    if inputs.hydrated == NEVER or not set(inputs.made) <= inputs.tables.keys():
        return True
    files = [name for one in inputs.tables.values() if not one.catchment for name in one.files]
    return stamps(pond, files, module=True) != inputs.seen


def forget_made(pond: LocalPond) -> None:
    """Forget what Puddles have made, because puddles.py is gone."""
    if made := _made_by_puddles(pond):
        add_inputs(pond, {}, removed=frozenset(made), all_made=NEVER)


def _made_by_puddles(pond: LocalPond) -> set[str]:
    return {ref for ref, one in read_inputs(pond).tables.items() if not one.catchment}


@contextmanager
def partial_folder(inputs: Path) -> Iterator[Path]:
    """A folder beside what it is to replace, on the same disk."""
    folder = inputs / f"{PART}{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move_in(pond: LocalPond, folder: Path, refs: Iterable[str]) -> None:
    """Put the files of these tables where Ripples read them."""
    for ref in refs:
        target = file_of(pond.inputs, ref)
        target.parent.mkdir(parents=True, exist_ok=True)
        file_of(folder, ref).replace(target)


def _refuse(found: _Found) -> None:
    if found.faults:
        raise PuddleError(found.faults, hint=found.hint)
    if found.raised:
        where, one = found.raised[0]
        more = f" ({len(found.raised) - 1} more failed)" if len(found.raised) > 1 else ""
        message = next((line for line in one.message.splitlines() if line.strip()), "")
        raise CodeFailedError(
            f"{where} raised {one.error}: {message}{more}", traceback=one.traceback
        )


def _execute(pond: LocalPond, folder: Path, only: str | None, *, needed: bool) -> _Found:
    """In a process of its own: import the module, call the functions, write what they give."""
    project, found = Project(pond.root.resolve(), pond.pondfile.pond.puddles), _Found()
    try:
        puddles = read_puddles(pond, project)
    except PuddleError as error:
        found.faults += error.faults
        found.hint = error.hint
        return found
    except BaseException as error:  # noqa: BLE001 - whatever an author's module raises
        found.raised.append((pond.pondfile.pond.puddles, fault(error, project)))
        return found
    wanted = [one for one in puddles if only in {None, one.owner}]
    if not wanted and needed:
        of = f" of {only!r}" if only else ""
        found.faults.append(f"{pond.pondfile.pond.puddles} declares no Puddle{of}.")
        return found
    storage = FolderStorage(Line(""), inputs=folder, outputs=folder, search=project.root)
    lake = Lake(storage)
    for one in wanted:
        _call(one, pond, lake, project, found)
    lake.close()
    return found


def _call(one: Puddle, pond: LocalPond, lake: Lake, project: Project, found: _Found) -> None:
    major = majors(pond)[one.owner]
    try:
        value = (
            one.function(PuddlePond(lake.con))
            if signature(one.function).parameters
            else one.function()
        )
    except BaseException as error:  # noqa: BLE001 - whatever an author's code raises
        found.raised.append((f"Puddle {one.ref} ({one.where})", fault(error, project)))
        return
    key = input_key(one.owner, major, one.table)
    try:
        rows = readable_rows(one.ref, value, lake.con, project.root)
        written = lake.write(one.ref, rows, key=key, is_measured=True)
        lake.show({(one.owner, one.table): written})  # for the Puddles below
    except DuckstringError as error:
        found.faults.append(f"{one.where}: {error.message} {error.hint}".rstrip())
        return
    except Exception as error:  # noqa: BLE001 - DuckDB's own, of the author's SQL or file
        said = " ".join(" ".join(str(error).splitlines()[:_SAID]).split())
        found.faults.append(f"{one.where}: Table {one.ref!r}: {type(error).__name__}: {said}")
        return
    file = file_in(value)
    files = (os.path.relpath(project.root / file, project.root),) if file else ()
    found.made.append(Made(one.ref, written.rows, written.bytes, written.fingerprint, files))


def majors(pond: LocalPond) -> Mapping[str, int]:
    """The major version of each Source that the Pond reads, and its own."""
    own = {pond.name: parse_line(pond.line)[1]}
    return own | {name: parse_line(spec.line)[1] for name, spec in pond.sources.items()}
