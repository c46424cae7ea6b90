"""Options that many commands share, and the Catchment that they name."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import typer

from duckstring.model import limits
from duckstring_cli import catchments, hints, rows
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError

CatchmentName = Annotated[
    str | None,
    typer.Option(
        "--catchment",
        "-c",
        metavar="NAME",
        envvar="DUCKSTRING_CATCHMENT",
        callback=hints.acts_on,
        help="The Catchment; otherwise the default one.",
    ),
]
Major = Annotated[
    int | None,
    typer.Option(
        "--major",
        "-m",
        min=0,
        metavar="N",
        help="The Pond's major version; otherwise the highest deployed.",
    ),
]
OfVersion = Annotated[
    str | None,
    typer.Option(
        "--version",
        "-v",
        metavar="VERSION",
        help="The line that this version belongs to: 1.2.0 is of major 1.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
MostRows = Annotated[
    int | None,
    typer.Option(
        "--limit",
        "-n",
        metavar="N",
        min=1,
        max=2**63 - 1,  # DuckDB's
        help=f"Rows at most; otherwise {rows.DEFAULT_LIMIT} on screen, all elsewhere.",
    ),
]
RowsAsCsv = Annotated[bool, typer.Option("--csv", help="All rows as CSV on stdout.")]
RowsAsJson = Annotated[bool, typer.Option("--json", help="All rows as JSON on stdout.")]
RowsInParquet = Annotated[
    Path | None, typer.Option("--parquet", metavar="FILE", help="All rows into a Parquet file.")
]


_DIGITS = 11
"""A major, and a number of a run, have fewer."""
_LINE: ContextVar[tuple[str, int] | None] = ContextVar("line", default=None)
"""The line that POND of this command names, and its major. None: it names none."""


def _short_enough(note: str | None) -> str | None:
    """Refused here, before a command that uploads or asks has done half of its work."""
    if note is not None and (size := limits.stored_bytes(note)) > limits.NOTE:
        raise BadInputError(
            f"The note has {size:,} bytes; allowed: {limits.NOTE}.",
            hint="Name where more is written, such as a ticket.",
        )
    return note


Note = Annotated[
    str | None,
    typer.Option(
        "--note",
        metavar="TEXT",
        callback=_short_enough,
        help="Why, for those who look later.",
        show_default=False,
    ),
]
Tagged = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        "-t",
        metavar="KEY=VALUE",
        help="Every Pond with this tag. Several: with all of them.",
        show_default=False,
    ),
]
EveryPond = Annotated[bool, typer.Option("--all", help="Every Pond.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="With --tag or --all: only show what it would do.")
]
SureYes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _only_the_name(pond: str | None) -> str | None:
    """Of what a Pond has with all its majors."""
    if pond is None:
        return None
    name, at, _ = pond.partition("@")
    if at:
        raise BadInputError(
            f"POND is a Pond's name alone, found {pond!r}.",
            hint=f"This is of a Pond with all its majors: {name or 'sales'}",
        )
    return _named(pond)


def _named(pond: str) -> str:
    if not pond.strip():
        raise BadInputError(
            f"POND is a Pond's name, found {pond!r}.",
            hint="List them with: duckstring status --once",
        )
    return pond


def pond_or_line(pond: str | None) -> str | None:
    """The Pond's name, of a name or of a line as messages write it, ``sales@1``: a callback of the
    argument. ``major_of`` gives the line's major.

    Raises:
        BadInputError: it is neither.
    """
    _LINE.set(None)
    if pond is None:
        return None
    name, at, digits = pond.partition("@")
    if not at:
        return _named(pond)
    if not (name.strip() and digits.isascii() and digits.isdigit() and len(digits) < _DIGITS):
        raise BadInputError(
            f"POND is a Pond's name or its line, found {pond!r}.",
            hint=f"For example {name.strip() or 'sales'}, or {name.strip() or 'sales'}@1.",
        )
    _LINE.set((pond, int(digits)))
    return name


PondName = Annotated[
    str,
    typer.Argument(
        metavar="POND",
        show_default=False,
        callback=pond_or_line,
        help="The Pond's name; or its line: sales@1.",
    ),
]
SomePond = Annotated[
    str | None,
    typer.Argument(
        metavar="POND", show_default=False, callback=pond_or_line, help="One Pond; otherwise all."
    ),
]
SomeWholePond = Annotated[
    str | None,
    typer.Argument(
        metavar="POND", show_default=False, callback=_only_the_name, help="One Pond; otherwise all."
    ),
]


def typed(line: str) -> str:
    """A line as a command takes it: ``sales -m 1``."""
    pond, _, major = line.partition("@")
    return f"{pond} -m {major}"


def repeated(name: str | None) -> str:
    """The option again, for a command that is suggested."""
    return f" -c {name}" if name else ""


def major_of(major: int | None, version: str | None) -> int | None:
    """The major version that ``--major`` or ``--version`` picks, or the line that was typed as
    POND; None: none of them was given.

    Raises:
        BadInputError: the version is none, or two of them disagree.
    """
    picked, named = _of_options(major, version), _LINE.get()
    if named is None:
        return picked
    line, its_major = named
    if picked in {None, its_major}:
        return its_major
    given = f"--major {picked}" if version is None else f"--version {version}"
    raise BadInputError(
        f"{line} and {given} disagree.", hint="Give one of them: the line, or the option."
    )


def _of_options(major: int | None, version: str | None) -> int | None:
    if version is None:
        return major
    from semver import Version

    if not Version.is_valid(version):
        raise BadInputError(
            f"--version {version!r} is not a version.",
            hint="A semantic version picks its line, such as 1.2.0; or give --major 1.",
        )
    found = Version.parse(version).major
    if major is not None and major != found:
        raise BadInputError(
            f"--major {major} and --version {version} disagree: that version is of major {found}.",
            hint="Give one of them.",
        )
    return found


OnePond = Annotated[
    str | None,
    typer.Argument(
        metavar="POND",
        show_default=False,
        callback=pond_or_line,
        help="The Pond's name, or its line: sales@1. Or give --tag or --all.",
    ),
]


def open_client(name: str | None, *, note: str | None = None) -> Client:
    """The Catchment of that name, or the default one. ``note``: why changes are made."""
    return Client(catchments.find(name), note=note)


def run_number(run: str, pond: str, major: int | None) -> tuple[int | None, int]:
    """The major and the number of a Pond's run: ``sales@1/42``, or ``42``.

    Raises:
        BadInputError: it is something else, or a run of another line.
    """
    from duckstring.model import names

    if run.isascii() and run.isdigit() and len(run) < _DIGITS:
        return major, int(run)
    try:
        line, number = names.parse_run(run)
    except ValueError as error:
        raise BadInputError(f"{error}.", hint=f"List them: duckstring snapshots {pond}") from error
    of, its_major = names.parse_line(line)
    if of != pond or major not in {None, its_major}:
        raise BadInputError(
            f"{run} is not a run of {pond}{'' if major is None else f' with major {major}'}.",
            hint=f"List its runs: duckstring snapshots {pond}",
        )
    return its_major, number
