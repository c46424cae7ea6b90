from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from duckstring_cli import groups

DOCS = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
COMMON = {
    "--help",
    "--catchment",
    "--major",
    "--json",
    "--version",
    "--install-completion",
    "--show-completion",
}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    arguments = [held.metavar for held in command.params if held.param_type_name == "argument"]
    for name, held in below.items():
        yield from commands(held, (*path, *arguments, name))


ALL = list(commands(typer.main.get_command(groups.app)))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_the_reference_names_every_command_and_option(path: tuple[str, ...], command: Any) -> None:
    # Commands of a group of one Pond are typed behind its name: trigger arrival POND add.
    written = {" ".join(path), " ".join((*path[:2], "POND", *path[2:]))}
    said = [line for line in DOCS.splitlines() if any(words in line for words in written)]
    assert said
    if path == ("pond", "deploy"):
        return
    heading = next(
        line
        for line in DOCS.splitlines()
        if line.startswith("## ") and f"duckstring {path[0]}" in line
    )
    section = DOCS.partition(heading)[2].partition("\n## ")[0]
    missing = {
        option for held in command.params for option in held.opts if option.startswith("--")
    } - COMMON
    assert {option for option in missing if option not in section} == set()
    assert command.help
    assert command.epilog.startswith("Example: duckstring ")
