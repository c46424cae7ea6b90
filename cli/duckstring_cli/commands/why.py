"""``duckstring why``: why a Pond runs, does not run, is blocked or stale, and what would change
it.
"""

from __future__ import annotations

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


def why(
    pond: PondName,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Why a Pond runs, waits, is blocked or stale, and what would change it.

    Each cause, over all Ponds between, down to the root, and the commands to type.
    """
    answer = open_client(catchment).why(pond, major=major_of(major, version))
    if as_json:
        render.print_json(answer)
        return
    from duckstring_cli import reasons

    render.out().print(reasons.shown(answer), crop=False)
