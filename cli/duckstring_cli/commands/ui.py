"""``duckstring ui``: the web page of a Catchment."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from duckstring_cli import render
from duckstring_cli.commands.options import AsJson, CatchmentName, open_client


def ui(
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="PORT", min=1, max=65535, help="The port; otherwise any that is free."
        ),
    ] = None,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Only show: refuse everything that changes something."),
    ] = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Show a Catchment in the browser: its pipeline, runs and tables, with all actions.

    The page is served on 127.0.0.1 to this user alone, and goes to the Catchment with the user's
    own credentials. It ends with Ctrl-C. With --json it prints its address and opens nothing.
    """
    from duckstring_cli.page import serve

    page = serve.built_page()
    client = open_client(catchment)
    client.hello()

    def ready(address: str) -> None:
        if as_json:
            render.print_json({"address": address})
            return
        render.say(address)
        shown = not no_open and serve.show(address, Path(folder))
        said = "It is open in your browser." if shown else "Open that address in a browser."
        render.err().print(f"[dim]{said} Ctrl-C ends it.[/]")

    with serve.listening(port) as held, tempfile.TemporaryDirectory() as folder:
        serve.serve(client, held, read_only=read_only, on_ready=ready, page=page)
