"""``duckstring status``: what the Catchment is doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.model.answers.status import LineStatus, StatusAnswer
from duckstring_cli import render
from duckstring_cli.client import Client
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    SomePond,
    Tagged,
    major_of,
    open_client,
    repeated,
)
from duckstring_cli.commands.selecting import wanted
from duckstring_cli.errors import BadInputError, BrokenOffError

if TYPE_CHECKING:
    from rich.console import RenderableType

_LAST_RUNS = 5
Which = tuple[str | None, int | None, Mapping[str, str]]
"""A Pond, its major, and tags."""


def status(
    pond: SomePond = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print once instead of redrawing every second.")
    ] = False,
    tags: Tagged = None,
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
    only = wanted(tags)
    if pond is not None and only:
        raise BadInputError("Give POND or --tag, not both.", hint="Leave one of them out.")
    client = open_client(catchment)
    if as_json:
        render.print_json(client.status(pond, major=picked, tags=only))
    elif once or not render.is_live():
        render.out().print(
            _view(client, (pond, picked, only), whole=True, named=repeated(catchment))
        )
    else:
        from duckstring_cli import live

        try:
            live.watch(
                lambda: _view(client, (pond, picked, only), whole=False, named=repeated(catchment))
            )
        except KeyboardInterrupt as error:
            raise BrokenOffError("Not watched any longer; the Catchment goes on.") from error


def _view(client: Client, which: Which, *, whole: bool, named: str) -> RenderableType:
    from rich.text import Text

    from duckstring_cli import board

    pond, major, tags = which
    answer, console = client.status(pond, major=major, tags=tags), render.out()
    if pond is None and tags and not answer["lines"]:
        return Text(f"No Pond has {' '.join(f'{key}={value}' for key, value in tags.items())}.")
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
