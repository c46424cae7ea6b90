"""``duckstring pond``: a Pond's project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from duckstring.model import names
from duckstring.model.catalog import PondKind
from duckstring_cli import render
from duckstring_cli.commands.deploy import deploy
from duckstring_cli.errors import BadInputError, nearest

KINDS: tuple[PondKind, ...] = ("inlet", "pond", "outlet")

app = typer.Typer(help="Begin a Pond's project, or write out a demo.", no_args_is_help=True)
app.command("deploy", epilog="Example: duckstring pond deploy . --catchment dev")(deploy)


@app.command(epilog="Example: duckstring pond init sales --kind inlet")
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="The Pond's name.")],
    kind: Annotated[str, typer.Option("--kind", "-k", metavar="KIND", help=f"One of {', '.join(KINDS)}.")] = "pond",
    into: Annotated[Path | None, typer.Option("--into", metavar="DIR", help="The folder to write; otherwise ./NAME.")] = None,
) -> None:
    """Write a new Pond's project: pond.toml and a first Ripple."""
    if not names.POND_NAME.match(name):
        raise BadInputError(
            f"{name!r} is no Pond's name.",
            hint="Allowed: a lower-case letter, then lower-case letters, digits and _, at most 48 characters.",
        )
    chosen = next((one for one in KINDS if one == kind), None)
    if chosen is None:
        raise BadInputError(f"No kind {kind!r}; allowed: {', '.join(KINDS)}.", hint=nearest(kind, KINDS))
    from duckstring_cli import demos

    target = into or Path(name)
    demos.write_project(name, target, chosen)
    render.say(f"[green]✓[/] {escape(str(target))} written")
    file, where = escape(str(target / "src" / "pond.py")), escape(str(target))
    render.err().print(f"[dim]Next: edit {file}, then: duckstring deploy {where}[/]", soft_wrap=True)


@app.command(epilog="Example: duckstring pond demo --flights flights-demo")
def demo(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", show_default=False, help="The folder to write; otherwise ./duckstring-KIND.")
    ] = None,
    flights: Annotated[bool, typer.Option("--flights", help="336,776 real flights: five Inlets, a Pond, an Outlet (the default).")] = False,
    external: Annotated[bool, typer.Option("--external", help="Pipelines that run on an external engine, as proxy Ponds.")] = False,
) -> None:
    """Write out a demo: Ponds to read, change and deploy."""
    if flights and external:
        raise BadInputError("Give --flights or --external, not both.")
    from duckstring_cli import demos

    kind: Literal["flights", "external"] = "external" if external else "flights"
    target = folder or Path(f"duckstring-{kind}")
    files = demos.write_demo(kind, target)
    render.say(f"[green]✓[/] {len(files)} files of the {kind} demo in {escape(str(target))}")
    render.err().print(f"[dim]Next: duckstring deploy {escape(str(target))} --all[/]", soft_wrap=True)
