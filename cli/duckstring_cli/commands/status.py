"""``duckstring status``: what the Catchment is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.model.answers import LineStatus, StatusAnswer
from duckstring_cli import render
from duckstring_cli.client import Client
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    SomePond,
    major_of,
    open_client,
    repeated,
)
from duckstring_cli.errors import BrokenOffError

if TYPE_CHECKING:
    from rich.console import RenderableType

_LAST_RUNS = 5


def status(
    pond: SomePond = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print once instead of redrawing every second.")
    ] = False,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """What every Pond is doing, live.

    Sources come before their Sinks. With POND, that one closely: its Ripples, Sources, Sinks,
    budgets and last runs.
    """
    picked = major_of(major, version)
    client = open_client(catchment)
    if as_json:
        render.print_json(client.status(pond, major=picked))
    elif once or not render.is_live():
        render.out().print(_view(client, pond, picked, whole=True, named=repeated(catchment)))
    else:
        from duckstring_cli import live

        try:
            live.watch(lambda: _view(client, pond, picked, whole=False, named=repeated(catchment)))
        except KeyboardInterrupt as error:
            raise BrokenOffError("Not watched any longer; the Catchment goes on.") from error


def _view(
    client: Client, pond: str | None, major: int | None, *, whole: bool, named: str
) -> RenderableType:
    from duckstring_cli import board

    answer, console = client.status(pond, major=major), render.out()
    if pond is None:
        return board.overview(
            answer, width=console.width, height=None if whole else console.height, named=named
        )
    line = _highest(answer)
    return board.detail(
        answer, line, client.runs(line["pond"], major=line["major"], limit=_LAST_RUNS), named=named
    )


def _highest(answer: StatusAnswer) -> LineStatus:
    return max(answer["lines"], key=lambda line: line["major"])
