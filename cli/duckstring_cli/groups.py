"""The ``duckstring`` command: its groups."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from duckstring import __version__
from duckstring_cli.commands import (
    catchment,
    control,
    demo,
    deploy,
    doctor,
    logs,
    plan,
    pond,
    query,
    runs,
    simulate,
    status,
    trigger,
)

app = typer.Typer(
    name="duckstring",
    help=(
        "Coordinate data pipelines by demand: a serverless Catchment, on this machine or in your "
        "own AWS account."
    ),
    epilog="Begin with: duckstring demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(catchment.app, name="catchment")
app.add_typer(pond.app, name="pond")
app.command("deploy", epilog="Example: duckstring deploy . --all")(deploy.deploy)
app.command("plan", epilog="Example: duckstring plan . --markdown")(plan.plan)
app.add_typer(trigger.app, name="trigger")
app.add_typer(control.app, name="control")
app.command("status", epilog="Example: duckstring status reports --once")(status.status)
app.command("runs", epilog="Example: duckstring runs sales --status failed --limit 5")(runs.runs)
app.add_typer(runs.app, name="run")
app.command("logs", epilog="Example: duckstring logs sales@1/42 load --follow")(logs.logs)
app.add_typer(doctor.app, name="doctor")
app.command(
    "query", epilog='Example: duckstring query reports --sql "SELECT count(*) FROM worst_routes"'
)(query.query)
app.command("get", epilog="Example: duckstring get reports worst_routes routes.csv")(query.get)
app.command("simulate", epilog="Example: duckstring simulate --wave reports --takes sales=2m")(
    simulate.simulate
)
app.command("demo", epilog="Example: duckstring demo")(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"duckstring {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Coordinate data pipelines by demand: a serverless Catchment, on this machine or in your
    own AWS account.
    """
