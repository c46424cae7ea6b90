"""``duckstring demo``: from nothing to a report, once through all of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from duckstring.errors import DuckstringError
from duckstring.model.sql import quoted
from duckstring_cli import catchments, durations, render
from duckstring_cli.client import Client
from duckstring_cli.commands.catchment import bring_up
from duckstring_cli.commands.trigger import follow
from duckstring_cli.render import escape
from duckstring_cli.rows import print_rows

NAME = "dev"
OUTLET = "reports"
_ROWS = 8


def demo(
    folder: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="Where the demo's Ponds are written.")
    ] = Path("duckstring-demo"),
) -> None:
    """From nothing to a report, in one go.

    Starts a Catchment on this machine, deploys the flights demo, sends one Pulse to its Outlet,
    shows the reports, and ends with the address of the web page.
    """
    began = time.monotonic()
    with render.steps() as step:
        _write(folder)
        _start(folder, step)
        client = Client(catchments.find(NAME))
        _deploy(client, folder, step)
    ready = time.monotonic()
    render.say(f"\n[bold]One Pulse to {OUTLET}[/]: everything it needs runs once, in order")
    before = client.status()
    answer = client.trigger(OUTLET, "pulse")
    pulse = follow(client, answer["line"], before, epoch=answer["epoch"])
    _show_reports(client)
    ended = time.monotonic()
    took = [durations.brief(seconds) for seconds in (ended - began, ready - began, pulse)]
    render.say(f"\n[bold]{took[0]}[/] in all: {took[1]} to be ready, {took[2]} for the Pulse")
    _next_steps(folder)
    _show_page(client)


def _write(folder: Path) -> None:
    from duckstring_cli import demos

    if not any(folder.glob("*/pond.toml")):
        demos.write_demo("flights", folder)


def _start(folder: Path, step: render.OnStep) -> None:
    from duckstring_cli.local import catchment as local

    if NAME not in {held.name for held in catchments.catchments()}:
        requirements = folder / "requirements.txt"
        local.init(NAME, requirements=requirements if requirements.is_file() else None)
    bring_up(NAME, step)


def _deploy(client: Client, folder: Path, step: render.OnStep) -> None:
    from duckstring_cli import deploying

    projects = deploying.read(deploying.roots(folder, tree=True))
    deploying.deploy(client, projects, overwrite=True, on_step=step)


def _show_reports(client: Client) -> None:
    from duckstring_cli import reading

    snapshot = client.tables(OUTLET)
    con = reading.connect(client.catchment, snapshot, "")
    for table in snapshot["tables"]:
        render.say(
            f"\n[bold]{escape(table['table'])}[/] [dim]{render.count(table['rows'])} rows[/]"
        )
        rows = reading.ask(con, f"FROM {quoted(table['table'])}", client.catchment, snapshot)
        hidden = print_rows(rows, _ROWS)[2]
        if hidden:
            render.say(f"[dim]… and {', '.join(map(escape, hidden))}[/]")


def _next_steps(folder: Path) -> None:
    from rich.text import Text

    lines = {
        "duckstring ui": "the pipeline in your browser",
        "duckstring status": "watch the Catchment",
        f"duckstring query {OUTLET} [TABLE]": "its tables; TABLE shows one",
        "duckstring runs": "what ran",
        f"duckstring trigger tide {OUTLET} 5m": "no staler than 5 minutes",
        f"duckstring deploy {folder} --all": "after you changed a Pond",
        "duckstring catchment stop": "it keeps everything that it knows",
    }
    made = render.table("TRY NEXT", "")
    for command, why in lines.items():
        made.add_row(Text(command, style="bold"), Text(why, style="dim"))
    render.say("")
    render.out().print(made)


def _show_page(client: Client) -> None:
    """The address comes last, where people look for it."""
    from duckstring_cli.page.background import address_of

    try:
        address = address_of(client.catchment)
    except DuckstringError as error:  # the demo is done all the same
        render.err().print(f"[dim]{escape(error.message)} {escape(error.hint)}[/]")
        return
    render.say(f"\nThe pipeline in your browser, until the Catchment stops:\n{address}")
