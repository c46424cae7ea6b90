"""``duckstring pond``: a Pond's project, and taking a Pond out of a Catchment."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from duckstring.errors import OperatorError, nearest
from duckstring.model import names
from duckstring.model.answers.changes import RemoveAnswer
from duckstring_cli import render
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands import local_run, local_test
from duckstring_cli.commands.check import check
from duckstring_cli.commands.deploy import deploy
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    Note,
    PondName,
    major_of,
    open_client,
)
from duckstring_cli.errors import BadInputError
from duckstring_cli.kinds import DUCKDBS_OWN, TEMPLATES, DemoKind
from duckstring_cli.render import escape

app = typer.Typer(help="A Pond's project; taking a Pond out of a Catchment.", no_args_is_help=True)
app.command("check", epilog="Example: duckstring pond check . --offline")(check)
app.command("deploy", epilog="Example: duckstring pond deploy . --catchment dev")(deploy)
app.command("run", epilog="Example: duckstring pond run --watch")(local_run.run)
app.command("hydrate", epilog="Example: duckstring pond hydrate -s products")(local_run.hydrate)
app.command(
    "test",
    epilog="Example: duckstring pond test -k totals",
    context_settings={"ignore_unknown_options": True},
)(local_test.run_tests)


@app.command(epilog="Example: duckstring pond init sales --template sql --source orders")
def init(
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="The Pond's name.")
    ],
    template: Annotated[
        str,
        typer.Option(
            "--template", "-t", metavar="TEMPLATE", help=f"One of {', '.join(TEMPLATES)}."
        ),
    ] = "python",
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            "-s",
            metavar="POND",
            show_default=False,
            help="A Pond that it reads, for sql, incremental and outlet; otherwise orders.",
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="The folder to write; otherwise ./NAME."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a new Pond's project, with Puddles and tests that pass.

    Give --source once for each Pond that it reads.
    """
    sources = list(dict.fromkeys(sources or ()))
    for one in (name, *sources):
        if not names.POND_NAME.match(one):
            raise BadInputError(
                f"{one!r} is not a Pond's name.",
                hint=(
                    "Allowed: a lower-case letter, then lower-case letters, digits and _, at most "
                    "48 characters."
                ),
            )
    chosen = next((one for one in TEMPLATES if one == template), None)
    if chosen is None:
        raise BadInputError(
            f"No template {template!r}; allowed: {', '.join(TEMPLATES)}.",
            hint=nearest(template, TEMPLATES),
        )
    from duckstring_cli import demos

    if sources and chosen not in demos.WITH_SOURCE:
        raise BadInputError(
            f"Template {chosen} has no Source, found --source {sources[0]}.",
            hint=f"Templates with one: {', '.join(sorted(demos.WITH_SOURCE))}.",
        )
    if name in sources:
        raise BadInputError(f"{name} cannot be its own Source.", hint="Name another: --source")
    own = next((one for one in sources if one in DUCKDBS_OWN), None)
    if own and chosen in {"sql", "incremental"}:
        raise BadInputError(
            f"In SQL, {own!r} is a schema of DuckDB's own, not a Source.",
            hint=f"Read it in Python: pond.read_table('{own}.table')",
        )
    target = into or Path(name)
    first, *others = sources or ["orders"]
    files = demos.write_project(name, target, chosen, source=first, others=others)
    if as_json:
        render.print_json({"folder": str(target), "files": [str(file) for file in files]})
        return
    render.say(f"[green]✓[/] {escape(str(target))} written")
    where = escape(shlex.quote(str(target)))
    then = "" if chosen == "proxy" else f", then: duckstring pond run {where}"
    render.err().print(f"[dim]Next: duckstring pond test {where}{then}[/]", soft_wrap=True)


@app.command(epilog="Example: duckstring pond schema > pond.schema.json")
def schema() -> None:
    """Print the JSON schema of pond.toml, for editors."""
    from duckstring_cli import demos

    sys.stdout.write(demos.schema_text())


