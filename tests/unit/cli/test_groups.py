"""What a command line imports: as little as it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from duckstring_cli import groups
from tests.unit.cli.commands_kit import Bench

HEAVY = {"rich", "boto3", "botocore", "pydantic", "httpx", "duckdb", "tomlkit", "http.client"}
LISTED = """
import json, sys
from duckstring_cli.main import run
code = run({arguments!r})
sys.stderr.write(json.dumps([code, sorted(sys.modules)]))
"""


def imported(*arguments: str, within: str = "") -> tuple[int, set[str]]:
    said = subprocess.run(
        [sys.executable, "-c", within + LISTED.format(arguments=arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    code, modules = json.loads(said.stderr)
    return code, set(modules)


def groups_of_commands() -> Iterator[tuple[str, ...]]:
    for entry in groups.ENTRIES:
        yield (entry.name,)
        yield from (
            (entry.name, name) for name in getattr(entry.load(), "commands", {}) if name != "deploy"
        )


@pytest.mark.parametrize("entry", groups.ENTRIES, ids=lambda entry: entry.name)
def test_the_list_of_commands_says_what_each_command_says_of_itself(entry: groups.Entry) -> None:
    assert entry.load().get_short_help_str(1000) == entry.summary


def test_help_of_the_whole_imports_no_command() -> None:
    code, modules = imported("--help")
    assert code == 0
    assert not modules & HEAVY
    assert not {name for name in modules if name.startswith("duckstring_cli.commands.")}


def test_help_of_each_command_imports_nothing_heavy() -> None:
    # One process for all: what one of them imports, each may be blamed for.
    every = list(groups_of_commands())
    lines = "".join(
        f"from duckstring_cli.main import run\nassert run({(*path, '--help')!r}) == 0\n"
        for path in every
    )
    _, modules = imported("--version", within=lines)
    assert len(every) > 30
    assert not modules & HEAVY


def test_a_command_line_needs_no_pydantic_where_it_gives_text_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    for kind in (typer.core.TyperOption, typer.core.TyperArgument):
        late = kind.get_runtime_param
        monkeypatch.setattr(
            kind, "get_runtime_param", lambda param, late=late: Spy(late(param), param.name, built)
        )
    bench.answers({"status": {"now": "2030-01-01T12:00:00.000000Z", "lines": []}})
    assert bench.run("status", "sales", "--json")[0] == 0
    assert built == []
    assert bench.run("status", "sales", "--json", "-m", "1")[0] == 0
    assert built == ["major"]
    code, _, err = bench.run("status", "sales", "-m", "x")
    assert code == 2
    assert "--major" in err


class Spy:
    """Notes which parameter's adapter is built."""

    def __init__(self, late: Any, name: str, built: list[str]) -> None:
        self._late, self._name, self._built = late, name, built
        build = late._build
        late._build = lambda: (built.append(name), build())[1]

    def coerce(self, value: object, **named: Any) -> object:
        return self._late.coerce(value, **named)
