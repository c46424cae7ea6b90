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

    from duckstring.model.answers.tables import KeptAnswer, KeptSnapshot, RetentionRow


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
    console.print(_table(answer, width=console.width))
    more = f" The first {limit}: -n shows more." if answer["next"] is not None else ""
    render.note(f"{answer['line']} keeps {_rule(answer['retention'])}.{more}")


_WIDE, _NARROW = 130, 70
"""Columns of a terminal. KEPT FOR takes what the others leave."""


def _table(answer: KeptAnswer, *, width: int) -> Table:
    shown = [
        "RUN",
        "AGE",
        *(["FRESHNESS", "VERSION", "TABLES", "ROWS"] if width >= _WIDE else []),
        *(["SIZE"] if width >= _NARROW else []),
        "ALONE",
        "KEPT FOR",
    ]
    made = render.table(*shown, right=("AGE", "TABLES", "ROWS", "SIZE", "ALONE"), last="wrapped")
    for one in answer["snapshots"]:
        f = one.get("held_f", one["f"])
        cells = {
            "RUN": one["run"],
            "AGE": durations.age(render.between(f, answer["now"])),
            "FRESHNESS": render.moment(f),
            "VERSION": one["version"] or "-",
            "TABLES": str(one["tables"]),
            "ROWS": render.count(one["rows"]),
            "SIZE": render.size(one["bytes"]),
            "ALONE": render.size(one["bytes_alone"]) if one["bytes_alone"] else "-",
            "KEPT FOR": _why(one, answer["retention"]),
        }
        made.add_row(*(cells[name] for name in shown))
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
    if one.get("held_f", one["f"]) != one["f"]:
        found.append("rollback")
    readers = [f"read by {', '.join(one['read_by'])}"] if one["read_by"] else []
    return "; ".join([*found, *readers]) or "the next sweep deletes it"


def _rule(retention: RetentionRow) -> str:
    number, days = retention["snapshots"], retention["days"]
    last = "the last one" if number == 1 else f"the last {number}"
    return f"{last}, and all younger than {days} day{'' if days == 1 else 's'}"
