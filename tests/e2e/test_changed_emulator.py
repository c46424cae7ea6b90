"""A start with an emulator that is not as the patches need it: one error, and nothing was done.

The emulator is the real one, with lines of it changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import duckstring_cli
from duckstring_cli.local import catchment as local
from duckstring_cli.local.home import catchment_folder
from duckstring_cli.local.patches.expected import MINISTACK
from duckstring_cli.local.tools import PYTHON, ensure_tools
from tests.e2e.drive import Command

CHANGES = {
    "renamed": (
        "services/sqs.py",
        "_queues_lock",
        "_queue_lock",
        "ministack.services.sqs._queues_lock is missing (needed by the patch queues, windows)",
    ),
    "removed": (
        "services/cloudformation/custom_resource.py",
        "_pending: dict = {}",
        "",
        (
            "ministack.services.cloudformation.custom_resource._pending is missing "
            "(needed by the patch credentials)"
        ),
    ),
    "another signature": (
        "services/ecs.py",
        "def _run_task(data):",
        "def _run_task(data, context=None):",
        (
            "ministack.services.ecs._run_task takes (data, context); expected (data) "
            "(needed by the patch tasks)"
        ),
    ),
    "another method": (
        "core/lambda_runtime.py",
        "    def _spawn(self):",
        "    def _spawn(self, again=False):",
        (
            "ministack.core.lambda_runtime.Worker._spawn takes (self, again); expected (self) "
            "(needed by the patch workers)"
        ),
    ),
    "another constant": (
        "services/stepfunctions.py",
        "    time.sleep(0.15)",
        "    time.sleep(0.2)",
        (
            "ministack.services.stepfunctions._run_execution has no 0.15 in its code "
            "(needed by the patch pauses)"
        ),
    ),
}

SCRIPT = """
import json, sys, threading, types
from pathlib import Path

for name in ("duckstring_cli", "duckstring_cli.local"):
    package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + name.removeprefix("duckstring_cli").replace(".", "/")]
    sys.modules[name] = package

from duckstring_cli.local import server
from duckstring_cli.local.patches import check

folder = Path(sys.argv[2]).resolve()
server._set_environment(folder, 1, folder / "state", iam=False)
used = [name for patch in check.declared().values() for name in patch]
names = [name for name in used if name.loaded and not name.fault()]


def seen():
    return [id(name.read()) if hasattr(*name._holder()) else None for name in names]


before = seen()
try:
    server.Server(name="changed", folder=folder, port=1)
    refused = ""
except check.ChangedEmulatorError as error:
    refused = str(error)
after = seen()
threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
print(json.dumps({
    "refused": refused,
    "patched": [str(name) for name, one, other in zip(names, before, after) if one != other],
    "threads": threads,
}))
"""


@pytest.fixture
def changed(tmp_path, request):
    """An interpreter that finds the emulator with the lines changed, and the fault."""
    file, old, new, fault = request.param
    real = ensure_tools(lambda _step: None).emulator_python
    (site,) = real.parents[1].glob("lib/python*/site-packages")
    shutil.copytree(site / "ministack", tmp_path / "site" / "ministack", copy_function=os.symlink)
    path = tmp_path / "site" / "ministack" / file
    text = path.read_text()
    assert old in text
    path.unlink()
    path.write_text(text.replace(old, new))
    python = tmp_path / "tools" / f"emulator-{MINISTACK}-py{PYTHON}" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (python.parents[1] / ".finished").touch()
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "site"} exec {real} "$@"\n')
    python.chmod(0o755)
    return python, fault


EACH_CHANGE = pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES, indirect=True)


@EACH_CHANGE
def test_a_changed_emulator_is_refused_and_nothing_of_it_is_patched(changed, tmp_path):
    python, fault = changed
    (tmp_path / "folder").mkdir()
    folder = Path(duckstring_cli.__file__).parent
    ended = subprocess.run(
        [str(python), "-c", SCRIPT, str(folder), str(tmp_path / "folder")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    assert fault in said["refused"].splitlines()
    assert said["patched"] == []
    assert said["threads"] == []


@pytest.mark.parametrize("changed", [CHANGES["renamed"]], indirect=True)
def test_the_command_says_so_once_and_ends_with_2(changed, tmp_path, monkeypatch):
    _, fault = changed
    tools = Path(os.environ.get("DUCKSTRING_TOOLS") or Path.home() / ".duckstring" / "tools")
    for cdk in tools.glob("cdk-*"):
        (tmp_path / "tools" / cdk.name).symlink_to(cdk)
    monkeypatch.setenv("DUCKSTRING_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "home"))
    duckstring = Command()
    duckstring.done("catchment", "init", "--name", "changed")
    # As if it had run before: its stack is not built beside the start.
    (catchment_folder("changed") / "state").mkdir(parents=True)
    said = duckstring("catchment", "start", "changed")
    assert said.code == 2
    lines = said.err.splitlines()
    (first,) = [number for number, line in enumerate(lines) if line.startswith("error: ")][:1]
    assert lines[first:] == [
        (
            "error: The AWS emulator is not as this release needs it: "
            f"ministack {MINISTACK} is installed, as expected, but its files were changed."
        ),
        f"error: {fault}",
        lines[-1],
    ]
    assert lines[-1].startswith("hint: pip --python ")
    assert f"install --force-reinstall 'ministack=={MINISTACK}'" in lines[-1]
    assert local.status("changed").running is None
    assert not (catchment_folder("changed") / "blobs").exists()
