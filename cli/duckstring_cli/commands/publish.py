"""``duckstring publish``: an earlier snapshot of a Pond, again."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring.model import instants, names
from duckstring_cli import moments, render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    Note,
    OfVersion,
    PondName,
    major_of,
    open_client,
    run_number,
)
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.model.answers.tables import PublishAnswer
    from duckstring_cli.catchments import Catchment

_MOST_NAMED = 6


def publish(
    pond: PondName,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="WHEN",
            help="Fresh as of then: 2d (ago), 02:00, 2030-01-31T02:00. UTC.",
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="RUN", help="What this run published: sales@1/42, as in snapshots."
        ),
    ] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    note: Note = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Publish an earlier snapshot of a Pond again.

    All its tables go back together, and so does how far its Ripples have read their Sources. The
    Pond's next run takes in again what came since. Nothing is deleted.
    """
    picked = major_of(major, version)
    if (at is None) == (run is None):
        raise BadInputError(
            "Which snapshot? Give --at or --run.", hint=f"List them: duckstring snapshots {pond}"
        )
    when = instants.to_text(moments.ago(at, now=datetime.now(UTC))) if at is not None else None
    number = None
    if run is not None:
        picked, number = run_number(run, pond, picked)
    client = open_client(catchment, note=note)
    would = client.publish(pond, major=picked, at=when, snapshot=number, dry=True)
    if not dry:
        _confirm(client.catchment, would, yes=yes)
        # What was shown, and nothing else, however long somebody has thought about it.
        _, its_major = names.parse_line(would["line"])
        would = client.publish(
            pond, major=its_major, snapshot=would["snapshot"], over=would["over"]
        )
    if as_json:
        render.print_json(would)
    else:
        _show(would, dry=dry, was_told=not (dry or yes))


def _show(answer: PublishAnswer, *, dry: bool, was_told: bool) -> None:
    if not was_told:
        for line in _changes(answer):
            render.out().print(line, markup=False, soft_wrap=True)
        for warning in answer["warnings"]:
            render.warn(warning)
    if answer["run"]:
        render.say(
            f"[green]✓[/] [bold]{escape(answer['run'])}[/] is published, with the data of "
            f"{render.moment(answer['f'])}"
        )
    elif not dry:
        render.warn("It is busy and has not received it yet, but it will.")


def _changes(would: PublishAnswer) -> list[str]:
    tables = would["tables"]
    said = {
        "back to what it was": tables["back"],
        "published again": tables["returned"],
        "no longer published": tables["gone"],
        "the same": tables["same"],
    }
    return [f"{what}: {_named(of)}" for what, of in said.items() if of]


def _named(tables: list[str]) -> str:
    more = f" and {len(tables) - _MOST_NAMED} more" if len(tables) > _MOST_NAMED else ""
    return ", ".join(tables[:_MOST_NAMED]) + more


def _confirm(catchment: Catchment, would: PublishAnswer, *, yes: bool) -> None:
    if yes:
        return
    what = f"snapshot {would['snapshot']} of {would['line']}"
    if not sys.stdin.isatty():
        raise OperatorError(
            f"Not publishing {what} in Catchment {catchment.name!r} without confirmation.",
            hint="Say it with: -y",
        )
    for line in _changes(would):
        render.err().print(line, markup=False, soft_wrap=True)
    for warning in would["warnings"]:
        render.warn(warning)
    asked = f"Publish {what} again, with the data of {render.moment(would['f'])}?"
    if not typer.confirm(asked, err=True):
        raise OperatorError("Nothing was published.")
