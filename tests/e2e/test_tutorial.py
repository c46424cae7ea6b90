"""docs/tutorial.md, typed as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def shell(local_catchment, tmp_path):
    """Types lines one after the other, on the Catchment of this session in the place of dev."""
    bin_folder = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "DUCKSTRING_CATCHMENT": local_catchment.name,
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "PYTEST_PLUGINS": "",
    }
    folder = tmp_path

    def typed(line: str) -> str:
        nonlocal folder
        if line.startswith("cd "):
            folder /= line.removeprefix("cd ")
            return ""
        done = subprocess.run(
            line,
            shell=True,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return typed


def test_the_tutorial_works_as_it_is_written(shell):
    said = {
        line: shell(line)
        for block in BLOCKS
        for line in block.splitlines()
        if not line.startswith("duckstring catchment ")
    }

    assert "by_day" in said["duckstring pond run clean"]
    assert " passed" in said["pytest -q"]
    checked = said["duckstring pond check --offline"]
    assert "4 Ponds checked: " in checked
    assert not re.search("error|warning", checked)
    assert "cem" in said["duckstring query best best"]
    assert "2030" in said['duckstring query clean --sql "SELECT DISTINCT year FROM clean"']


def test_its_excerpts_are_of_the_files_that_it_writes(tmp_path):
    """What the page shows of the four Ponds stands in them."""
    from duckstring_cli.demos import write_project

    write_project("clean", tmp_path / "clean", "sql", source="orders")
    write_project("best", tmp_path / "best", "outlet", source="clean")
    shown = [
        (tmp_path / "clean/src/ripples/clean.sql", "    FROM orders.orders\n    WHERE amount > 0"),
        (tmp_path / "best/src/pond.py", '        rows = pond.read_table("clean.clean")'),
        (tmp_path / "clean/src/puddles.py", '    @puddle("orders.orders")'),
    ]

    for file, excerpt in shown:
        assert excerpt in PAGE
        plain = "\n".join(line.removeprefix("    ") for line in excerpt.splitlines())
        assert plain in file.read_text(encoding="utf-8")
