"""``duckstring why``: why a Pond runs, does not run, is blocked or stale, and what would change
it; now, or at a moment of the past.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from duckstring_cli import moments, render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    PondName,
    major_of,
    open_client,
)


def why(
    pond: PondName,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Explain that moment: 10:42, 2h (ago), 2030-01-31T10:42. UTC.",
        ),
    ] = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Why a Pond runs, waits, is blocked or stale, and what would change it.

    Each cause, over all Ponds between, down to the root, and the commands to type.
    """
    then = moments.option("--at", at, now=datetime.now(UTC))
    answer = open_client(catchment).why(pond, major=major_of(major, version), at=then)
    if as_json:
        render.print_json(answer)
        return
    from duckstring_cli import reasons

    render.out().print(reasons.shown(answer), crop=False)
