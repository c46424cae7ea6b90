"""``duckstring diff``: what differs between two versions of a table."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring_cli import render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    PondName,
    major_of,
    open_client,
    run_number,
)
from duckstring_cli.errors import BadInputError
from duckstring_cli.rows import DEFAULT_LIMIT

if TYPE_CHECKING:
    from duckstring.model.answers.tables import TablesAnswer
    from duckstring_cli.client import Client
    from duckstring_cli.diffing import ComparedVersion, Difference, DifferentRow

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_MOST_NAMED = 6


def diff(
    pond: PondName,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", show_default=False, help="A published table.")
    ],
    before: Annotated[
        str | None,
        typer.Argument(
            metavar="FROM",
            show_default=False,
            help="A snapshot: its run (42, sales@1/42), or when it held (2d ago as 2d, 02:00, "
            "2030-01-31T02:00; UTC). Otherwise the one before TO.",
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Argument(
            metavar="TO", show_default=False, help="Likewise; otherwise what is published."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="COLUMNS",
            show_default=False,
            help="Columns that tell rows apart: id,day. Otherwise those of its merges, or none.",
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-n", metavar="N", min=1, max=200, help="Rows of each kind that are shown."
        ),
    ] = DEFAULT_LIMIT,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Compare two versions of a table: columns, and rows added, removed and changed.

    With a key, a row of which something differs is a changed one. Without, rows are compared as
    wholes. Snapshots that are kept can be compared: `duckstring snapshots POND`.
    """
    from duckstring_cli import diffing, streaming

    named, picked = _columns(key), major_of(major, version)
    client = open_client(catchment)
    with render.steps() as step:
        step("Looking for the snapshots")
        newer = _snapshot(client, pond, picked, after)
        number = int(newer["line"].partition("@")[2])
        older = (
            _snapshot(client, pond, number, before)
            if before is not None
            else _one_before(client, pond, number, newer)
        )
        step("Comparing")
        found = diffing.compare(
            client.catchment,
            (older, newer),
            table,
            key=named,
            sample=limit,
            guard=streaming.interruptible,
        )
    if as_json:
        render.print_json(found)
    else:
        _show(found, limit)


def _columns(key: str | None) -> list[str]:
    if key is None:
        return []
    # As in CSV: a name that has a comma stands in quotes.
    names = [name.strip() for name in next(csv.reader([key], skipinitialspace=True), [""])]
    if not names or not all(names):
        raise BadInputError(
            f"--key {key!r} names no column in one place.",
            hint="For example: --key id,day. A name with a comma in it: --key '\"a,b\",day'",
        )
    return names


def _snapshot(client: Client, pond: str, major: int | None, which: str | None) -> TablesAnswer:
    if which is None:
        return client.tables(pond, major=major)
    if which.isdigit() or "/" in which:
        major, number = run_number(which, pond, major)
        return client.tables(pond, major=major, snapshot=number)
    from duckstring.model.instants import to_text
    from duckstring_cli import moments
    from duckstring_cli.projects import MachineClock

    try:
        then = to_text(moments.ago(which, now=MachineClock().now()))
    except BadInputError as error:
        raise BadInputError(
            f"{which!r} is neither a run nor a point in time.",
            hint="Write a run (42, sales@1/42), how long ago (30m, 2d), a time like 02:00, or a "
            "date like 2030-01-31; all in UTC.",
        ) from error
    schema = pond if major is None else f"{pond}@{major}"
    (snapshot,) = client.snapshots([schema], at=then)["snapshots"]
    return snapshot


def _one_before(client: Client, pond: str, major: int, newer: TablesAnswer) -> TablesAnswer:
    number = client.number_before(pond, major, newer["snapshot"])
    if number is None:
        raise OperatorError(
            f"No snapshot before {newer['line']}/{newer['snapshot']} is kept.",
            hint=f"What is kept: duckstring snapshots {pond} -m {major}",
        )
    return client.tables(pond, major=major, snapshot=number)


