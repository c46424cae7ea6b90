"""``duckstring contract``: what a Pond promises, as a data contract."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring_cli import render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    PondName,
    major_of,
    open_client,
)
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckstring_cli.odcs.document import Document


def contract(
    pond: PondName,
    table: Annotated[
        str | None,
        typer.Option("--table", "-t", metavar="TABLE", help="Only this published table."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Write it there, not on stdout."),
    ] = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Write what a Pond promises as a data contract (Open Data Contract Standard).

    It has the published tables with their columns, types and keys, the Pond's checks, its Tide and
    its Sources, in YAML or, with --json, in JSON. No code of the Pond is run.
    """
    from duckstring_cli.odcs.document import document
    from duckstring_cli.odcs.gather import gather

    picked = major_of(major, version)
    if file is not None:
        _check(file)
    gathered = gather(open_client(catchment), pond, major=picked, table=table)
    if gathered.warning:
        render.warn(gathered.warning)
    text = _text(document(gathered.facts), as_json=as_json)
    if file is None:
        sys.stdout.write(text)
        return
    _save(text, file)
    found = len(gathered.facts.tables or ())
    said = f"{found} table{'' if found == 1 else 's'} of {gathered.facts.line}"
    render.note(f"The contract of {said} is in {file}")


def _text(made: Document, *, as_json: bool) -> str:
    if as_json:
        from duckstring.model.foreign import json_text

        return json_text(made, indent=2) + "\n"
    from duckstring_cli.odcs.text import to_yaml

    return to_yaml(made)


def _check(file: Path) -> None:
    """Before the Catchment is asked."""
    if file.is_dir():
        raise BadInputError(
            f"--file {str(file)!r} is a folder.", hint="Name a file in it: sales.odcs.yaml"
        )
    if not file.parent.is_dir():
        raise BadInputError(f"There is no folder {str(file.parent)!r}.", hint="Create it first.")


def _save(text: str, file: Path) -> None:
    """Whole, or not at all."""
    from duckstring_cli.saving import unfinished

    partial = unfinished(file)
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(file)
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            partial.unlink()
