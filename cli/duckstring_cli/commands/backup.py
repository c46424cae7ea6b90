"""``duckstring catchment backup`` and ``restore``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring_cli import catchments, moments, render
from duckstring_cli.aws_errors import translated_errors
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands.options import AsJson
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring_cli.stores.held import Stores
    from duckstring_cli.stores.restore import Plan

Named = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", show_default=False, help="The Catchment; otherwise the default one."
    ),
]
_PLACE = "A folder, or s3://BUCKET/PREFIX."


def backup(
    to: Annotated[str, typer.Option("--to", metavar="PLACE", help=_PLACE)],
    name: Named = None,
    secret_values: Annotated[
        bool,
        typer.Option(
            "--secret-values", help="Also the values of the secret, in clear; else its names only."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy a Catchment: its table as of one moment, and every object that it names.

    It may go on working meanwhile. A backup that was interrupted goes on: repeat the command.
    """
    from duckstring_cli.stores.backup import back_up
    from duckstring_cli.stores.held import stores_of
    from duckstring_cli.stores.places import open_place

    held = catchments.find(name)
    with translated_errors(held):
        stores = stores_of(held)
        place = open_place(to, stores.open("s3"))
        with render.steps() as step:
            made = back_up(stores, place, values=secret_values, on_step=step)
    if as_json:
        shown = {key: value for key, value in made.items() if key not in {"parts", "secret"}}
        render.print_json(shown | {"secret_names": made["secret"]["names"]})
        return
    objects = made["objects"]
    render.say(
        f"[green]✓[/] Catchment [bold]{held.name}[/] as of {escape(str(made['cut']))}: "
        f"{made['lines']} lines, "
        f"{made['items']:,} items, {objects['count']:,} objects, {render.size(objects['bytes'])}"
    )
    if made["secret"]["names"] and not secret_values:
        names = ", ".join(made["secret"]["names"])
        render.note(f"Of the secret only the names are in it: {names}")


def restore(
    name: Named = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="PLACE", help=f"A backup. {_PLACE}")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="A moment of the last 35 days, in an AWS account: 2030-01-31T12:00Z, 2d.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what the Catchment knows first.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a Catchment back: from a backup, or in AWS from its own past.

    With --from, the backup goes into this Catchment, which must be empty. With --at, its table is
    restored into a new one, deleted objects come back, and you get the command that uses them.
    Either may be repeated.
    """
    held = catchments.find(name)
    if (source is None) == (at is None):
        raise BadInputError(
            "Restore from what?", hint="Give --from PLACE (a backup) or --at TIME (its own past)."
        )
    with translated_errors(held):
        if source is not None:
            _restore_from(held, source, replace=replace, dry_run=dry_run, as_json=as_json)
        else:
            _restore_at(held, at or "", dry_run=dry_run, as_json=as_json)


def _restore_from(
    held: Catchment, source: str, *, replace: bool, dry_run: bool, as_json: bool
) -> None:
    from duckstring_cli.stores import restore as restoring
    from duckstring_cli.stores.held import stores_of
    from duckstring_cli.stores.places import open_place

    stores = stores_of(held)
    place = open_place(source, stores.open("s3"))
    planned = restoring.plan(stores, place)
    if not dry_run:
        with render.steps() as step:
            restoring.restore(stores, place, planned, replace=replace, on_step=step)
        _wake(stores)
    if as_json:
        render.print_json(planned.to_json() | {"done": not dry_run})
        return
    _say(planned, held, done=not dry_run)


def _wake(stores: Stores) -> None:
    """The sweep comes every five minutes; this one comes now."""
    function = catchments.read_outputs(stores.catchment).get("SweepFunction")
    if function:
        stores.open("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=b'{"op": "sweep"}'
        )


def _say(planned: Plan, held: Catchment, *, done: bool) -> None:
    one, objects = planned.backup, planned.backup["objects"]
    what = (
        f"{one['lines']} lines, {one['items']:,} items, {objects['count']:,} objects, "
        f"{render.size(objects['bytes'])}"
    )
    of = f"{escape(str(one['catchment']))} as of {escape(str(one['cut']))}"
    if done:
        render.say(f"[green]✓[/] Catchment [bold]{held.name}[/] is {of}: {what}")
    else:
        render.say(f"Would restore {of} into {held.name}: {what}")
        if planned.holds and not planned.begun:
            render.say(f"{held.name} is not empty: --replace would delete what it knows.")
    if planned.missing_secrets:
        names = ", ".join(planned.missing_secrets)
        render.warn(f"Put these into the secret: {names} (duckstring secret set).")


def _restore_at(held: Catchment, at: str, *, dry_run: bool, as_json: bool) -> None:
    from duckstring_cli.stores import point
    from duckstring_cli.stores.held import stores_of

    moment = moments.ago(at, now=datetime.now(UTC))
    if held.kind == "local":
        raise OperatorError(
            f"Catchment {held.name!r} on this machine has no past to go back to.",
            hint="Restore a backup: --from PLACE",
        )
    stores = stores_of(held)
    point.check_moment(stores, moment)
    table = point.restored_name(stores.table, moment)
    if dry_run:
        told: dict[str, object] = {"table": table, "at": moment.isoformat()}
    else:
        with render.steps() as step:
            back = point.go_back(stores, moment, step)
        told = back.to_json()
        for key in back.gone[:3]:
            render.warn(f"{key} is no more: a run of its Pond makes it anew.")
    if as_json:
        render.print_json(told | {"done": not dry_run})
        return
    would = "Would restore" if dry_run else "[green]✓[/] Restored"
    render.say(f"{would} the table as of {moment:%Y-%m-%d %H:%M:%SZ}: {escape(table)}")
    render.say(
        "Use it: npx aws-cdk@2 deploy -c catchment=... "
        f"-c table={escape(table)}, with all other -c options as before"
    )
