"""Options that many commands share, and the Catchment that they name."""

from __future__ import annotations

from typing import Annotated

import typer

from duckstring_cli import catchments
from duckstring_cli.client import Client

CatchmentName = Annotated[
    str | None,
    typer.Option("--catchment", "-c", metavar="NAME", envvar="DUCKSTRING_CATCHMENT", help="The Catchment; otherwise the default one."),
]
Major = Annotated[
    int | None, typer.Option("--major", "-m", min=0, metavar="N", help="The Pond's major version; otherwise the highest deployed.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
PondName = Annotated[str, typer.Argument(metavar="POND", show_default=False, help="The Pond's name.")]
SomePond = Annotated[str | None, typer.Argument(metavar="POND", show_default=False, help="One Pond; otherwise all.")]


def repeated(name: str | None) -> str:
    """The option again, for a command that is suggested."""
    return f" -c {name}" if name else ""


def open_client(name: str | None) -> Client:
    """The Catchment of that name, or the default one."""
    return Client(catchments.find(name))
