"""``duckstring catchment protect`` and ``destroy``."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring_cli import catchments, render
from duckstring_cli.aws_errors import translated_errors
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands.options import AsJson
from duckstring_cli.errors import AccessError, BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring_cli.stores.held import Stores
    from duckstring_cli.stores.remains import Remains

Named = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", show_default=False, help="The Catchment; otherwise the default one."
    ),
]
MustName = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="The Catchment.")]


def protect(name: Named = None, as_json: AsJson = False) -> None:
    """Set what table and bucket need, where it is not set: expiry, recovery, versions, protection.

    The stack sets this on stores that it makes, and cannot on those that were attached to it.
    """
    from duckstring_cli.stores import settings
    from duckstring_cli.stores.held import stores_of

    held = catchments.find(name)
    with translated_errors(held):
        stores = stores_of(held)
        lacking = list(settings.lacking(stores))
        for one in lacking:
            one.set(stores)
    if as_json:
        found = [{"store": one.store, "setting": one.name} for one in lacking]
        render.print_json({"name": held.name, "set": found})
        return
    for one in lacking:
        render.say(f"[green]✓[/] {one.store}: {one.name} is set")
    if not lacking:
        render.say(f"[green]✓[/] Catchment [bold]{held.name}[/] has all of it already")


def destroy(
    name: MustName,
    data: Annotated[
        bool, typer.Option("--data", help="Also delete what it knows: table, bucket and secret.")
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(
            "--confirm", metavar="NAME", help="Its name, where nobody is there to type it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete a Catchment's stack. What it knows stays, unless you say --data.

    It asks for the Catchment's name first, and says what remains, what that costs, and how to use
    it again. With --data it asks twice. Of a Catchment on this machine, its folder remains.
    """
    held = catchments.find(name)
    if held.kind == "local":
        _destroy_local(held, data=data, confirm=confirm, as_json=as_json)
        return
    _destroy_in_aws(held, data=data, confirm=confirm, as_json=as_json)


def _destroy_in_aws(held: Catchment, *, data: bool, confirm: str | None, as_json: bool) -> None:
    from duckstring_cli.stores.destroy import destroy_data, destroy_stack
    from duckstring_cli.stores.remains import measure

    with translated_errors(held):
        stores = _known(held)
        remains = measure(stores)
    if not as_json:
        _say_what_goes(stores, remains, data=data)
    _ask(held.name, "destroy it", confirm=confirm)
    if data:
        _ask(held.name, f"delete {remains.objects:,} objects for good", confirm=confirm)
    with translated_errors(held), render.steps() as step:
        destroy_stack(stores, data=data, on_step=step)
        if data:
            destroy_data(stores, step)
    catchments.remove(held.name)
    if as_json:
        left = None if data else remains.to_json() | {"attach": stores.attach}
        render.print_json({"name": held.name, "stack": held.stack, "remains": left})
        return
    render.say(f"[green]✓[/] Catchment [bold]{held.name}[/] is destroyed")
    if not data:
        render.say(f"Use it again: npx aws-cdk@2 deploy -c catchment=... {escape(stores.attach)}")


def _known(held: Catchment) -> Stores:
    """The stores, as the stack says now. They are noted: once the stack is gone, only this says
    where they are, and a destroy that was interrupted can go on.
    """
    from functools import cache

    from duckstring_cli.stores.held import stores_from

    opener = cache(catchments.session(held).client)
    try:
        outputs = catchments.read_outputs(held)
    except AccessError:
        raise
    except OperatorError:
        if not {"Table", "Bucket", "Ephemeral"} <= held.outputs.keys():
            raise
        return stores_from(held, held.outputs, opener)
    catchments.save(replace(held, outputs=outputs))
    return stores_from(held, outputs, opener)


def _say_what_goes(stores: Stores, remains: Remains, *, data: bool) -> None:
    one = stores.catchment
    where = f" in {one.region}" if one.region else ""
    render.say(f"The stack [bold]{escape(one.stack)}[/]{escape(where)} is deleted.")
    if data:
        render.say("[bold red]All that it knows is deleted for good, too:[/]")
    else:
        render.say(f"This remains, for about ${remains.dollars:.2f} a month (us-east-1):")
    for line in remains.lines(stores):
        render.say(f"  {escape(line)}")


def _destroy_local(held: Catchment, *, data: bool, confirm: str | None, as_json: bool) -> None:
    from duckstring_cli.local import catchment as local
    from duckstring_cli.local.home import catchment_folder

    folder = catchment_folder(held.name)
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    again = f"duckstring catchment init --name {held.name}"
    if not as_json:
        what = "is deleted for good" if data else "remains"
        render.say(f"The Catchment {held.name} is stopped and forgotten.")
        render.say(f"Its folder {what}: {escape(str(folder))}, {render.size(size)}")
    _ask(held.name, "destroy it", confirm=confirm)
    if data:
        _ask(held.name, "delete all that it knows for good", confirm=confirm)
    with render.steps() as step:
        step(f"Stopping {held.name}")
        local.stop(held.name)
    if data:
        shutil.rmtree(folder, ignore_errors=True)
    catchments.remove(held.name)
    if as_json:
        left = None if data else {"folder": str(folder), "bytes": size, "again": again}
        render.print_json({"name": held.name, "remains": left})
        return
    render.say(f"[green]✓[/] Catchment [bold]{held.name}[/] is destroyed")
    if not data:
        render.say(f"Use it again: {again}")


def _ask(name: str, what: str, *, confirm: str | None) -> None:
    """Let the name be typed.

    Raises:
        OperatorError: another name was typed, or nobody is there to type it.
    """
    if confirm is None and not sys.stdin.isatty():
        raise BadInputError(
            f"Not going to {what}: nobody confirms it.", hint=f"Confirm it: --confirm {name}"
        )
    typed = confirm if confirm is not None else typer.prompt(f"Type {name} to {what}", err=True)
    if typed.strip() != name:
        raise OperatorError(f"{typed.strip()!r} is not {name!r}: nothing was deleted.")
