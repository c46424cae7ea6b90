"""``duckstring ui``: the web page of a Catchment."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from duckstring_cli import render
from duckstring_cli.commands.options import AsJson, CatchmentName, open_client
from duckstring_cli.errors import BadInputError


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
    background: Annotated[
        bool,
        typer.Option(
            "--background", help="Leave it running until the Catchment on this machine stops."
        ),
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
    if background and (port or read_only):
        raise BadInputError(
            "--background has no --port and no --read-only.",
            hint="Leave --background out, or these.",
        )
    client = open_client(catchment)
    client.hello()

    def tell(address: str, folder: Path, ends: str) -> None:
        if as_json:
            render.print_json({"address": address})
            return
        render.say(address)
        shown = not no_open and serve.show(address, folder)
        said = "It is open in your browser." if shown else "Open that address in a browser."
        render.err().print(f"[dim]{said} {ends}[/]")

    if background:
        from duckstring_cli.local.home import catchment_folder
        from duckstring_cli.page.background import address_of

        address = address_of(client.catchment)
        tell(address, catchment_folder(client.catchment.name), "It ends with the Catchment.")
        return
    with serve.listening(port) as held, tempfile.TemporaryDirectory() as folder:
        serve.serve(
            client,
            held,
            read_only=read_only,
            on_ready=lambda address: tell(address, Path(folder), "Ctrl-C ends it."),
            page=page,
        )
