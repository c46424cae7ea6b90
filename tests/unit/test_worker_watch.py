"""An attempt that is taken from its worker while it runs: what becomes of it, and of the worker."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from duckstring.engine.signals import RippleSucceeded
from duckstring.model.attempts import AttemptStarted
from duckstring.model.values import replace
from duckstring.worker.watch import Pace
from tests.unit.worker_kit import World

HEAD = """
import os, socket, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from duckstring import ripple

HERE = Path({here!r})

@ripple
def load(pond):
    pond.con  # opened, so that a query is indeed what is ended
    (HERE / "began").touch()
"""
LEFT_THREAD = """
def query():
    with suppress(Exception):
        pond.con.execute("{query}")
threading.Thread(target=query).start()
time.sleep(600)
"""
LONG_QUERY = "SELECT sum(a.range * b.range) AS n FROM range(1000000) a, range(1000000) b"


def code(tmp_path, body):
    return HEAD.format(here=str(tmp_path)) + "".join(f"    {line}\n" for line in body.splitlines())


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def take_when_it_has_begun(world, tmp_path, settled=0.3):
    """What an operator's kill does to the row, ``settled`` seconds after the Ripple has begun:
    by then it waits where it is to wait.
    """
    began = tmp_path / "began"

    def taken(line, *, run, ripple, attempt):
        mine = (run, ripple, attempt) == (1, "load", 1)
        return (
            "killed"
            if mine and began.exists() and time.time() - began.stat().st_mtime >= settled
            else None
        )

    world.taken = taken


@pytest.mark.parametrize("settled", [0, 0.3])
@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(600)",
        "while True: pass",
        f'pond.con.sql("{LONG_QUERY}").fetchall()',
        f'pond.write_table("t", pond.con.sql("{LONG_QUERY}"))',
        f'pond.write_table("t", "{LONG_QUERY}")',
        f'with pond.con.cursor() as other: other.execute("CREATE TABLE t AS {LONG_QUERY}")',
        "ours, theirs = socket.socketpair()\nwith ours, theirs: ours.recv(1)",
        "threading.Event().wait()",
        (
            "with ThreadPoolExecutor() as pool: pool.submit(pond.con.execute, "
            f'"{LONG_QUERY}").result()'
        ),
        LEFT_THREAD.format(query=LONG_QUERY),
        "try:\n    time.sleep(600)\nexcept Exception:\n    time.sleep(600)",
        "try:\n    time.sleep(600)\nexcept BaseException:\n    pass",
        'try:\n    time.sleep(600)\nexcept BaseException:\n    raise ValueError("on my way out")',
    ],
)
def test_an_attempt_that_was_taken_ends_and_tells_nothing(world, tmp_path, body, settled):
    world.deploy(code(tmp_path, body))
    world.open_run()
    take_when_it_has_begun(world, tmp_path, settled)
    assert world.run() == {"outcome": "ok"}
    assert [type(row) for row in world.rows] == [AttemptStarted]
    assert world.letters == []


def test_a_worker_whose_attempt_was_stopped_is_as_good_as_new(world, tmp_path):
    world.deploy(
        code(
            tmp_path,
            "time.sleep(600 if pond.f.minute == 1 else 0)\npond.write_table('t', 'SELECT 1 AS n')",
        )
    )
    world.open_run(2)
    assert world.run(number=2) == {"outcome": "ok"}  # what every run imports is there
    (tmp_path / "began").unlink()
    world.open_run()
    take_when_it_has_begun(world, tmp_path)
    before = (list(sys.path), set(sys.modules), dict(os.environ), Path.cwd())
    world.run()
    assert (list(sys.path), set(sys.modules), dict(os.environ), Path.cwd()) == before
    world.open_run(3)
    assert world.run(number=3) == {"outcome": "ok"}
    assert world.rows_of("t") == [(1,)]


def test_what_the_author_put_into_finally_is_done(world, tmp_path):
    body = (
        'try:\n    time.sleep(600)\nfinally:\n    time.sleep(0.1)\n    (HERE / "cancelled").touch()'
    )
    world.deploy(code(tmp_path, body))
    world.open_run()
    take_when_it_has_begun(world, tmp_path)
    world.run()
    assert (tmp_path / "cancelled").exists()


def test_an_attempt_that_was_taken_while_its_module_loaded_is_not_called(world, tmp_path):
    source = code(tmp_path, '(HERE / "called").touch()')
    world.deploy(source + '\n(HERE / "began").touch()\ntime.sleep(30)\n')
    world.open_run()
    take_when_it_has_begun(world, tmp_path, settled=0)
    assert world.run() == {"outcome": "ok"}
    assert not (tmp_path / "called").exists()
    assert world.letters == []


def test_a_world_that_fails_an_attempt_that_was_taken_loses_nothing(world, tmp_path):
    """An answer of 'lost' would have the engine asked about an attempt that is over."""
    body = (
        "from duckstring.errors import TransientError\ntry:\n    time.sleep(600)\nfinally:\n"
        "    raise TransientError('S3 is away')"
    )
    world.deploy(code(tmp_path, body))
    world.open_run()
    take_when_it_has_begun(world, tmp_path)
    assert world.run() == {"outcome": "ok"}


def test_an_attempt_that_was_taken_before_it_began_does_not_begin(world, tmp_path):
    world.deploy(code(tmp_path, "pass"))
    world.open_run()
    world.closed[1, "load", 1] = "killed"
    assert world.run() == {"outcome": "ok"}
    assert not (tmp_path / "began").exists()
    assert (world.rows, world.letters) == ([], [])


@pytest.mark.parametrize(
    "end", ["pond.write_table('t', 'SELECT 1 AS n')", "raise ValueError('no')", "pond.pause()"]
)
def test_an_attempt_that_was_taken_as_it_ended_tells_nothing(world, tmp_path, end):
    world.deploy(code(tmp_path, end))
    world.open_run()
    pace = Pace(early=60.0)  # so slow that only the row itself says it
    world.worker = replace(
        world.worker, pace=pace, begins=lambda _: world.closed.update({(1, "load", 1): "killed"})
    )
    assert world.run() == {"outcome": "ok"}
    assert (tmp_path / "began").exists()
    assert world.letters == []
    assert world.away == [(1, "load", 1)]


def test_a_look_that_fails_is_followed_by_another_and_the_attempt_goes_on(world, tmp_path):
    looks = []

    def taken(*_, **__):
        looks.append(len(looks))
        if len(looks) == 3:
            (tmp_path / "enough").touch()
        raise OSError("no network")

    world.taken = taken
    world.deploy(code(tmp_path, "while not (HERE / 'enough').exists(): time.sleep(0.01)"))
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    assert len(looks) >= 3
    assert isinstance(world.letters[0].signal, RippleSucceeded)


def test_a_look_that_hangs_keeps_nobody_from_ending_the_attempt(world, tmp_path):
    go = []

    def taken(*_, **__):
        while not go:
            time.sleep(0.01)

    world.taken = taken
    world.deploy(code(tmp_path, "time.sleep(600)"))
    world.open_run()
    assert world.run(seconds=0.8)["outcome"] == "overran"
    go.append(True)


def test_a_short_ripple_is_never_looked_at(world, tmp_path):
    looks = []
    world.taken = lambda *_, **__: looks.append(1)
    world.worker = replace(world.worker, pace=Pace(early=60.0))
    world.deploy(code(tmp_path, "pass"))
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    assert looks == []
    assert Pace().early == 2.0


STUBBORN = {
    "imports": (
        "(HERE / 'slow.py').write_text('import time; time.sleep(600)')\n"
        "sys.path.insert(0, str(HERE))\nimport slow"
    ),
    "swallows": (
        "while True:\n    try:\n        time.sleep(600)\n    except BaseException:\n        pass"
    ),
    "waits in C": (
        "import ctypes\nmutex = ctypes.create_string_buffer(64)\n"
        "for _ in (1, 2): ctypes.CDLL(None).pthread_mutex_lock(mutex)"
    ),
    "waits for a thread": (
        "with ThreadPoolExecutor() as pool:\n    pool.submit(time.sleep, 600)\n    time.sleep(600)"
    ),
    "leaves a thread": "threading.Thread(target=time.sleep, args=[600]).start()\ntime.sleep(600)",
    "blocks the signal": (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\ntime.sleep(600)"
    ),
    "has a handler of its own": (
        "import signal\nsignal.signal(signal.SIGUSR2, lambda *_: None)\nwhile True: time.sleep(600)"
    ),
}


@pytest.mark.parametrize("how", STUBBORN)
def test_what_does_not_end_by_itself_is_killed_and_the_worker_lives_on(world, tmp_path, how):
    world.deploy(code(tmp_path, STUBBORN[how]))
    world.open_run()
    take_when_it_has_begun(world, tmp_path)
    assert world.run() == {"outcome": "ok"}
    assert world.letters == []
    world.taken = lambda *_, **__: None
    world.deploy(code(tmp_path, "pond.write_table('t', 'SELECT 1 AS n')"))
    world.open_run(2)
    assert world.run(number=2) == {"outcome": "ok"}


DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""
CHILDREN = {
    "a child": "child = subprocess.Popen(['sleep', '600'])\nnote('a', child.pid)",
    "a child in a shell": (
        "child = subprocess.Popen('sleep 600 & echo $! > ' + str(HERE / 'a.pid') + '; wait', "
        "shell=True)"
    ),
    "a child in a session of its own": (
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\nnote('a', child.pid)"
    ),
    "a daemon": (
        f"(HERE / 'daemon.py').write_text({DAEMON!r})\n"
        "subprocess.run([sys.executable, str(HERE / 'daemon.py'), str(HERE / 'a.pid')])"
    ),
    "a fork": "child = os.fork()\nif not child: time.sleep(600)\nnote('a', child)",
    "a pool of processes": (
        "from multiprocessing import get_context\n"
        "child = get_context('fork').Process(target=time.sleep, args=[600])\nchild.start()\n"
        "note('a', child.pid)"
    ),
}
NOTE = """
def note(name, pid):
    (HERE / (name + ".part")).write_text(str(pid))
    (HERE / (name + ".part")).rename(HERE / (name + ".pid"))