@app.command(epilog="Example: duckstring pond demo --flights flights-demo")
def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            show_default=False,
            help="The folder to write; otherwise ./duckstring-KIND.",
        ),
    ] = None,
    flights: Annotated[
        bool,
        typer.Option(
            "--flights", help="336,776 real flights: five Inlets, a Pond, an Outlet (the default)."
        ),
    ] = False,
    external: Annotated[
        bool,
        typer.Option(
            "--external", help="Pipelines that run on an external engine, as proxy Ponds."
        ),
    ] = False,
    tpch: Annotated[
        bool,
        typer.Option("--tpch", help="The 22 queries of TPC-H: eight Inlets, an Outlet in SQL."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write out a demo: Ponds to read, change and deploy."""
    given: dict[DemoKind, bool] = {"flights": flights, "external": external, "tpch": tpch}
    chosen = [kind for kind, is_given in given.items() if is_given]
    if len(chosen) > 1:
        raise BadInputError(f"Give --{chosen[0]} or --{chosen[1]}, not both.")
    from duckstring_cli import demos

    kind = chosen[0] if chosen else "flights"
    target = folder or Path(f"duckstring-{kind}")
    files = demos.write_demo(kind, target)
    if as_json:
        render.print_json({"folder": str(target), "files": [str(file) for file in files]})
        return
    render.say(f"[green]✓[/] {len(files)} files of the {kind} demo in {escape(str(target))}")
    render.err().print(
        f"[dim]Next: duckstring deploy {escape(str(target))} --all[/]", soft_wrap=True
    )


@app.command(epilog="Example: duckstring pond remove sales --major 1")
def remove(
    pond: PondName,
    major: Major = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            "-v",
            metavar="VERSION",
            show_default=False,
            help="Only this version; it is not the selected one.",
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            "-t",
            metavar="TABLE",
            show_default=False,
            help="Only this published table; no Sink reads it.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    note: Note = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Take a line out of a Catchment, or one version that it does not run, or one table that no
    Sink reads.

    A line that others need as a Source stays. Its runs are stopped, its triggers forgotten, its
    tables deleted after a day; its history stays. Deployed again it begins anew.
    """
    picked = major_of(major, version)
    if table is not None and version is not None:
        raise BadInputError(
            "Give --table or --version, not both.",
            hint="A table belongs to the line: name that with --major.",
        )
    client = open_client(catchment, note=note)
    would = client.remove(pond, major=picked, version=version, table=table, dry=True)
    if would["removed"]:
        _confirm_removal(client.catchment, would, yes=yes)
    answer = (
        client.remove(pond, major=picked, version=version, table=table)
        if would["removed"]
        else would
    )
    if as_json:
        render.print_json(answer)
        return
    for warning in answer["warnings"]:
        render.warn(warning)
    if not answer["removed"]:
        return
    if waits := answer.get("waits_for"):
        render.say(
            f"[green]✓[/] [bold]{escape(answer['removed'][0])}[/] goes with run "
            f"{render.first_of(waits)}, when that has completed"
        )
        return
    stopped = f", {', '.join(answer['stopped'])} stopped" if answer["stopped"] else ""
    render.say(f"[green]✓[/] [bold]{escape(', '.join(answer['removed']))}[/] is removed{stopped}")
    if not answer["applied"]:
        render.warn("It is busy and has not received it yet, but it will.")


def _confirm_removal(catchment: Catchment, would: RemoveAnswer, *, yes: bool) -> None:
    if yes:
        return
    what = ", ".join(would["removed"])
    if not sys.stdin.isatty():
        raise OperatorError(
            f"Not removing {what} from Catchment {catchment.name!r} without confirmation.",
            hint="Say it with: -y",
        )
    for warning in would["warnings"]:
        render.warn(warning)
    stops = f" This stops {', '.join(would['stopped'])}." if would["stopped"] else ""
    if not typer.confirm(f"Remove {what} from Catchment {catchment.name!r}?{stops}", err=True):
        raise OperatorError("Nothing was removed.")
