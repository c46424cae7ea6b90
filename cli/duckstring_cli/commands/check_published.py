"""``duckstring check``: the checks of a deployed Pond, of what is published now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring_cli import checked, render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    PondName,
    major_of,
    open_client,
)
from duckstring_cli.errors import REFUSED

if TYPE_CHECKING:
    from duckstring_cli.published_checks import Looked

_FOUND = frozenset({"failed", "warned"})


def check(
    pond: PondName,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file", metavar="FILE", help="KEY=value lines, for checks that read variables."
        ),
    ] = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Make the checks of a deployed Pond on what it has published now.

    Nothing is published, and no run fails. The code of the deployed package runs on this machine,
    and reads the tables with your own rights. Exits with 1 if a check finds rows. (A project's
    files are looked at by `duckstring pond check`.)
    """
    from duckstring_cli.projects import read_variables
    from duckstring_cli.published_checks import check_published

    picked, variables = major_of(major, version), read_variables(env_file)
    client = open_client(catchment)
    with render.steps() as step:
        looked = check_published(client, pond, major=picked, variables=variables, on_step=step)
    _show(looked, as_json=as_json)
    if any(one.outcome in _FOUND for one in looked.checks):
        raise typer.Exit(REFUSED)


def _show(looked: Looked, *, as_json: bool) -> None:
    from rich.text import Text

    from duckstring.model.checks import table, to_object

    if as_json:
        render.print_json(
            {
                "line": looked.line,
                "version": looked.version,
                "f": looked.f,
                "snapshot": looked.snapshot,
                "checks": [to_object(one) for one in looked.checks],
            }
        )
        return
    for one in looked.checks:
        render.out().print(checked.line_of(one), soft_wrap=True)
        for row in table(one) if one.sample else ():
            render.out().print(Text(row), soft_wrap=True)
    render.err().print(
        f"[dim]{looked.line} {looked.version}, fresh as of {render.moment(looked.f)}[/]"
    )