"""


def lives(path):
    """Whether the process whose number is in the file lives, and is no corpse."""
    with suppress(FileNotFoundError):
        return (
            Path(f"/proc/{int(path.read_text())}/stat").read_text().rpartition(")")[2].split()[0]
            != "Z"
        )
    return False


on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the process group is ended, and no more"
)


def started(what, number=0):
    """Code that starts one of CHILDREN and waits for the number of its process."""
    name = f"a{number}"
    code = CHILDREN[what].replace("a.pid", f"{name}.pid").replace("note('a'", f"note('{name}'")
    file = f"(HERE / '{name}.pid')"
    return f"{code}\nwhile not {file}.exists() or not {file}.read_text(): time.sleep(0.01)"


@on_linux
@pytest.mark.parametrize("end", ["killed", "success", "failed", "exit"])
@pytest.mark.parametrize("what", CHILDREN)
def test_nothing_that_an_attempt_has_started_outlives_it(world, tmp_path, what, end):
    last = {"success": "pass", "failed": "raise ValueError", "exit": "os._exit(0)"}.get(
        end, "(HERE / 'ready').touch(); time.sleep(600)"
    )
    body = f"{started(what)}\n{last}"
    world.deploy(code(tmp_path, body).replace("@ripple", NOTE + "@ripple"))
    world.open_run()
    if end == "killed":
        world.taken = lambda *_, **__: "killed" if (tmp_path / "ready").exists() else None
    world.run()
    assert (tmp_path / "a0.pid").exists()
    assert not lives(tmp_path / "a0.pid")


@on_linux
def test_nothing_that_an_attempt_has_started_outlives_its_time(world, tmp_path):
    body = "\n".join(started(what, number) for number, what in enumerate(CHILDREN))
    world.deploy(code(tmp_path, f"{body}\ntime.sleep(600)").replace("@ripple", NOTE + "@ripple"))
    world.open_run()
    assert world.run(seconds=12.0)["outcome"] == "overran"
    pids = [tmp_path / f"a{number}.pid" for number in range(len(CHILDREN))]
    assert [path.exists() for path in pids] == [True] * len(CHILDREN)
    assert [lives(path) for path in pids] == [False] * len(CHILDREN)


def test_an_attempt_goes_with_its_worker(tmp_path):
    """Also where that is killed, and cannot see to it."""
    script = """
import sys
from pathlib import Path
from tests.unit.worker_kit import World
world = World(Path(sys.argv[1]))
world.deploy(sys.argv[2])
world.open_run()
world.run()
"""
    body = (
        "note('b', os.getpid())\n"
        + CHILDREN["a child in a session of its own"]
        + "\ntime.sleep(600)"
    )
    source = code(tmp_path, body).replace("@ripple", NOTE + "@ripple")
    worker = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), source],
        cwd=Path(__file__).parents[2],
        env={**os.environ},
    )
    limit = time.monotonic() + 60
    while not (tmp_path / "a.pid").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    worker.kill()
    worker.wait()
    while (lives(tmp_path / "a.pid") or lives(tmp_path / "b.pid")) and time.monotonic() < limit:
        time.sleep(0.01)
    assert not lives(tmp_path / "a.pid")
    assert not lives(tmp_path / "b.pid")