def _show(found: Difference, limit: int) -> None:
    from rich.text import Text

    from duckstring.model.foreign import for_terminal

    console = render.out()
    for line in (*_heads(found), *_schema(found), _counted(found), *_by_column(found)):
        console.print(Text(for_terminal(line)), soft_wrap=True)
    if found["sample"]:
        _print_rows(found)
    left = [
        f"{render.count(found[kind] - shown)} more {kind}"
        for kind in ("added", "removed", "changed")
        if (shown := sum(one["times"] for one in found["sample"] if one["kind"] == kind))
        < found[kind]
    ]
    if left and found["sample"]:
        render.note(f"and {', '.join(left)}: -n shows up to 200 of each.")


def _heads(found: Difference) -> Iterator[str]:
    yield f"{found['line']}.{found['table']}"
    for word, one in (("from", found["before"]), ("to", found["after"])):
        yield f"  {word:<4}  {_of(one)}"


def _of(one: ComparedVersion) -> str:
    name = f"{one['run']}, fresh as of {render.moment(one['f'])}"
    if one["rows"] is None:
        return f"{name}: no such table"
    return f"{name}: {_rows(one['rows'])}, written in {one['written_in']}"


def _rows(count: int) -> str:
    return f"{render.count(count)} row{'' if count == 1 else 's'}"


def _schema(found: Difference) -> Iterator[str]:
    if found["before"]["rows"] is None or found["after"]["rows"] is None:
        return  # then every column is new, or gone
    for one in found["schema"]:
        if one["before"] is None:
            yield f"column {one['column']} is new: {one['after']}"
        elif one["after"] is None:
            yield f"column {one['column']} is gone: it was {one['before']}"
        else:
            yield f"column {one['column']} was {one['before']} and is {one['after']}"


def _counted(found: Difference) -> str:
    counts = [(kind, found[kind]) for kind in ("added", "removed", "changed")]
    told = ", ".join(f"{_rows(count)} {kind}" for kind, count in counts if count)
    by = f", by {', '.join(found['key'])}" if found["key"] and told else ""
    return f"{told}{by}" if told else "No row differs."


def _by_column(found: Difference) -> Iterator[str]:
    some = sorted(
        (one for one in found["columns"] if one["changed"]), key=lambda one: -one["changed"]
    )
    if some:
        told = ", ".join(f"{one['name']} in {render.count(one['changed'])}" for one in some[:6])
        more = f" and {len(some) - _MOST_NAMED} more" if len(some) > _MOST_NAMED else ""
        yield f"changed: {told}{more}"


def _print_rows(found: Difference) -> None:
    from duckstring_cli import rows

    times = any(one["times"] > 1 for one in found["sample"])
    names = ["", *(["TIMES"] if times else []), *(one["name"] for one in found["columns"])]
    cells = [
        [_MARKS[one["kind"]], *([str(one["times"])] if times else []), *map(_plain, _cells(one))]
        for one in found["sample"]
    ]
    shown = rows.Shown([_plain(name) for name in names], [False] * len(names), cells, more=False)
    hidden = rows.print_shown(shown)
    if hidden:
        render.note(f"{len(hidden)} more columns: {', '.join(hidden)} (all of them: --json)")


def _cells(row: DifferentRow) -> Iterator[str]:
    before, after = row["before"], row["after"]
    if before is not None and after is not None:
        arrow = "→" if (sys.stdout.encoding or "").lower().startswith("utf") else "->"
        for was, became in zip(before, after, strict=True):
            yield _cell(was) if was == became else f"{_cell(was)} {arrow} {_cell(became)}"
    else:
        yield from map(_cell, after or before or [])


def _cell(value: str | None) -> str:
    return "·" if value is None else value


def _plain(text: str) -> str:
    from duckstring.model.foreign import for_terminal

    return for_terminal(" ".join(text.split()))
