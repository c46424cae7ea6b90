"""``duckstring pond test``: pytest in a Pond's project."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from duckstring_cli import render
from duckstring_cli.errors import REFUSED, BadInputError

_PLUGIN = "duckstring.puddles.pytest_plugin"
_NO_TESTS = 5
"""pytest's exit code."""


def run_tests(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DIR] [PYTEST ARGS]",
            show_default=False,
            help="A Pond's folder, otherwise this one; then anything that pytest takes.",
        ),
    ] = None,
) -> None:
    """Run the project's tests by pytest, with the fixtures pond_run, tables and clock."""
    folder, rest = _divided(arguments or [])
    if rest and not (rest[0].startswith("-") or _is_there(folder, rest[0])):
        raise BadInputError(f"There is no folder and no file {rest[0]!r}.")
    if not (folder / "pond.toml").is_file():
        raise BadInputError(
            f"{folder.resolve()} has no pond.toml.",
            hint="Run this in a Pond project, or make one with `duckstring pond init`.",
        )
    if importlib.util.find_spec("pytest") is None:
        raise BadInputError(
            "pytest is not installed beside this command.",
            hint="Install it: pip install 'duckstring-aws[test]'",
        )
    command = [sys.executable, "-m", "pytest", "-p", _PLUGIN, *rest]
    sys.stdout.flush()
    code = subprocess.run(command, cwd=folder, check=False).returncode  # noqa: S603 - our own interpreter
    if code == _NO_TESTS:
        raise BadInputError(
            "There are no tests to run.",
            hint=(
                'Write tests/test_pond.py: docs/author.md, "Run and test on your own machine". '
                "Or correct what you gave to pytest."
            ),
        )
    if code not in {0, REFUSED}:
        render.note(f"pytest ended with exit code {code}.")
        raise typer.Exit(2)
    raise typer.Exit(code)


def _is_there(folder: Path, argument: str) -> bool:
    """Whether a file or folder of tests exists, ``tests/test_pond.py::test_one``."""
    return (folder / argument.partition("::")[0]).exists()


def _divided(arguments: list[str]) -> tuple[Path, list[str]]:
    """The project's folder, and what is pytest's."""
    if arguments and (Path(arguments[0]) / "pond.toml").is_file():
        return Path(arguments[0]), arguments[1:]
    return Path(), arguments
