"""``duckstring init``: a workspace for several Ponds."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from duckstring_cli import render
from duckstring_cli.commands.options import AsJson
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape


def init(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", show_default=False, help="The folder to write."),
    ],
    as_json: AsJson = False,
) -> None:
    """Write a workspace for several Ponds, with a workflow for CI.

    Nothing that is there is overwritten with something else.
    """
    from duckstring_cli import demos

    if not str(folder).strip() or folder == Path():
        raise BadInputError("DIR is empty.", hint="Name a folder: duckstring init shop")
    files = demos.write_workspace(folder)
    if as_json:
        render.print_json({"folder": str(folder), "files": [str(file) for file in files]})
        return
    render.say(f"[green]✓[/] {escape(str(folder))} written")
    where = escape(shlex.quote(str(folder)))
    render.err().print(
        f"[dim]Next: cd {where} && duckstring pond init orders --template inlet[/]", soft_wrap=True
    )
