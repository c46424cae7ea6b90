"""The start and the end of the ``duckstring`` command.

Slow imports come inside of the functions, because Ctrl-C may come before there is anything to
interrupt.
"""

from __future__ import annotations

import os
import sys

from duckstring_cli import interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from typer.exceptions import TyperException

_COMPLETE = "__complete"
"""What shells ask with: ``completing.py``."""
_SHELL_AND_WORD = 2


def run(arguments: Sequence[str]) -> int:
    """Run one command line. Gives the exit code: 0 done, 1 refused, 2 misuse, 130 interrupted."""
    from duckstring_cli.errors import BrokenOffError

    if arguments[:1] == [_COMPLETE] and len(arguments) > _SHELL_AND_WORD:
        return _complete(arguments[1], arguments[2:])
    try:
        return _run(arguments)
    except BrokenOffError as error:
        return _interrupted(str(error))
    except KeyboardInterrupt:
        return _interrupted()


def _complete(shell: str, words: Sequence[str]) -> int:
    from duckstring_cli import completing

    try:
        return completing.answer(shell, words)
    except KeyboardInterrupt:
        return interrupts.INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    from typer import Abort
    from typer.exceptions import TyperException

    from duckstring.errors import DuckstringError
    from duckstring_cli import errors, render

    try:
        if (code := _carry_out(arguments)) == interrupts.INTERRUPTED:
            raise KeyboardInterrupt  # Typer makes a number of it
        sys.stdout.flush()  # a full disk shows here, not after the last output
    except DuckstringError as error:
        render.refuse(error)
        return errors.exit_code(error)
    except Abort:  # the answer to a question
        return interrupts.INTERRUPTED
    except TyperException as error:
        return _misused(error)
    except BrokenPipeError:
        # The reader (head, less) has what it wanted: report no error, neither here nor in the
        # interpreter's last flush.
        _drop(sys.stdout)
        return 0
    except OSError as error:
        return _unusable(error)
    return code if isinstance(code, int) else 0


def _misused(error: TyperException) -> int:
    from duckstring_cli import errors, render

    if help_text := errors.asked_for_help(error):
        sys.stdout.write(help_text + "\n")
        return 0
    render.refuse(errors.misused(error))
    return error.exit_code


def _carry_out(arguments: Sequence[str]) -> object:
    from duckstring_cli import hints
    from duckstring_cli.groups import app

    hints.forget()
    interrupts.working(now=True)
    try:
        return app(args=list(arguments), prog_name="duckstring", standalone_mode=False)
    except Exception as error:
        # DuckDB and others raise errors of their own for Ctrl-C.
        if interrupts.seen():
            raise KeyboardInterrupt from error
        raise
    except SystemExit as error:
        # Rich and Typer end the program themselves where a pipe is closed, and call that a failure.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise
    finally:
        interrupts.working(now=False)


def _interrupted(words: str = "") -> int:
    """One line: what goes on in the Catchment, if anything does."""
    from contextlib import suppress

    from duckstring_cli import render

    with suppress(OSError):  # the terminal may have gone
        interrupts.restore_terminal()
        if interrupts.is_echoed():
            sys.stderr.write("\n")
        if not sys.stdout.isatty():
            _drop(sys.stdout)  # half a table is of no use, and its reader may be gone or slow
        if words:
            render.note(words)
    return interrupts.INTERRUPTED


def _unusable(error: OSError) -> int:
    """A file of the user's, or the output itself."""
    from duckstring_cli import errors, render

    if error.filename is None:
        _drop(sys.stdout)
    try:
        render.refuse(errors.unusable(error))
    except OSError:
        _drop(sys.stderr)
    return errors.REFUSED


def _drop(stream: TextIO) -> None:
    """What is not written by now is not written any more, nor complained of at the interpreter's
    end.
    """
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # a stream of a test has no descriptor
        return


def main() -> None:
    """The entry point."""
    interrupts.arm()
    from pathlib import Path

    # A stream that the caller has closed (>&-) is None in Python.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the same
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    if code == interrupts.INTERRUPTED:
        sys.stderr.flush()
        os._exit(
            code
        )  # without the interpreter's end, in which a second Ctrl-C would change the code
    sys.exit(code)


if __name__ == "__main__":
    main()
