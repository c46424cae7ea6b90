"""``duckstring trace``: from rows of a table to the runs, packages and snapshots that they came
through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

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

if TYPE_CHECKING:
    from rich.text import Text

    from duckstring.model.answers.lineage import TraceAnswer, TracedAttempt, TracedRead
    from duckstring.model.answers.tables import TableRow, TablesAnswer
    from duckstring_cli.client import Client
    from duckstring_cli.origins import Origin

_DIGITS = 12
_SMALL = 80
_MOST_WRITERS = 200
"""That one request may name."""


def trace(
    pond: PondName,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", show_default=False, help="A published table.")
    ],
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            show_default=False,
            help="Which rows: one SQL expression over the table's columns; otherwise all.",
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth",
            metavar="N",
            min=0,
            max=1000,
            show_default=False,
            help="So many steps up; otherwise up to the Inlets.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="WHEN",
            show_default=False,
            help="The table as it was then: 2030-01-31T02:00 (UTC), 02:00, 2h ago as 2h.",
        ),
    ] = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Show which runs, packages and Source snapshots rows of a table came through.

    Rows are counted by the object of the table that they lie in, and each object was written by one
    attempt of one run. What that attempt has read is followed up to the Inlets.
    """
    from duckstring_cli import origins, reading, selects

    if where is not None:
        where = selects.one_expression(where, what="--where")
    picked = major_of(major, version)
    client = open_client(catchment)
    snapshot = _snapshot(client, pond, picked, at)
    row = reading.find_table(snapshot, table)
    found = origins.find_origins(client.catchment, row, where)
    number = int(snapshot["line"].partition("@")[2])
    writers = list(dict.fromkeys(one.writer for one in found))[-_MOST_WRITERS:]
    answer = _ask(client, pond, writers, major=number, depth=depth, line=snapshot["line"])
    if as_json:
        render.print_json(_as_object(snapshot, row, where, found, answer))
    else:
        _show(snapshot, row, found, answer)


def _snapshot(client: Client, pond: str, major: int | None, at: str | None) -> TablesAnswer:
    if at is None:
        return client.tables(pond, major=major)
    from duckstring.model.instants import to_text
    from duckstring_cli import moments
    from duckstring_cli.projects import MachineClock

    then = to_text(moments.ago(at, now=MachineClock().now()))
    schema = pond if major is None else f"{pond}@{major}"
    (snapshot,) = client.snapshots([schema], at=then)["snapshots"]
    return snapshot


def _ask(
    client: Client,
    pond: str,
    writers: Sequence[str],
    *,
    major: int,
    depth: int | None,
    line: str,
) -> TraceAnswer:
    from duckstring_cli.releases import newer_operation

    if not writers:
        return {"line": line, "attempts": [], "left_off": 0}
    with newer_operation(client):
        return client.trace(pond, writers, major=major, depth=depth)


def _as_object(
    snapshot: TablesAnswer,
    row: TableRow,
    where: str | None,
    found: Sequence[Origin],
    answer: TraceAnswer,
) -> dict[str, object]:
    return {
        "line": snapshot["line"],
        "f": snapshot["f"],
        "snapshot": snapshot["snapshot"],
        "table": row["table"],
        "where": where,
        "rows": sum(one.rows for one in found),
        "origins": [
            {
                "rows": one.rows,
                "exact": one.is_exact,
                "attempt": f"{snapshot['line']}/{one.writer}",
            }
            for one in found
        ],
        "attempts": answer["attempts"],
        "left_off": answer["left_off"],
    }


def _show(
    snapshot: TablesAnswer, row: TableRow, found: Sequence[Origin], answer: TraceAnswer
) -> None:
    line = snapshot["line"]
    by_id = {one["id"]: one for one in answer["attempts"]}
    total = sum(one.rows for one in found)
    if not found:
        render.note(f"No row of {row['table']} fulfils the condition.")
        return
    _show_origins(line, found, by_id)
    for one in answer["attempts"]:
        _show_reads(one)
    _show_notes(found, answer)
    noun = "row" if total == 1 else "rows"
    render.err().print(
        f"[dim]{render.count(total)} {noun} of {line} {render.escape(row['table'])}, snapshot "
        f"{snapshot['snapshot']}, fresh as of {render.moment(snapshot['f'])}[/]",
        soft_wrap=True,
    )


