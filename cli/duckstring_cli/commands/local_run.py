"""``duckstring pond run`` and ``pond hydrate``: a Pond on this machine, without a Catchment."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring_cli import checked, durations, render
from duckstring_cli.commands.options import AsJson, CatchmentName, open_client
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from rich.text import Text

    from duckstring.puddles.hydrate import Made
    from duckstring.puddles.project import LocalPond
    from duckstring.puddles.running import Event, Ran, RippleRan
    from duckstring.puddles.session import How, Hydrated
    from duckstring.worker.calling import Fault

DEFAULT_ROWS = 1000

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", show_default=False, help="A Pond's folder; otherwise this one."),
]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file", metavar="FILE", help="KEY=value lines, added to this shell's environment."
    ),
]


def run(
    folder: Folder = None,
    ripple: Annotated[
        str | None,
        typer.Option(
            "--ripple",
            "-r",
            metavar="NAME",
            show_default=False,
            help="Only this Ripple, on what earlier runs have left.",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin with nothing: no earlier runs.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Again at each change of a file, until Ctrl-C.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="In this process, so that breakpoint() works.")
    ] = False,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Run the Pond on this machine, on its Puddles, into puddles/out. No Catchment is needed.

    Its own earlier tables are there, as in a Catchment. A failed run publishes nothing.
    """
    from duckstring.puddles.session import How
    from duckstring_cli.projects import read_variables

    if watch and (debug or as_json):
        raise BadInputError(f"Give --watch or {'--debug' if debug else '--json'}, not both.")
    variables = dict(read_variables(env_file))

    def once(*, fresh: bool) -> Ran:
        view = _View(as_json=as_json)
        ran = _run(folder, variables, view, How(ripple, fresh, debug))
        view.show_end(ran, folder)
        return ran

    if watch:
        from duckstring_cli import watching

        watching.again_at_each_change(folder or Path(), once, fresh=fresh)
    elif not once(fresh=fresh).ok:
        raise typer.Exit(1)


def hydrate(
    folder: Folder = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", "-s", metavar="SOURCE", show_default=False, help="Only this Source."
        ),
    ] = None,
    from_catchment: Annotated[
        bool,
        typer.Option(
            "--from-catchment",
            help="Take rows of published tables of a Catchment (-c), not of the Puddles.",
        ),
    ] = False,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows",
            metavar="N",
            min=1,
            show_default=False,
            help=f"With --from-catchment: rows of a table at most; otherwise {DEFAULT_ROWS}.",
        ),
    ] = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Execute the Puddles, and store what they give as Parquet in puddles/in."""
    import_module("duckdb")  # before the fork, so that it is loaded once

    from duckstring.puddles.hydrate import hydrate as execute
    from duckstring.puddles.session import at_work
    from duckstring_cli.projects import MachineClock, open_project

    if rows is not None and not from_catchment:
        raise BadInputError("--rows goes with --from-catchment.")
    pond = open_project(folder, in_place=not from_catchment)
    with at_work(pond):
        made = (
            _take(pond, source, rows or DEFAULT_ROWS, catchment)
            if from_catchment
            else execute(pond, MachineClock().now(), only=source)
        )
    if as_json:
        render.print_json(
            {"tables": [{"table": one.ref, "rows": one.rows, "bytes": one.bytes} for one in made]}
        )
        return
    table = render.table("TABLE", "ROWS", "BYTES", right=("ROWS", "BYTES"))
    for one in made:
        table.add_row(one.ref, render.count(one.rows), render.size(one.bytes))
    render.out().print(table)
    render.note(f"Next: duckstring pond run{_named(folder)}")


def _take(pond: LocalPond, source: str | None, rows: int, catchment: str | None) -> list[Made]:
    from duckstring_cli.snapshots import take_all

    if not pond.sources and source is None:
        raise BadInputError(
            "This Pond has no Sources, so there is nothing to take.",
            hint=f"Its own published tables: duckstring pond hydrate -s {pond.name} "
            "--from-catchment",
        )
    client = open_client(catchment)
    with render.steps() as step:
        return take_all(pond, client, only=source, rows=rows, warn=render.warn, step=step)


def _run(folder: Path | None, variables: dict[str, str], view: _View, how: How) -> Ran:
    import_module("duckdb")  # before the forks, so that it is loaded once

    from duckstring.puddles.attempts import Attempts, DirectAttempts, ProcessAttempts
    from duckstring.puddles.session import run_once
    from duckstring.worker.project import Project
    from duckstring_cli.projects import MachineClock, open_project

    pond = open_project(folder, in_place=how.here)
    os.environ.update(variables)
    attempts: Attempts = (
        DirectAttempts(pond, Project(pond.root, pond.pondfile.pond.ripples))
        if how.here
        else ProcessAttempts(pond, variables, view.printed)
    )
    try:
        # What an author's code prints in this process is no answer of ours.
        with redirect_stdout(sys.stderr if how.here and view.as_json else sys.stdout):
            return run_once(pond, attempts, MachineClock(), how, view.told)
    finally:
        attempts.close()


class _View:
    """What a run shows: its Ripples on stdout as each ends, all else on stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json, self._error = as_json, ""

    def printed(self, ripple: str, text: str) -> None:
        from rich.text import Text

        console = render.err()
        for line in render.lines(text).split("\n"):
            console.print(Text.assemble((f"{ripple}: ", "dim"), line), soft_wrap=True)

    def told(self, what: Hydrated | Event) -> None:
        from rich.text import Text

        from duckstring.puddles.running import Pausing, RippleRan
        from duckstring.puddles.session import Hydrated

        if isinstance(what, Hydrated):
            listed = ", ".join(f"{one.ref} {_rows(one.rows)}" for one in what.tables)
            render.note(f"hydrated {listed}")
        if isinstance(what, Pausing):
            render.note(
                f"{what.ripple} pauses for {durations.brief(what.seconds)}: this waits, too "
                "(Ctrl-C ends it)"
            )
        if isinstance(what, RippleRan) and not self.as_json:
            render.out().print(_line(what), soft_wrap=not render.out().is_terminal)
            for one in what.checks:
                render.out().print(Text("  ").append_text(checked.line_of(one)), soft_wrap=True)
            if what.fault is not None:
                _print_fault(what.ripple, what.fault)
                self._error = what.fault.error

    def show_end(self, ran: Ran, folder: Path | None) -> None:
        if self.as_json:
            render.print_json(_as_json(ran))
            return
        if ran.failure is not None:
            _print_failure(ran.failure.error, ran.failure.message)
            self._error = ran.failure.error
        named = _named(folder)
        if hint := _HINTS.get(self._error):
            render.note(f"{hint}{named if 'duckstring' in hint else ''}")
        if not ran.ok:
            render.note("Nothing of this run is published: the tables are those of the run before.")
            return
        if ran.passes:
            render.note(
                "No Source has changed since the last run: in a Catchment this run would pass, and "
                "call no Ripple."
            )
        tables = [one.table for ripple in ran.ripples for one in ripple.tables]
        next_one = f"show {tables[-1]}{named}" if tables else f"ls{named}"
        render.note(f"Next: duckstring puddle {next_one}")


