"""The process that fork servers come from: it has no client of AWS, and each server is as its
worker is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.worker_kit import World

TELLS = """
import json, os, sys
from pathlib import Path
from duckstring import ripple

@ripple
def load(pond):
    told = {{
        "pid": os.getpid(),
        "server": os.getppid(),
        "name": os.environ.get("NAME"),
        "folder": os.getcwd(),
        "program": getattr(sys.modules["__main__"], "__file__", None),
        "boto3": "boto3" in sys.modules,
    }}
    {body}
    Path({place!r}).write_text(json.dumps(told))
"""


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.worker.processes.close()
    made.origin.close()


def ran(world, number, body="pass"):
    place = world.root / "told"
    world.deploy(TELLS.format(body=body, place=str(place)))
    world.open_run(number)
    assert world.run(number=number) == {"outcome": "ok"}, world.rows[-1]
    return json.loads(place.read_text())


def is_gone(pid):
    until = time.monotonic() + 60
    while lives(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not lives(pid)


def lives(pid):
    """One that nobody buries does not: its parent may have been killed."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()


def test_an_attempt_is_as_its_worker_is_and_not_as_the_origin_was(world, monkeypatch, tmp_path):
    world.origin.start()
    monkeypatch.setenv("NAME", "later \udcff")
    monkeypatch.chdir(tmp_path)
    told = ran(world, 1)
    assert (told["name"], told["folder"]) == ("later \udcff", str(tmp_path))


def test_what_multiprocessing_starts_does_not_run_the_workers_program_again(world):
    assert ran(world, 1)["program"] is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_an_origin_that_was_killed_or_stopped_is_replaced_or_goes_on(world, how):
    server = ran(world, 1)["server"]
    os.kill(world.origin._process._pid, how)
    time.sleep(0.1)
    assert ran(world, 2)["server"] == server
    os.kill(server, signal.SIGKILL)
    assert is_gone(server)
    assert ran(world, 3)["server"] != server


def test_a_fork_server_whose_worker_is_gone_ends_though_others_use_its_origin(world):
    """As on this machine, where workers are forked from a template."""
    world.origin.start()
    if not (child := os.fork()):
        ran(world, 1)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    server = json.loads((world.root / "told").read_text())["server"]
    assert is_gone(server)
    assert ran(world, 2)["server"] != server


def test_an_origin_ends_with_the_last_that_could_use_it(world):
    ran(world, 1)
    origin = world.origin._process._pid
    world.worker.processes.close()
    world.origin.close()
    assert is_gone(origin)


def test_a_library_that_attempts_import_is_there_for_those_that_follow(world, monkeypatch):
    """What polls a job on AWS imports it at each poll; whatever else an author names is not
    imported here.
    """
    for name in [
        name for name in sys.modules if name.partition(".")[0] in {"boto3", "botocore", "colorsys"}
    ]:
        monkeypatch.delitem(sys.modules, name)  # other tests' imports
    body = "import boto3, colorsys; told['others'] = sorted({'boto3', 'colorsys'} & set(found))"
    world.deploy("")
    first, *_, last = [
        ran(world, number, f"found = set(sys.modules); {body}") for number in (1, 2, 3)
    ]
    assert (first["boto3"], last["boto3"], last["others"]) == (False, True, ["boto3"])


@pytest.mark.parametrize("imported", [7, None, "boto3", [7, ["x"], "os", "boto3"]])
def test_a_forged_end_cannot_disturb_who_follows_the_attempt(world, imported):
    end = {
        "end": "failed",
        "error": "E",
        "message": "no",
        "traceback": "",
        "memory": False,
        "imported": imported,
    }
    find = (
        "import gc\n    [link] = [one for one in gc.get_objects() if type(one).__name__ == '_Link']"
    )
    world.deploy(TELLS.format(body=f"{find}\n    link.send({end})", place=""))
    world.open_run()
    assert world.run()["outcome"] == "failed"
    world.warm()


NO_CLIENT = """
import sys
from duckstring.worker.origin import Origin

def start(self):
    clients = {"boto3", "botocore", "aws_lambda_powertools"}
    print([name for name in sys.modules if name.partition(".")[0] in clients], flush=True)
    raise SystemExit

Origin.start = start
"""


@pytest.mark.parametrize("door", ["functions.ripple.handler", "functions.ripple.task_worker"])
def test_no_client_of_aws_is_imported_before_the_origin_is_there(door):
    begin = "module.main()" if door.endswith("worker") else ""
    code = f"{NO_CLIENT}\nimport importlib\nmodule = importlib.import_module({door!r})\n{begin}"
    env = {
        **os.environ,
        "DUCKSTRING_BUCKET": "lake",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, "1"],
        env=env,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "[]" in done.stdout.splitlines(), done


PARENT = """
import gc, sys
from pathlib import Path

import duckdb

from duckstring.puddles.isolated import isolated
from tests.unit.worker_kit import World

CODE = "from duckstring import ripple\\n\\n@ripple\\ndef load(pond):\\n    pass\\n"

def opened():
    con = duckdb.connect(config={"threads": 4})
    con.sql("SELECT sum(range) FROM range(10_000_000)").fetchall()
    return con

gc.disable()  # the garbage stays
of_a_global, garbage = opened(), [opened()]
garbage.append(garbage)
del garbage

def forget_all():
    sys.modules["__main__"] = None
    return gc.collect() >= 0

if __name__ == "__main__":
    assert isolated(forget_all, "x")
    world = World(Path(sys.argv[1]))
    world.deploy(CODE)
    world.open_run()
    assert world.run() == {"outcome": "ok"}, world.rows
    world.worker.processes.close()
    world.origin.close()
    print("ran")
"""


def test_databases_that_are_open_in_the_parent_do_no_harm(tmp_path):
    """One that is freed waits for threads, which a forked process does not have."""
    program = tmp_path / "program.py"
    program.write_text(PARENT)
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "ran\n", done