def _show_origins(line: str, found: Sequence[Origin], by_id: Mapping[str, TracedAttempt]) -> None:
    """A narrow terminal shows the rest further below only."""
    console = render.out()
    is_small = console.is_terminal and console.width < _SMALL
    more = () if is_small else ("RIPPLE", "VERSION", "PACKAGE")
    made = render.table("ROWS", "RUN", *more, "FRESH AS OF", right=("ROWS",))
    for one in found:
        told = by_id.get(f"{line}/{one.writer}")
        run, ripple, attempt = one.writer.split("-")
        made.add_row(
            render.count(one.rows),
            f"{line}/{run}" if one.is_exact else f"{line}/{run} or before",
            *(
                ()
                if is_small
                else (
                    ripple if attempt == "1" else f"{ripple} (attempt {attempt})",
                    _or_gone(told, told and told["version"]),
                    _package(told),
                )
            ),
            _or_gone(told, told and told["f"] and render.moment(told["f"])),
        )
    console.print(made)


def _or_gone(told: TracedAttempt | None, value: str | None) -> Text | str:
    from rich.text import Text

    if told is None or not told["run_kept"]:
        return Text("not kept", style="yellow")
    return value or ""


def _package(told: TracedAttempt | None) -> Text | str:
    from rich.text import Text

    if told is None or told["recorded"] == "gone":
        return Text("not kept", style="yellow")
    return (told["package"] or "")[:_DIGITS] or Text("not recorded", style="yellow")


def _show_reads(one: TracedAttempt) -> None:
    """One attempt, and what it has read."""
    from rich.text import Text

    of = f" {one['version']}" if one["version"] else ""
    head = Text.assemble((f"\n{one['run']} {one['ripple']}", "bold"), of, style="")
    if one["package"]:
        head.append(f" · package {one['package'][:_DIGITS]}", style="dim")
    if one["f"]:
        head.append(f" · fresh as of {render.moment(one['f'])}", style="dim")
    render.out().print(head)
    for read in sorted(one["reads"], key=lambda read: (not read["sure"], read["table"])):
        _show_read(one, read)
    for note in _notes_of(one):
        render.out().print(Text(f"  {note}", style="yellow"))


def _show_read(one: TracedAttempt, read: TracedRead) -> None:
    from rich.text import Text

    own = read["line"] == one["run"].partition("/")[0]
    name = read["table"] if own else f"{read['line']}.{read['table']}"
    said = Text(f"  {'read' if read['sure'] else 'may have read'} ")
    said.append(name, style="bold" if read["sure"] else "")
    if read["snapshot"]:
        said.append(f" at snapshot {read['snapshot']}")
    if read["writers"]:
        said.append(f", written by {_writers(read['writers'])}")
    if read["writers"] and read["earlier"]:
        said.append(" and earlier ones")
    render.out().print(said)


def _writers(ids: Iterable[str]) -> str:
    """``sales@1/7 load`` of one; of several, by Ripple: ``sales@1/3, 5, 7 load``."""
    runs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in ids:
        line, _, writer = one.partition("/")
        run, ripple, _ = writer.split("-")
        runs[line, ripple].append(run)
    return "; ".join(
        f"{line}/{', '.join(dict.fromkeys(of))} {ripple}" for (line, ripple), of in runs.items()
    )


def _notes_of(one: TracedAttempt) -> list[str]:
    notes = {
        "gone": ["what it has read is no longer kept"],
        "no": ["what it has read was not recorded: its release kept nothing"],
        "yes": [] if one["reads"] or one["open"] else ["read no table of a Pond"],
    }[one["recorded"]]
    if one["open"]:
        notes.append("may have read any other table that it could see")
    if one["left_off"]:
        notes.append(f"and {one['left_off']} tables more, for which its record had no room")
    return notes


def _show_notes(found: Sequence[Origin], answer: TraceAnswer) -> None:
    if any(not one.is_exact for one in found):
        render.note(
            "or before: these rows lie in an object that earlier ones were folded into. Which run "
            "wrote each of them first is not known."
        )
    if answer["left_off"]:
        left = answer["left_off"]
        what = "attempt" if left == 1 else "attempts"
        render.note(
            f"{left} {what} further up left out: --depth says how many steps are followed, and at "
            "most 500 attempts are shown."
        )
