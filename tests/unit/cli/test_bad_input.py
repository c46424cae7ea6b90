"""Bad input, as typed or as it stands in a file: one line, exit code 2, nothing half done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.cli.commands_kit import Bench, project

HEAD = '[pond]\nname = "sales"\nversion = "1.0.0"\n'

TYPED = [
    ("dploy", "No such command 'dploy'"),
    ("deploy --al", "No such option"),
    ("deploy nowhere", "There is no folder 'nowhere'."),
    ("deploy sales/pond.tml", "There is no folder 'sales/pond.tml'."),
    ("deploy sales other", "deploy takes one PATH; found 2: sales, other."),
    ("deploy empty", "No pond.toml in empty, nor in the folders above and below it."),
    ("deploy .", "No pond.toml in this folder, but 2 below it (other, sales)."),
    ("deploy nowhere --dry-run", "There is no folder 'nowhere'."),
    ("deploy sales --dry-run --markdown", "No such option: --markdown"),
    ("plan nowhere", "There is no folder 'nowhere'."),
    ("plan empty", "No pond.toml in empty, nor in the folders above and below it."),
    ("plan sales --json --markdown", "Give --json or --markdown, not both."),
    ("plan sales --md", "No such option"),
    ("pond check nowhere", "There is no folder 'nowhere'."),
    ("pond check sales nowhere", "There is no folder 'nowhere'."),
    ("pond check empty", "No pond.toml in empty, nor in the folders above and below it."),
    ("pond check sales --offline -c dev", "Give --offline or --catchment, not both."),
    ("pond check --off", "No such option"),
    ("pond chek", "No such command 'chek'"),
    ("pond schema sales", "unexpected extra argument"),
    ("pond init", "Missing argument 'NAME'"),
    ("pond init Sales", "'Sales' is not a Pond's name."),
    ("pond init 1st", "'1st' is not a Pond's name."),
    ("pond init ../up", "'../up' is not a Pond's name."),
    ("pond init new --template lake", "No template 'lake'; allowed: python, inlet, sql,"),
    (
        "pond init new --template inlet --source a",
        "Template inlet has no Source, found --source a.",
    ),
    ("pond init new --template sql --source new", "new cannot be its own Source."),
    ("pond init new --template sql --source memory", "'memory' is a schema of DuckDB's own"),
    ("pond test nowhere", "There is no folder and no file 'nowhere'."),
    ("puddle record a.b --mask c --keep c", "Give --mask or --keep for 'c', not both."),
    ("simulate", "Nothing asks for anything: no trigger is given."),
    ("init .", "DIR is empty."),
    ("pond demo --flights --external", "Give --flights or --external, not both."),
    ("pond remove", "Missing argument 'POND'"),
    ("pond remove sales@one", "POND is a Pond's name or its line, found 'sales@one'."),
    ("pond remove sales@1 -m 2", "sales@1 and --major 2 disagree."),
    ("tag sales@1", "POND is a Pond's name alone, found 'sales@1'."),
    ("audit sales@1", "POND is a Pond's name alone, found 'sales@1'."),
    ("pond remove sales -m one", "Input should be a valid integer"),
    ("pond remove sales -m -1", "Input should be greater than or equal to 0"),
    ("pond remove sales -v 1.x", "--version '1.x' is not a version."),
    ("pond remove sales -v 1.0.0 -t orders", "Give --table or --version, not both."),
    ("trigger arrival sales add --name n", "Missing option '--bucket'"),
    ("trigger pulse", "Give POND, --tag KEY=VALUE or --all: one of them."),
    ("trigger puls sales", "No such command 'puls'"),
    ("trigger tide sales", "BOUND is missing: the staleness allowed."),
    ("trigger tide sales soon", "'soon'"),
    ("trigger tide sales 0s", "'0s'"),
    ("trigger window sales add --name n --every 1d --start noon", "'noon'"),
    ("trigger window sales add --name n --every often", "'often'"),
    ("control kill", "Give POND, --tag KEY=VALUE or --all: one of them."),
    ("control halt sales", "No such command 'halt'"),
    ("control compute sales load --on moon", "--on moon: allowed: lambda, task, auto."),
    ("control failure-budget sales --immediate 1001", "Input should be less than or equal to 1000"),
    ("runs sales --limit 0", "Input should be greater than or equal to 1"),
    ("runs sales --status fail", "No run ends as 'fail'"),
    ("run show sales/1", "'sales/1' is not a run"),
    ("logs sales@1", "'sales@1' is not a run"),
    ("query sales orders --limit -1", "Input should be greater than or equal to 1"),
    ("query sales --sql @nowhere.sql", "nowhere.sql cannot be read: No such file or directory."),
    ("get sales", "Missing argument 'TABLE'"),
    ("query sales --csv --parquet x.parquet", "Give one of --csv, --json and --parquet."),
    ("status sales -m 2 -v 1.0.0", "--major 2 and --version 1.0.0 disagree"),
    ("catchment init --name Dev!", "'Dev!' cannot be a Catchment's name."),
]

MANIFESTS = [
    ("", "[pond] is missing"),
    ("[pond\n", "pond.toml:1: this is not TOML"),
    ("[pond]\nname = \n", "pond.toml:2: this is not TOML"),
    ('pond = "sales"\n', "pond"),
    ("[pond]\nversion = '1.0.0'\n", "[pond] name is missing"),
    ("[pond]\nname = 'sales'\n", "[pond] version is missing"),
    ("[pond]\nname = 7\nversion = '1.0.0'\n", "pond.toml:2: [pond] name: found 7"),
    ("[pond]\nname = 'Sales'\nversion = '1.0.0'\n", "pond.toml:2: [pond] name"),
    ("[pond]\nname = 'sales'\nversion = 1.0\n", "pond.toml:3: [pond] version: found 1.0"),
    ("[pond]\nname = 'sales'\nversion = 'v1.0.0'\n", "pond.toml:3: [pond] version"),
    (f"{HEAD}type = 'inlett'\n", "did you mean 'inlet'"),
    (f"{HEAD}tipe = 'inlet'\n", "pond.toml:4: [pond] tipe: unknown key; did you mean type?"),
    (f"{HEAD}source_retries = -1\n", "pond.toml:4: [pond] source_retries: found -1"),
    (f"{HEAD}source_retries = 1001\n", "found 1001"),
    (f"{HEAD}source_retries = true\n", "found true"),
    (f"{HEAD}immediate_retries = '1'\n", 'found "1"'),
    (f"{HEAD}ripples = '/src/pond.py'\n", "pond.toml:4: [pond] ripples"),
    (f"{HEAD}ripples = '../pond.py'\n", "pond.toml:4: [pond] ripples"),
    (f"{HEAD}ripples = 'src/pond.sql'\n", "pond.toml:4: [pond] ripples"),
    (f"{HEAD}puddles = 'src\\\\x.py'\n", "pond.toml:4: [pond] puddles"),
    (f"{HEAD}[sources]\nshop = '1.0'\n", "pond.toml:5: [sources] shop"),
    (f"{HEAD}[sources]\nshop = '1.0.0??'\n", "pond.toml:5: [sources] shop"),
    (f"{HEAD}[sources]\nShop = '1.0.0'\n", "pond.toml:5: [sources] Shop"),
    (f"{HEAD}[sources]\nsales = '1.0.0'\n", "found the Pond itself"),
    (f"{HEAD}type = 'inlet'\n[sources]\nshop = '1.0.0'\n", "in an Inlet"),
    (f"{HEAD}[serve]\nport = 1\n", "serve: unknown table or key"),
    (f"{HEAD}[source]\nshop = '1.0.0'\n", "did you mean sources?"),
    (f"{HEAD}name = 'again'\n", "pond.toml:4: this is not TOML"),
    (f'{HEAD}x = "\\u001b[31m"\n', "pond.toml:4: [pond] x: unknown key"),
]


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two Ponds and an empty folder; nothing above them is a Pond."""
    project(tmp_path, "sales")
    project(tmp_path, "other")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "home"))
    return tmp_path


