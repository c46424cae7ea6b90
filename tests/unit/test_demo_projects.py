"""What ``duckstring pond demo`` and ``pond init`` write."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from duckstring.errors import OperatorError
from duckstring_cli.demos import WITH_SOURCE, write_demo, write_project
from duckstring_cli.errors import BadInputError
from duckstring_cli.kinds import TEMPLATES, DemoKind, TemplateName
from tests.unit.cli.commands_kit import Bench, bench

__all__ = ["bench"]

FLIGHTS = {"flights", "weather", "planes", "airports", "airlines", "delays", "reports"}
FLIGHT_CHECKS = {
    f"delays/src/checks/{name}.sql"
    for name in ("faults_are_rare", "flights_are_unique", "no_flight_is_lost")
}
EXTERNAL = {"transactions", "products", "sales", "reports"}


def manifests(target: Path) -> dict[str, dict[str, dict[str, str]]]:
    return {
        file.parent.name: tomllib.loads(file.read_text(encoding="utf-8"))
        for file in target.glob("*/pond.toml")
    }


@pytest.mark.parametrize(
    ("kind", "ponds", "beside"),
    [
        ("flights", FLIGHTS, {"requirements.txt", *FLIGHT_CHECKS}),
        ("external", EXTERNAL, {"environment.example", "sales/src/short.py"}),
    ],
)
def test_a_demo_is_its_pond_projects_and_a_file_for_the_catchment(
    kind: DemoKind, ponds: set[str], beside: set[str], tmp_path: Path
) -> None:
    written = write_demo(kind, tmp_path / "demo")

    assert {path.relative_to(tmp_path / "demo").as_posix() for path in written} == {
        *beside,
        *(f"{pond}/{file}" for pond in ponds for file in ("pond.toml", "src/pond.py")),
    }
    assert all(path.is_file() for path in written)


@pytest.mark.parametrize(
    ("kind", "outlet"), [("flights", "reports"), ("external", "reports"), ("tpch", "queries")]
)
def test_a_demo_s_ponds_are_one_graph(kind: DemoKind, outlet: str, tmp_path: Path) -> None:
    write_demo(kind, tmp_path)
    found = manifests(tmp_path)
    sources = {name: set(manifest.get("sources", {})) for name, manifest in found.items()}
    read_by_somebody = set().union(*sources.values())

    assert all(manifest["pond"]["name"] == folder for folder, manifest in found.items())
    assert read_by_somebody <= set(found)
    assert {name for name, of in sources.items() if not of} == {
        n for n, m in found.items() if m["pond"].get("type") == "inlet"
    }
    assert (
        set(found) - read_by_somebody
        == {outlet}
        == {n for n, m in found.items() if m["pond"].get("type") == "outlet"}
    )


def test_writing_a_demo_again_changes_nothing(tmp_path: Path) -> None:
    first = write_demo("flights", tmp_path)
    before = {path: path.stat().st_mtime_ns for path in first}

    assert write_demo("flights", tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in first} == before


def test_a_changed_file_is_not_overwritten_and_nothing_else_is_written(tmp_path: Path) -> None:
    mine = tmp_path / "weather" / "pond.toml"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")

    with pytest.raises(OperatorError, match=r"weather/pond\.toml would be overwritten") as refused:
        write_demo("flights", tmp_path)

    assert refused.value.hint
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text(encoding="utf-8") == "mine"


def test_a_file_where_a_folder_must_be_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("", encoding="utf-8")

    with pytest.raises(OperatorError, match="reports"):
        write_demo("flights", tmp_path)
    with pytest.raises(OperatorError, match="reports"):
        write_demo("flights", tmp_path / "reports")


def test_both_demos_in_one_folder_are_refused(tmp_path: Path) -> None:
    write_demo("flights", tmp_path)

    with pytest.raises(OperatorError, match=r"reports/pond\.toml"):
        write_demo("external", tmp_path)


SRC = {"inlet": ["src/pond.py"], "sql": ["src/ripples/first.sql", "src/ripples/by_day.sql"]}
COMMON = [".gitignore", "README.md", "pond.toml", ".duckstring/pond.schema.json"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_project_has_puddles_and_tests(template: TemplateName, tmp_path: Path) -> None:
    project = tmp_path / "first"
    written = write_project("first", project, template, source="shop")

    assert {path.relative_to(project).as_posix() for path in written} == {
        *COMMON,
        "src/puddles.py",
        "tests/test_pond.py",
        *SRC.get(template, ["src/pond.py"]),
    }
    manifest = tomllib.loads((project / "pond.toml").read_text(encoding="utf-8"))
    assert manifest["pond"]["name"] == "first"
    assert manifest.get("sources", {}) == ({"shop": "0.1.0"} if template in WITH_SOURCE else {})
    assert not any("$" in path.read_text(encoding="utf-8") for path in written[1:])


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of each template; and of each again where the Ponds are called as words of SQL."""
    folder = tmp_path_factory.mktemp("projects")
    for template in TEMPLATES:
        write_project(f"my_{template}", folder / f"my_{template}", template, source="shop")
        write_project("order", folder / "reserved" / template, template, source="group")
    return folder


