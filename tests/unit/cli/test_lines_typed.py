"""POND of every command may be a line, as messages write it: ``sales@1`` is ``sales --major 1``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from duckstring_cli import groups
from tests.unit.cli.commands_kit import Bench

LINES = (
    "alert stale POND 2h",
    "check POND",
    "contract POND",
    "control clear POND",
    "control compute POND",
    "control failure-budget POND",
    "control force POND",
    "control kill POND --yes",
    "control priority POND",
    "control sleep POND",
    "control wake POND",
    "cost POND --since 2030-01-01 --until 2030-01-02",
    "diff POND orders",
    "get POND orders",
    "lineage POND",
    "pond remove POND --yes",
    "publish POND --run 3",
    "query POND",
    "replay POND --from 10:00",
    "runs POND",
    "snapshots POND",
    "status POND",
    "trace POND orders",
    "trigger arrival POND add --name n --bucket b",
    "trigger arrival POND backlog",
    "trigger arrival POND list",
    "trigger arrival POND remove n",
    "trigger pulse POND",
    "trigger remove POND",
    "trigger tap POND",
    "trigger tide POND 2h",
    "trigger wave POND",
    "trigger window POND add --name n --every 1d",
    "trigger window POND list",
    "trigger window POND remove n",
    "why POND",
)


def commands(command: Any, path: tuple[str, ...] = (), of_group: bool = False) -> Iterator[str]:
    """Those that pick a line by ``--major``."""
    takes = of_group or any(
        one.param_type_name == "argument" and str(one.metavar).startswith("POND")
        for one in command.params
    )
    for name, held in getattr(command, "commands", {}).items():
        yield from commands(held, (*path, *(["POND"] if takes else []), name), takes)
    if takes and any("--major" in one.opts for one in command.params):
        yield " ".join([*path, *([] if of_group else ["POND"])])


def test_these_are_all_commands_that_pick_a_line() -> None:
    found = sorted(commands(typer.main.get_command(groups.app)))
    known = [one for line in LINES for one in found if line.startswith(one)]
    assert sorted(known) == found


def asked(bench: Bench, line: str) -> list[dict[str, object]]:
    """What the api is asked for, which refuses it."""
    bench.asked.clear()
    refused = {"type": "OperatorError", "message": "not today", "hint": ""}
    bench.answers(lambda _: {"ok": False, "error": refused})
    code, out, err = bench.run(*line.split())
    assert (code, out) == (1, ""), err
    assert "not today" in err
    ours = [{k: v for k, v in one.items() if k != "caller"} for one in bench.asked]
    assert ours
    return ours


@pytest.mark.parametrize("line", LINES)
def test_a_line_asks_for_what_its_major_asks_for(bench: Bench, line: str) -> None:
    by_line = asked(bench, line.replace("POND", "sales@7"))
    assert by_line == asked(bench, f"{line.replace('POND', 'sales')} --major 7")
    assert "7" in str(by_line)
    assert by_line == asked(bench, f"{line.replace('POND', 'sales@7')} --major 7")
    without = asked(bench, line.replace("POND", "sales"))
    assert without != by_line, "nothing is left of the command line before"


@pytest.mark.parametrize("line", LINES)
def test_a_line_and_another_major_are_refused_and_nothing_is_asked(bench: Bench, line: str) -> None:
    code, _, err = bench.run(*line.replace("POND", "sales@7").split(), "--major", "2")
    assert code == 2
    assert err.splitlines() == [
        "error: sales@7 and --major 2 disagree.",
        "hint: Give one of them: the line, or the option.",
    ]
    assert bench.asked == []


@pytest.mark.parametrize("pond", ["sales@", "sales@x", "@1", "sales@1@2", "sales@-1", "sales@²"])
def test_what_is_no_line_is_refused_in_one_line(bench: Bench, pond: str) -> None:
    code, _, err = bench.run("control", "wake", pond)
    assert code == 2
    assert err.startswith(f"error: POND is a Pond's name or its line, found {pond!r}.\nhint: For ")
    assert bench.asked == []


def test_a_version_of_another_major_is_refused(bench: Bench) -> None:
    code, _, err = bench.run("why", "sales@7", "--version", "2.1.0")
    assert (code, err.splitlines()[0]) == (2, "error: sales@7 and --version 2.1.0 disagree.")
