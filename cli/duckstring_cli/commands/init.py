"""``duckstring init``: a workspace for several Ponds."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from duckstring_cli import render


def init(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", show_default=False, help="The folder to write."),
    ],
) -> None:
    """Write a workspace for several Ponds: a README, and a workflow that checks, tests and plans.

    Nothing that is there is overwritten with something else.
    """
    from duckstring_cli import demos

    demos.write_workspace(folder)
    render.say(f"[green]✓[/] {escape(str(folder))} written")
    where = escape(shlex.quote(str(folder)))
    render.err().print(
        f"[dim]Next: cd {where} && duckstring pond init orders --template inlet[/]", soft_wrap=True
    )