@pytest.mark.parametrize("template", [one for one in TEMPLATES if one != "proxy"])
def test_a_new_project_runs_at_once(template: TemplateName, projects: Path, bench: Bench) -> None:
    code, out, err = bench.run("pond", "run", str(projects / f"my_{template}"))

    assert code == 0, out + err


def test_the_tests_of_new_projects_pass_at_once(projects: Path) -> None:
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"],
        capture_output=True,
        text=True,
        check=False,
        cwd=projects,
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "24 passed" in tested.stdout


def test_a_project_may_join_several_sources(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("pond", "init", "joined", "--template", "sql")
    assert bench.run(*words, "-s", "orders", "-s", "class", "-s", "orders")[0] == 0
    manifest = tomllib.loads((tmp_path / "joined" / "pond.toml").read_text(encoding="utf-8"))
    assert manifest["sources"] == {"orders": "0.1.0", "class": "0.1.0"}
    code, _, err = bench.run("pond", "run", "joined")
    assert (code, "class.class 2 rows" in err) == (0, True)
    assert bench.run("pond", "test", "joined")[0] == 0

    code, _, err = bench.run("pond", "init", "own", "-t", "sql", "-s", "orders", "-s", "own")
    assert (code, "own cannot be its own Source." in err) == (2, True)


def test_a_pond_is_not_written_into_another(tmp_path: Path) -> None:
    write_project("outer", tmp_path / "outer", "python", source="shop")
    inner = tmp_path / "outer" / "deep" / "inner"

    with pytest.raises(BadInputError) as refused:
        write_project("inner", inner, "python", source="shop")

    assert refused.value.message == (
        f"{inner} would lie inside another Pond, outer, and be a part of its package."
    )
    assert not inner.exists()


def test_a_workspace_checks_tests_and_plans_its_ponds(tmp_path: Path, bench: Bench) -> None:
    folder = tmp_path / "shop"
    code, _, err = bench.run("init", str(folder))

    assert code == 0
    assert "duckstring pond init orders --template inlet" in err
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {".github/workflows/ponds.yml", ".gitignore", "README.md", "pytest.ini"}
    workflow = yaml.safe_load((folder / ".github/workflows/ponds.yml").read_text())
    steps = [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]
    assert [step for step in steps if step.startswith("duckstring")] == [
        "duckstring pond check --offline",
        'duckstring catchment connect --name ci --stack "$STACK" --region "$AWS_REGION"',
        "duckstring plan --catchment ci --markdown > plan.md",
    ]
    assert bench.run("init", str(folder))[0] == 0  # again: nothing to do
    (folder / "README.md").write_text("mine")
    code, _, err = bench.run("init", str(folder))
    assert (code, (folder / "README.md").read_text()) == (2, "mine")
    assert "README.md would be overwritten" in err


def test_the_commands_of_a_workspace_work_in_it(tmp_path: Path, bench: Bench, monkeypatch) -> None:
    bench.run("init", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    for line in re.findall(r"^    duckstring (.*)$", readme, re.MULTILINE):
        assert bench.run(*shlex.split(line))[0] == 0

    checked, simulated = (
        bench.run(*words)
        for words in (["pond", "check", "--offline"], ["simulate", ".", "--wave", "best"])
    )
    assert (checked[0], simulated[0]) == (0, 0), checked + simulated
    assert "3 Ponds checked: 2 notes" in checked[1]  # the columns of what Python makes and uses
    assert "best@0" in simulated[1]


def test_a_pond_is_not_its_own_source(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be its own Source"):
        write_project("shop", tmp_path / "shop", "sql", source="shop")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Sales", "1st", "a-b", "", "a" * 49, "../up", "sales\n"])
def test_a_bad_name_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be a Pond's name"):
        write_project(name, tmp_path / "project")

    assert not (tmp_path / "project").exists()


def test_the_next_steps_of_the_demo_can_be_typed_as_they_stand(capsys, tmp_path):
    from duckstring_cli.commands import demo

    demo._next_steps(tmp_path)
    said = capsys.readouterr().out
    assert "duckstring query reports [TABLE]" in said
    assert "\\" not in said
