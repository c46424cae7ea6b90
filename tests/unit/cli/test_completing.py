"""What the shell offers for a half-typed command line."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from duckstring.errors import OperatorError
from duckstring_cli import catchments, completing, doors, main
from duckstring_cli.commands import completion
from tests.unit.cli.commands_kit import DEV, Bench
from tests.unit.cli.made_up import line_status

LINES = [
    line_status("sales@1", ripples=[{"name": "load"}, {"name": "clean"}]),
    line_status("orders@2"),
    line_status("evil@1", pond="$(touch pwned)"),
    line_status("evil@1", pond="x\x1b[2J"),
]
TABLES = ["daily", "Größe in m", "$(touch pwned)", "a\nb", "\x1b]0;x\x07"]
ANSWERS: dict[str, Any] = {
    "status": {"now": "", "lines": LINES},
    "runs": {"runs": [{"run": "sales@1/42"}, {"run": "orders@2/7"}, {"run": "no run; x"}]},
    "tables": {"tables": [{"table": name} for name in TABLES]},
}


@pytest.fixture
def typing(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    monkeypatch.delenv("DUCKSTRING_CATCHMENT", raising=False)
    monkeypatch.setattr(catchments, "catchments", lambda: [DEV])
    bench.answers(ANSWERS)
    door = doors.open_door
    monkeypatch.setattr(doors, "open_door", lambda one, **_: door(one))

    def offered(*words: str, shell: str = "zsh") -> tuple[int, list[str]]:
        code = main.run(["__complete", shell, *words])
        said = capsys.readouterr()
        assert said.err == ""
        return code, [line.partition("\t")[0] for line in said.out.splitlines()]

    offered.asked = bench.asked  # type: ignore[attr-defined]
    return offered


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["tri"], ["trigger"]),
        (["trigger", "p"], ["pulse"]),
        (["control", "c"], ["clear", "compute"]),
        (["status", "--o"], ["--once"]),
        (["trigger", "pulse", ""], ["orders", "sales"]),
        (["trigger", "pulse", "--major", "1", "s"], ["sales"]),
        (["trigger", "window", "s"], ["sales"]),
        (["trigger", "window", "sales", ""], ["add", "list", "remove"]),
        (["status", "-c", ""], ["dev"]),
        (["status", "--catchment=d"], ["--catchment=dev"]),
        (["catchment", "stop", ""], ["dev"]),
        (["run", "show", "sales@1/"], ["sales@1/42"]),
        (["logs", "sales@1/42", "l"], ["load"]),
        (["control", "compute", "sales", ""], ["clean", "load"]),
        (["control", "compute", "sales", "load", "--on", "t"], ["task"]),
        (["secret", ""], ["ls", "rm", "set"]),
        (["secret", "set", "TOKEN", "--pond", "sales", "--pond", "o"], ["orders"]),
        (["secret", "ls", "--pond=s"], ["--pond=sales"]),
        (["secret", "rm", ""], []),
        (["completion", "z"], ["zsh"]),
        (["nothing", "of", "ours"], []),
        (["pond", "init", ""], []),
    ],
)
def test_each_place_offers_what_fits_there(
    typing: Any, words: list[str], offered: list[str]
) -> None:
    assert typing(*words)[1] == offered


def test_tables_are_offered_but_none_that_acts_on_a_terminal(typing: Any) -> None:
    assert typing("query", "sales", "")[1] == sorted(TABLES[:3])


def test_where_a_file_is_meant_the_shell_is_told_so(typing: Any) -> None:
    assert typing("deploy", "")[0] == completing.FILES
    assert typing("catchment", "init", "--requirements", "")[0] == completing.FILES


def test_names_are_asked_for_once_in_a_while(typing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert typing("trigger", "pulse", "s")[1] == ["sales"]
    assert typing("trigger", "tap", "o")[1] == ["orders"]
    assert [one["op"] for one in typing.asked] == ["status"]
    monkeypatch.setattr(completing, "_FRESH", 0.0)
    assert typing("trigger", "tap", "o")[1] == ["orders"]
    assert len(typing.asked) == 2


def test_who_does_not_answer_is_not_waited_for_and_yesterdays_names_will_do(
    typing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing("trigger", "pulse", "")
    patience: list[float] = []

    def silent(_: object, *, patience_of: list[float] = patience, patience: float) -> Any:
        patience_of.append(patience)

        def door(_: Mapping[str, object]) -> Any:
            raise OperatorError("nobody")

        return door

    monkeypatch.setattr(doors, "open_door", silent)
    monkeypatch.setattr(completing, "_FRESH", 0.0)
    assert typing("trigger", "pulse", "")[1] == ["orders", "sales"]
    assert typing("run", "show", "") == (1, [])
    assert patience == [1.0, 1.0]


def test_what_is_kept_is_for_its_owner_alone(typing: Any, tmp_path: Path) -> None:
    typing("trigger", "pulse", "")
    (held,) = (tmp_path / "completion").iterdir()
    assert stat.S_IMODE(held.stat().st_mode) == 0o600
    held.write_text("{damaged")
    assert typing("trigger", "pulse", "s")[1] == ["sales"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("duckstring trigger pulse sa", ["sales"]),
        ("ds run show sales@1/", ["1/42"]),
        ("ds run show sales@", ["1/42"]),
        ("ds status --catchment=", ["dev"]),
        ("ds query sales Gr", ["'Größe in m'"]),
        ("ds query sales '$", ["'$(touch pwned)'"]),
        ('ds query "sales" da', ["daily"]),
    ],
)
def test_bash_gets_what_it_puts_in_the_place_of_its_own_word(
    typing: Any, line: str, offered: list[str]
) -> None:
    assert typing(line, shell="bash")[1] == offered


def test_bash_itself_completes_and_runs_nothing_of_what_it_is_offered(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "ds"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\nprintf '%s\\n' \"$3\" > asked\nprintf '%s\\n' \"$OFFERED\"\n")
    command.chmod(0o755)
    script = completion.SCRIPTS["bash"] + (
        'COMP_LINE="ds query sales "; COMP_POINT=${#COMP_LINE}; _duckstring ds "" sales\n'
        'printf "<%s>\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "OFFERED": "daily\n'$(touch pwned)'\n'a b'",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "<daily>\n<'$(touch pwned)'>\n<'a b'>\n"
    assert (tmp_path / "asked").read_text() == "ds query sales \n"
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_installed_once_and_keeps_what_was_there(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "duck home"))
    own = tmp_path / f".{shell}rc"
    own.write_text("alias ll='ls -l'")
    for _ in range(2):
        assert bench.run("completion", shell, "--install")[0] == 0
    (written,) = [
        path for path in tmp_path.rglob("*") if path.is_file() and path.name != f".{shell}rc"
    ]
    assert written.read_text() == bench.run("completion", shell)[1]
    said = own.read_text().splitlines()
    assert said[0] == "alias ll='ls -l'"
    assert said[1:] == ([] if shell == "fish" else [f"source '{written}'"])


def test_a_shell_that_is_none_is_misuse(bench: Bench) -> None:
    code, out, err = bench.run("completion", "fishy")
    assert (code, out) == (2, "")
    assert "No shell 'fishy'; allowed: bash, fish, zsh." in err


ASKED = """
import sys
from duckstring_cli.main import run
run(["__complete", "zsh", "tri"])
assert not {"duckstring_cli.commands.trigger", "rich", "pydantic"} & set(sys.modules)
"""


def test_commands_are_offered_without_importing_any() -> None:
    said = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("trigger\t")