_MARKS = {
    "success": ("✓", "green"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
    "not run": ("-", "dim"),
}


def _line(ran: RippleRan) -> Text:
    from rich.text import Text

    mark, style = _MARKS[ran.status]
    what = [
        f"{one.table} {_rows(one.rows)}{'' if one.changed else ' (unchanged)'}"
        for one in ran.tables
    ]
    what += [f"{name} kept" for name in ran.kept]
    what += [f"{name} dropped" for name in ran.dropped]
    if ran.status != "success":
        what.insert(0, ran.status)
    if ran.pauses:
        what.append(f"{ran.pauses} pause{'' if ran.pauses == 1 else 's'}")
    took = "" if ran.status == "not run" else f"{ran.seconds:.2f}s  "
    said = ", ".join(what) or ("" if ran.checks else "no table")
    return Text.assemble((mark, style), " ", (ran.ripple, "bold"), "  ", (took, "dim"), said)


def _rows(count: int) -> str:
    return f"{render.count(count)} row{'' if count == 1 else 's'}"


def _print_fault(ripple: str, fault: Fault) -> None:
    """As ``run show`` shows a failed attempt."""
    from rich.text import Text

    console = render.out()
    console.print(Text(f"\n{ripple}: {render.lines(fault.error)}", style="bold red"))
    text = fault.traceback or fault.message
    console.print(Text(render.lines(text).rstrip("\n")), soft_wrap=True)
    console.print("")
    if advice := _hint_in(fault.message, text):
        render.note(advice)


def _hint_in(message: str, traceback: str) -> str:
    """What a message says beyond the traceback: our own errors say what to do."""
    said = message
    while said and said not in traceback:
        said = said[:-1]
    return message[len(said) :].strip() if said else ""


_HINTS = {
    "EnvironmentMissingError": (
        "On this machine: set it in this shell (export NAME=value), or give --env-file FILE."
    ),
    "CatalogException": "Sources' tables come from Puddles here. See them: duckstring puddle ls",
    "SqlError": "Sources' tables come from Puddles here. See them: duckstring puddle ls",
    "BdbQuit": "breakpoint() needs this terminal: duckstring pond run --debug",
    "ContractError": (
        "What was published here came from your own earlier runs, perhaps on other Puddles. "
        "To begin anew on this machine: duckstring pond run --fresh"
    ),
}


def _print_failure(error: str, message: str) -> None:
    from rich.text import Text

    whole = not render.out().is_terminal
    render.out().print(
        Text.assemble((f"\n{error}: ", "bold red"), render.lines(message)), soft_wrap=whole
    )


def _named(folder: Path | None) -> str:
    """The folder again, for a command that is suggested."""
    import shlex

    return f" {shlex.quote(str(folder))}" if folder else ""


def _as_json(ran: Ran) -> dict[str, object]:
    from duckstring.model.checks import to_object
    from duckstring.model.instants import to_text

    def one(ripple: RippleRan) -> dict[str, object]:
        fault = ripple.fault
        return {
            "ripple": ripple.ripple,
            "status": ripple.status,
            "seconds": round(ripple.seconds, 3),
            "tables": [
                {
                    "table": table.table,
                    "rows": table.rows,
                    "bytes": table.bytes,
                    "changed": table.changed,
                }
                for table in ripple.tables
            ],
            "kept": list(ripple.kept),
            "dropped": list(ripple.dropped),
            "pauses": ripple.pauses,
            "checks": [to_object(one) for one in ripple.checks],
            "error": fault and fault.error,
            "message": fault and fault.message,
            "traceback": fault and fault.traceback,
        }

    return {
        "line": ran.line,
        "version": ran.version,
        "run": ran.run,
        "f": to_text(ran.f),
        "status": "success" if ran.ok else "failed",
        "passes": ran.passes,
        "error": ran.failure and ran.failure.error,
        "message": ran.failure and ran.failure.message,
        "ripples": [one(ripple) for ripple in ran.ripples],
    }
