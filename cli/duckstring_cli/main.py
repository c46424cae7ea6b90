"""The ``duckstring`` command: its groups, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TextIO

import typer
from typer.exceptions import TyperException

from duckstring import __version__
from duckstring.errors import DuckstringError
from duckstring_cli import errors, render
from duckstring_cli.commands import catchment, control, demo, deploy, doctor, logs, pond, query, runs, status, trigger

app = typer.Typer(
    name="duckstring",
    help="Coordinate data pipelines by demand: a serverless Catchment, on this machine or in your own AWS account.",
    epilog="Begin with: duckstring demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(catchment.app, name="catchment")
app.add_typer(pond.app, name="pond")
app.command("deploy", epilog="Example: duckstring deploy . --all")(deploy.deploy)
app.add_typer(trigger.app, name="trigger")
app.add_typer(control.app, name="control")
app.command("status", epilog="Example: duckstring status reports --once")(status.status)
app.command("runs", epilog="Example: duckstring runs sales --status failed --limit 5")(runs.runs)
app.add_typer(runs.app, name="run")
app.command("logs", epilog="Example: duckstring logs sales@1/42 load --follow")(logs.logs)
app.add_typer(doctor.app, name="doctor")
app.command("query", epilog='Example: duckstring query reports --sql "SELECT count(*) FROM worst_routes"')(query.query)
app.command("get", epilog="Example: duckstring get reports worst_routes routes.csv")(query.get)
app.command("demo", epilog="Example: duckstring demo")(demo.demo)

_INTERRUPTED = 130


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"duckstring {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Coordinate data pipelines by demand: a serverless Catchment, on this machine or in your own AWS account."""


def run(arguments: Sequence[str]) -> int:  # noqa: PLR0911 - one for each way to end
    """Run one command line. Gives the exit code: 0 done, 1 refused, 2 misuse."""
    try:
        code = _carry_out(arguments)
        sys.stdout.flush()  # a full disk shows here, not after the last word
    except DuckstringError as error:
        render.refuse(error)
        return errors.exit_code(error)
    except TyperException as error:
        if told := errors.asked_for_help(error):
            sys.stdout.write(told + "\n")
            return 0
        render.refuse(errors.misused(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has what it wanted: no complaint, and none from the interpreter's last flush.
        _drop(sys.stdout)
        return 0
    except OSError as error:
        return _unusable(error)
    return code if isinstance(code, int) else 0


def _carry_out(arguments: Sequence[str]) -> object:
    try:
        return app(args=list(arguments), prog_name="duckstring", standalone_mode=False)
    except SystemExit as error:
        # Rich and Typer end the program themselves where a pipe is closed, and call that a failure.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise


def _unusable(error: OSError) -> int:
    """A file of the user's, or the output itself."""
    if error.filename is None:
        _drop(sys.stdout)
    try:
        render.refuse(errors.unusable(error))
    except OSError:
        _drop(sys.stderr)
    return errors.REFUSED


def _drop(stream: TextIO) -> None:
    """What is not written by now is not written any more, nor complained of at the interpreter's end."""
    with suppress(OSError, ValueError):  # a stream of a test has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main() -> None:
    """The entry point."""
    # A stream that the caller has closed (>&-) is None in Python.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the same
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
