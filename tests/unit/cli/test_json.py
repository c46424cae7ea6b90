"""Every command that answers something answers programs, too: JSON alone, on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from duckstring_cli import groups
from tests.unit.cli.commands_kit import Bench, project

PROGRESS = {"demo", "catchment prepare", "completion", "pond schema", "pond test"}
"""Nobody asked these a question: they print how far they are, a script, a schema, or what pytest
prints.
"""

ELSEWHERE = {"catchment start", "catchment connect", "catchment env", "doctor", "doctor redrive"}
ELSEWHERE |= {"logs", "query", "sql", "get", "check", "plan", "pond run", "pond hydrate", "ui"}
ELSEWHERE |= {"why", "lineage", "trace", "snapshots", "diff", "lake", "publish"}
ELSEWHERE |= {"catchment protect", "catchment destroy", "catchment backup", "catchment restore"}
ELSEWHERE |= {"puddle ls", "puddle show", "puddle query", "puddle record"}
ELSEWHERE |= {"alert add slack", "alert add webhook", "alert add email"}
ELSEWHERE |= {"alert list", "alert test", "alert rm", "alert stale"}
ELSEWHERE |= {"secret set", "secret ls", "secret rm", "contract"}
ELSEWHERE |= {"env set", "env ls", "env rm", "catchment requirements"}
"""These need more than an api function that answers: their own tests read their JSON."""

WORDS = {
    **{f"control {verb}": ["sales"] for verb in ("wake", "force", "sleep", "kill", "clear")},
    **{f"trigger {kind}": ["sales"] for kind in ("tap", "pulse", "wave", "remove")},
    "init": ["shop"],
    "simulate": ["--pulse", "a"],
    "pond check": ["a", "--offline"],
    "catchment set-default": ["dev"],
    "catchment disconnect": ["dev"],
    "deploy": ["a", "--yes"],
    "pond deploy": ["a", "--yes"],
    "pond init": ["sales"],
    "pond remove": ["sales", "--yes"],
    "trigger tide": ["sales", "1d"],
    "trigger window add": ["sales", "add", "--name", "n", "--every", "1d"],
    "trigger window list": ["sales", "list"],
    "trigger window remove": ["sales", "remove", "n"],
    "trigger arrival add": ["sales", "add", "--name", "n", "--bucket", "b"],
    "trigger arrival list": ["sales", "list"],
    "trigger arrival backlog": ["sales", "backlog"],
    "trigger arrival remove": ["sales", "remove", "n"],
    "control kill": ["sales", "--yes"],
    "limit set": ["databricks", "3"],
    "limit rm": ["databricks"],
    "run show": ["sales@1/1"],
    "runs": [],
    "status": [],
}
ANSWER: dict[str, Any] = {"now": "2030-01-01T12:00:00Z", "more": False} | {
    name: []
    for name in (
        *("runs", "windows", "arrivals", "ponds", "lines", "attempts", "removed", "stopped"),
        "objects",
    )
}


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None or command.invoke_without_command:
        yield " ".join(path), command
    for name in below or ():
        yield from commands(below[name], (*path, name))


ALL = dict(one for entry in groups.ENTRIES for one in commands(entry.load(), (entry.name,)))


@pytest.mark.parametrize("path", sorted(ALL.keys() - PROGRESS))
def test_every_command_that_answers_has_json(path: str) -> None:
    assert any("--json" in param.opts for param in ALL[path].params)


@pytest.mark.parametrize("path", sorted(ALL.keys() - PROGRESS - ELSEWHERE))
def test_json_is_all_that_is_printed(
    path: str, bench: Bench, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bucket
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DUCKSTRING_CATCHMENT", raising=False)
    if path != "catchment init":
        assert bench.run("catchment", "init", "--name", "dev")[0] == 0
    project(tmp_path, "a")
    bench.answers(lambda _: {"ok": True, "result": ANSWER})
    group = path.split(maxsplit=2)[:2] if path.startswith("trigger ") else path.split()
    needs = any(param.metavar == "POND" and param.required for param in ALL[path].params)
    words = WORDS.get(path, ["sales"] if needs else [])
    code, out, err = bench.run(*group, *words, "--json")
    assert (code, err if code else "") == (0, "")
    assert isinstance(json.loads(out), (dict, list))


@pytest.mark.parametrize("words", [("trigger", "pulse"), ("control", "wake")])
def test_following_and_json_are_two_things(bench: Bench, words: tuple[str, str]) -> None:
    code, out, err = bench.run(*words, "sales", "--watch", "--json")
    assert (code, out) == (2, "")
    assert "Give --watch or --json, not both." in err
    assert bench.asked == []
