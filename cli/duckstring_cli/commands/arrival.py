"""``duckstring trigger arrival``: objects that arrive in a bucket trigger a Pond."""

from __future__ import annotations

from typing import Annotated

import typer

from duckstring.errors import nearest
from duckstring.model.answers.changes import ArrivalAnswer, ArrivalRow
from duckstring.model.arrivals import ArrivalKind
from duckstring_cli import render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    Note,
    OfVersion,
    PondName,
    major_of,
    open_client,
)
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

KINDS: tuple[ArrivalKind, ...] = ("pulse", "tap")

app = typer.Typer(
    help="Objects that arrive in a bucket trigger a Pond.",
    epilog="Example: duckstring trigger arrival orders add --name landing --bucket my-landing",
    no_args_is_help=True,
    subcommand_metavar="add|backlog|list|remove",
)

Name = Annotated[
    str,
    typer.Option("--name", "-n", metavar="NAME", show_default=False, help="What to call the rule."),
]


@app.callback()
def arrival(context: typer.Context, pond: PondName) -> None:
    """Objects that arrive in a bucket trigger a Pond."""
    context.obj = pond


@app.command(
    epilog=(
        "Example: duckstring trigger arrival orders add --name landing --bucket my-landing "
        "--prefix in/ --suffix .parquet"
    )
)
def add(
    context: typer.Context,
    name: Name,
    bucket: Annotated[
        str,
        typer.Option(
            "--bucket",
            "-b",
            metavar="BUCKET",
            show_default=False,
            help="One whose events reach the Catchment.",
        ),
    ],
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix", metavar="TEXT", show_default=False, help="What its keys begin with."
        ),
    ] = "",
    suffix: Annotated[
        str,
        typer.Option(
            "--suffix", metavar="TEXT", show_default=False, help="What its keys end with."
        ),
    ] = "",
    kind: Annotated[
        str, typer.Option("--kind", "-k", metavar="KIND", help=f"One of {', '.join(KINDS)}.")
    ] = KINDS[0],
    note: Note = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Trigger POND whenever an object arrives that fits.

    Its key begins with --prefix and ends with --suffix: plain text, no patterns.
    """
    chosen = next((one for one in KINDS if one == kind), None)
    if chosen is None:
        raise BadInputError(
            f"No kind {kind!r}; allowed: {', '.join(KINDS)}.", hint=nearest(kind, KINDS)
        )
    picked = major_of(major, version)
    rule: ArrivalRow = {
        "name": name,
        "bucket": bucket,
        "prefix": prefix,
        "suffix": suffix,
        "kind": chosen,
    }
    answer = open_client(catchment, note=note).add_arrival(context.obj, rule, major=picked)
    _print(answer, f"arrival {name} added", as_json=as_json)


@app.command("list", epilog="Example: duckstring trigger arrival orders list")
def list_(
    context: typer.Context,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """POND's rules."""
    from rich.text import Text

    picked = major_of(major, version)
    answer = open_client(catchment).arrivals(context.obj, major=picked)
    if as_json:
        render.print_json(answer)
        return
    if not answer["arrivals"]:
        render.say(f"[bold]{answer['line']}[/] has no arrival rules")
        return
    made = render.table("NAME", "BUCKET", "PREFIX", "SUFFIX", "SENDS")
    for rule in answer["arrivals"]:
        made.add_row(
            *(Text(rule[part]) for part in ("name", "bucket", "prefix", "suffix")), rule["kind"]
        )
    render.out().print(made)


@app.command(epilog="Example: duckstring trigger arrival orders backlog")
def backlog(
    context: typer.Context,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, max=100_000, help="How many.")
    ] = 50,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """What arrived and waits for POND.

    The objects that pond.arrivals() gives to the next run, the oldest first.
    """
    from rich.text import Text

    client, picked = open_client(catchment), major_of(major, version)
    answer = client.backlog(context.obj, major=picked)
    objects, page = list(answer["objects"]), answer
    while len(objects) < limit and "next" in page:
        page = client.backlog(context.obj, major=picked, after=page["next"])
        objects += page["objects"]
    objects = objects[:limit]
    if as_json:
        told = {name: value for name, value in answer.items() if name != "next"}
        render.print_json({**told, "objects": objects})
        return
    if not objects:
        render.say(f"[bold]{answer['line']}[/]: no object waits")
        return
    made = render.table("OBJECT", "SIZE", "ARRIVED", right=("SIZE",))
    for one in objects:
        made.add_row(
            Text(render.one_line(one["uri"]), overflow="fold"),
            render.size(one["size"]),
            render.moment(one["arrived"]),
        )
    render.out().print(made)
    if (more := answer["waiting"] - len(objects)) > 0:
        render.say(f"[dim]and {render.count(more)} more (--limit N)[/]")


@app.command(epilog="Example: duckstring trigger arrival orders remove --name landing")
def remove(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, help="The rule's name.")
    ] = None,
    named: Annotated[
        str | None,
        typer.Option(
            "--name", "-n", metavar="NAME", show_default=False, help="The same, as an option."
        ),
    ] = None,
    note: Note = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Remove one of POND's rules."""
    chosen, picked = name or named, major_of(major, version)
    if chosen is None or (name and named and name != named):
        raise BadInputError(
            "One rule at a time: give its name, once.",
            hint=f"For example: duckstring trigger arrival {context.obj} remove landing",
        )
    _print(
        open_client(catchment, note=note).remove_arrival(context.obj, chosen, major=picked),
        f"arrival {chosen} removed",
        as_json=as_json,
    )


def _print(answer: ArrivalAnswer, what: str, *, as_json: bool) -> None:
    if as_json:
        render.print_json(answer)
    else:
        render.say(f"[bold]{answer['line']}[/]: {escape(what)}")
