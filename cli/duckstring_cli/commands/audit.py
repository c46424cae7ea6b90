"""``duckstring audit``: who asked for which change, when, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.model.audits import short
from duckstring_cli import durations, moments, render
from duckstring_cli.commands.options import AsJson, CatchmentName, SomeWholePond, open_client
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from rich.table import Table

    from duckstring.model.answers.common import AuditRow

_UNKNOWN = "not known"
_WIDE = 110


def audit(
    pond: SomeWholePond = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Then or later: 2d (ago), 02:00, 2030-01-31. UTC."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="TEXT", help="Of those whose name has this in it."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="How many.")
    ] = 20,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="INSTANT", help="Older than that: the next page."),
    ] = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Who changed what, and why, newest first.

    Also those that were refused. Who invoked the Catchment is proven where it is an ARN.
    """
    answer = open_client(catchment).audit(
        pond,
        since=_moment("--since", since),
        before=_moment("--before", before),
        by=by or None,
        limit=limit,
    )
    if as_json:
        render.print_json(answer)
        return
    if not answer["entries"]:
        render.say(
            "No such change." if pond or since or by or before else "Nobody changed anything."
        )
        return
    console = render.out()
    console.print(_table(answer["entries"], console.width))
    if answer["next"]:
        render.note(f"Older ones: --before {answer['next']}, or -n for more at once.")


def _table(entries: list[AuditRow], width: int) -> Table:
    now, narrow = datetime.now(UTC), width < render.NARROW
    table = render.table(
        "WHEN", "WHO", "WHAT", *([] if narrow else ["POND"]), "NOTE", last="wrapped"
    )
    for one in entries:
        at = render.read_instant(one["at"])
        ago = f"{durations.age((now - at).total_seconds())} ago" if at else ""
        ago = f"{render.moment(one['at'])} ({ago})" if ago and width >= _WIDE else ago
        ponds = render.first_of(one["ponds"])
        what = f"{one['what']} {ponds}" if narrow else one["what"]
        refused = f"refused: {one['refused']}" if one["refused"] else ""
        note = render.one_line(" · ".join(filter(None, (one["note"], refused))))
        cells = [ago, who(one), render.one_line(what)]
        table.add_row(*cells, *([] if narrow else [ponds]), note)
    return table


def who(row: AuditRow) -> str:
    """``user/alice``, ``alice@laptop``, and whether it was by the page."""
    name = short(row["by"]) if row["by"] else _UNKNOWN
    return f"{name} (page)" if row["via"] else name


def _moment(name: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else moments.ago(text, now=datetime.now(UTC))
    except BadInputError as error:
        raise BadInputError(f"{name}: {error.message}", hint=error.hint) from error