def refused(bench: Bench, here: Path, arguments: list[str], said: str) -> None:
    before = tree(here)
    code, out, err = bench.run(*arguments)
    assert (code, out) == (2, ""), err
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, err
    assert said in errors[0]
    assert "Traceback" not in err
    assert "\x1b" not in err
    others = [line for line in err.splitlines() if not line.startswith(("error: ", "✓ ", "✗ "))]
    assert all(line.startswith("hint: ") for line in others), others
    assert bench.asked == []
    assert tree(here) == before


@pytest.mark.parametrize(("typed", "said"), TYPED, ids=[typed for typed, _ in TYPED])
def test_what_was_typed_wrong_is_one_line(bench: Bench, here: Path, typed: str, said: str) -> None:
    refused(bench, here, typed.split(), said)


@pytest.mark.parametrize(("content", "said"), MANIFESTS)
def test_a_pond_toml_that_is_wrong_is_one_line(
    bench: Bench, here: Path, content: str, said: str
) -> None:
    (here / "sales" / "pond.toml").write_text(content, encoding="utf-8")
    refused(bench, here, ["deploy", "sales"], said)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("src/pond.py", None, "pond.toml names src/pond.py for its Ripples; there is no such file"),
        ("src/pond.py", b"x = 1\0", "src/pond.py:1: found a null byte"),
        ("src/pond.py", "x = 1".encode("utf-16"), "src/pond.py is UTF-16 text; allowed: UTF-8."),
        (".gitignore", b"\xff", ".gitignore is not UTF-8 text."),
        (".gitignore", b"src/\n", "src/pond.py is left out: by .gitignore"),
    ],
)
def test_a_package_that_cannot_be_made_is_one_line(
    bench: Bench, here: Path, file: str, content: bytes | None, said: str
) -> None:
    path = here / "sales" / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    refused(bench, here, ["deploy", "sales"], said)


def test_a_named_pipe_is_not_waited_for(bench: Bench, here: Path) -> None:
    (here / "sales" / "src" / "pond.py").unlink()
    os.mkfifo(here / "sales" / "src" / "pond.py")
    code, out, err = bench.run("deploy", "sales")
    assert (code, out, bench.asked) == (2, "", [])
    assert "src/pond.py is a named pipe; a package holds files." in err
