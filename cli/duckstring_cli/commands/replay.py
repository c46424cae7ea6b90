"""``duckstring replay``: what a Pond was told, commit by commit, what that changed in it, and what
it did.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from duckstring.model.instants import NEVER, from_text, to_text
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
from duckstring_cli.errors import BadInputError

_USUAL = timedelta(hours=1)


def replay(
    pond: PondName,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="After that: 10:30, 2h (ago), 2030-01-31T10:30. UTC. Otherwise an hour before "
            "--until.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Up to then; otherwise now.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Print all steps, and do not stop after each.")
    ] = False,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Step through what a Pond was told, and what it did.

    A step is one commit: its letters, each with who sent it. Enter shows the next one. It only
    reads.
    """
    now = datetime.now(UTC)
    end = moments.option("--until", until, now=now)
    last = from_text(end) if end else now
    begin = moments.option("--from", since, now=now) or to_text(last - min(_USUAL, last - NEVER))
    if from_text(begin) >= last:
        raise BadInputError(
            f"--from {render.moment(begin)} is not before --until {render.moment(to_text(last))}.",
            hint="Both are UTC. A time alone is today's; give the date if it was not today.",
        )
    answers = open_client(catchment).replay(
        pond, since=begin, until=end, major=major_of(major, version)
    )
    from duckstring_cli import replaying

    if as_json:
        render.print_json(replaying.together(answers))
    else:
        replaying.step_through(answers, stops=render.is_live() and not every)
