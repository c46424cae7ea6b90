"""``duckstring snapshots``: what is kept of a Pond, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from duckstring_cli import durations, render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    PondName,
    major_of,
    open_client,
)

if TYPE_CHECKING:
    from rich.table import Table

    from duckstring.model.answers import KeptAnswer, KeptSnapshot, RetentionRow


def snapshots(
    pond: PondName,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="How many.")
    ] = 20,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """The snapshots of a Pond that are kept, newest first.

    Each can be read: `duckstring sql --at TIME`. ALONE is the size of what no newer snapshot has.
    """
    picked = major_of(major, version)
    answer = open_client(catchment).kept(pond, major=picked, limit=limit)
    if as_json:
        render.print_json(answer)
        return
    console = render.out()
    console.print(_table(answer, narrow=console.width < render.NARROW))
    more = f" The first {limit}: -n shows more." if answer["next"] is not None else ""
    render.note(f"{answer['line']} keeps {_rule(answer['retention'])}.{more}")


def _table(answer: KeptAnswer, *, narrow: bool) -> Table:
    made = render.table(
        "RUN",
        "AGE",
        *([] if narrow else ["FRESHNESS", "VERSION", "TABLES", "ROWS"]),
        "SIZE",
        "ALONE",
        "KEPT FOR",
        right=("AGE", "TABLES", "ROWS", "SIZE", "ALONE"),
        last="wrapped",
    )
    for one in answer["snapshots"]:
        wide = [
            render.moment(one["f"]),
            one["version"] or "-",
            str(one["tables"]),
            render.count(one["rows"]),
        ]
        made.add_row(
            one["run"],
            durations.age(render.between(one["f"], answer["now"])),
            *([] if narrow else wide),
            render.size(one["bytes"]),
            render.size(one["bytes_alone"]) if one["bytes_alone"] else "-",
            _why(one, answer["retention"]),
        )
    return made


def _why(one: KeptSnapshot, retention: RetentionRow) -> str:
    words = {
        "published": "published",
        "last": "the last" if retention["snapshots"] == 1 else f"the last {retention['snapshots']}",
        "young": "its age",
    }
    found = [words[reason] for reason in one["reasons"]]
    if "published" in one["reasons"]:
        found = ["published"]
    readers = [f"read by {', '.join(one['read_by'])}"] if one["read_by"] else []
    return "; ".join([*found, *readers]) or "the next sweep deletes it"


def _rule(retention: RetentionRow) -> str:
    number, days = retention["snapshots"], retention["days"]
    last = "the last one" if number == 1 else f"the last {number}"
    return f"{last}, and all younger than {days} day{'' if days == 1 else 's'}"
