"""The catchment, pond and demo commands on the real registry in a folder of the test's own."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from duckstring_cli import main
from duckstring_cli.package import package


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DUCKSTRING_CATCHMENT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stopped(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A Catchment ``dev`` at a port where nobody answers: it is held, but not listened at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    assert run(capsys, "catchment", "init", "--name", "dev", "--port", str(port))[0] == 0
    with socket.socket() as held:
        held.bind(("127.0.0.1", port))
        yield


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_without_any_catchment_commands_say_how_to_make_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "status")
    assert code == 2
    assert "duckstring catchment init --name dev" in err
    assert "duckstring catchment init --name dev" in run(capsys, "catchment", "list")[1]


@pytest.mark.usefixtures("stopped")
def test_catchments_are_made_listed_chosen_and_forgotten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(capsys, "catchment", "init", "--name", "lab")[0] == 0
    assert run(capsys, "catchment", "set-default", "dev")[0] == 0
    rows = json.loads(run(capsys, "catchment", "list", "--json")[1])
    assert [(row["name"], row["default"], row["kind"], row["state"]) for row in rows] == [
        ("dev", True, "local", "stopped"),
        ("lab", False, "local", rows[1]["state"]),
    ]
    assert run(capsys, "catchment", "set-default", "lab")[0] == 0
    assert run(capsys, "catchment", "list")[1].splitlines()[2].split()[:3] == ["*", "lab", "local"]
    assert run(capsys, "catchment", "disconnect", "dev")[0] == 0
    assert "dev" not in run(capsys, "catchment", "list")[1]
    assert run(capsys, "catchment", "disconnect", "dev")[0] == 2


@pytest.mark.usefixtures("stopped")
def test_a_catchment_that_does_not_run_is_named_with_the_way_to_start_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, "status") == (
        1,
        "",
        "error: Catchment 'dev' is not running.\nhint: Start it: duckstring catchment start dev\n",
    )
    assert run(capsys, "status", "-c", "dve")[2].startswith("error: No Catchment 'dve'")
    monkeypatch.setenv("DUCKSTRING_CATCHMENT", "elsewhere")
    assert "No Catchment 'elsewhere' (DUCKSTRING_CATCHMENT)" in run(capsys, "runs")[2]


@pytest.mark.usefixtures("stopped")
def test_pond_init_writes_a_project_that_can_be_packed(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert run(capsys, "pond", "init", "sales", "--template", "inlet")[0] == 0
    assert (home / "sales" / "pond.toml").is_file()
    assert package(home / "sales").content
    code, _, err = run(capsys, "deploy", "sales")
    assert (code, "Catchment 'dev' is not running" in err) == (1, True)


@pytest.mark.parametrize(
    ("kind", "outlet"), [("flights", "reports"), ("external", "reports"), ("tpch", "queries")]
)
def test_pond_demo_writes_ponds_that_are_in_order(
    capsys: pytest.CaptureFixture[str], home: Path, kind: str, outlet: str
) -> None:
    from duckstring_cli import deploying

    code, out, _ = run(capsys, "pond", "demo", f"--{kind}", "here")
    assert code == 0
    assert f"files of the {kind} demo in here" in out
    projects = deploying.read(deploying.roots(home / "here", tree=True))
    assert {outlet} <= {packed.project.name for packed in deploying.pack(projects)}
