"""What ``duckstring pond demo`` and ``pond init`` write."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from duckstring.errors import OperatorError
from duckstring_cli.demos import DemoKind, ProjectKind, write_demo, write_project
from tests.demo_harness import load, query, run_pond

FLIGHTS = {"flights", "weather", "planes", "airports", "airlines", "delays", "reports"}
EXTERNAL = {"transactions", "products", "sales", "reports"}


def manifests(target: Path) -> dict[str, dict[str, dict[str, str]]]:
    return {
        file.parent.name: tomllib.loads(file.read_text(encoding="utf-8"))
        for file in target.glob("*/pond.toml")
    }


@pytest.mark.parametrize(
    ("kind", "ponds", "beside"),
    [
        ("flights", FLIGHTS, {"requirements.txt"}),
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


@pytest.mark.parametrize("kind", ["flights", "external"])
def test_a_demo_s_ponds_are_one_graph(kind: DemoKind, tmp_path: Path) -> None:
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
        == {"reports"}
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


@pytest.mark.parametrize("kind", ["inlet", "pond", "outlet"])
def test_a_new_project_runs_as_it_is(kind: ProjectKind, tmp_path: Path) -> None:
    project = tmp_path / "first"
    written = write_project("first", project, kind)
    run_pond(project, tmp_path)

    assert {path.relative_to(project).as_posix() for path in written} == {
        ".gitignore", "README.md", "pond.toml", "src/pond.py", ".duckstring/pond.schema.json",
        "src/puddles.py",
    }  # fmt: skip
    assert tomllib.loads((project / "pond.toml").read_text(encoding="utf-8"))["pond"] == {
        "name": "first",
        "version": "0.1.0",
        "type": kind,
        "immediate_retries": 0,
        "source_retries": 0,
    }
    assert query(tmp_path, "FROM first.summary") == [
        {"even": False, "numbers": 50, "total": 2500},
        {"even": True, "numbers": 50, "total": 2450},
    ]
    assert [declared.run.__name__ for declared in load(project)[1]] == ["numbers", "summary"]
    templates = [path for path in written if path.suffix != ".json"]  # a schema has $ref
    assert not any("$" in path.read_text(encoding="utf-8") for path in templates)


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
