"""An attempt that is taken from its worker while it runs: what becomes of it, and of the worker."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from duckstring.engine.signals import RippleSucceeded
from duckstring.model.attempts import AttemptStarted
from duckstring.service.watch import Pace, Stopped, Watch
from tests.unit.worker_kit import World

HEAD = """
import socket, threading, time
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
    """What an operator's kill does to the row, ``settled`` seconds after the Ripple has begun: by then it waits where it is to wait."""
    began = tmp_path / "began"

    def taken(line, *, run, ripple, attempt):
        mine = (run, ripple, attempt) == (1, "load", 1)
        return "killed" if mine and began.exists() and time.time() - began.stat().st_mtime >= settled else None

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
        f'with ThreadPoolExecutor() as pool: pool.submit(pond.con.execute, "{LONG_QUERY}").result()',
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
    world.deploy(code(tmp_path, "time.sleep(600 if pond.f.minute == 1 else 0)\npond.write_table('t', 'SELECT 1 AS n')"))
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
    body = 'try:\n    time.sleep(600)\nfinally:\n    time.sleep(0.1)\n    (HERE / "cancelled").touch()'
    world.deploy(code(tmp_path, body))
    world.open_run()
    take_when_it_has_begun(world, tmp_path)
    world.run()
    assert (tmp_path / "cancelled").exists()


def test_an_attempt_that_was_taken_while_its_module_loaded_is_not_called(world, tmp_path):
    source = code(tmp_path, '(HERE / "called").touch()')
    world.deploy(source + '\n(HERE / "began").touch()\ntime.sleep(0.5)\n')
    world.open_run()
    take_when_it_has_begun(world, tmp_path, settled=0)
    assert world.run() == {"outcome": "ok"}
    assert not (tmp_path / "called").exists()
    assert world.letters == []


def test_a_world_that_fails_an_attempt_that_was_taken_loses_nothing(world, tmp_path):
    """An answer of 'lost' would have the engine asked about an attempt that is over."""
    body = "from duckstring.errors import TransientError\ntry:\n    time.sleep(600)\nfinally:\n    raise TransientError('S3 is away')"
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


@pytest.mark.parametrize("end", ["pond.write_table('t', 'SELECT 1 AS n')", "raise ValueError('no')"])
def test_an_attempt_that_was_taken_as_it_ended_tells_nothing(world, tmp_path, end):
    world.deploy(code(tmp_path, f"threading.main_thread().closed[1, 'load', 1] = 'killed'\n{end}"))
    world.open_run()
    world.worker = replace(world.worker, pace=Pace())  # so slow that only the row itself says it
    threading.main_thread().closed = world.closed
    assert world.run() == {"outcome": "ok"}
    assert (tmp_path / "began").exists()
    assert world.letters == []


def test_a_fresh_worker_whose_time_is_up_before_its_code_is_called_lives_to_say_so():
    script = """
import logging, time
from duckstring.service.watch import Limit, Stopped, Watch
with Watch(lambda: None, interrupt=lambda: None, log=logging.getLogger(), limits=[Limit(0.0, "timeout")]) as watch:
    while not watch._why:
        time.sleep(0.01)
    time.sleep(0.2)
    try:
        watch.call(print, "called")
    except Stopped:
        print(watch.ended)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert (ended.returncode, ended.stdout) == (0, "timeout\n"), ended.stderr


def test_a_look_that_fails_is_followed_by_another_and_the_attempt_goes_on(world, tmp_path):
    looks = []

    def taken(*_, **__):
        looks.append(len(looks))
        raise OSError("no network")

    world.taken = taken
    body = "limit = time.monotonic() + 20\nwhile threading.main_thread().looks < 3 and time.monotonic() < limit: time.sleep(0.01)"
    world.deploy(code(tmp_path, body))
    world.open_run()
    type(threading.main_thread()).looks = property(lambda _: len(looks))
    try:
        assert world.run() == {"outcome": "ok"}
    finally:
        del type(threading.main_thread()).looks
    assert len(looks) >= 3
    assert isinstance(world.letters[0].signal, RippleSucceeded)


def test_a_short_ripple_is_never_looked_at(world, tmp_path):
    looks = []
    with Watch(lambda: looks.append(1), interrupt=lambda: None, log=logging.getLogger("t")) as watch:
        assert watch.call(lambda: 5) == 5
    assert looks == []
    assert Pace().early == 2.0


def test_queries_of_other_threads_are_interrupted_where_the_main_thread_waits_for_them():
    query, log = threading.Event(), logging.getLogger("t")

    def wait_for_it():
        try:
            threading.Event().wait()
        except Stopped:
            query.wait()
            return "the query ended"

    with Watch(lambda: "killed", interrupt=query.set, log=log, pace=Pace(0.01, 0.01, 1, 2)) as watch:
        assert watch.call(wait_for_it) == "the query ended"


def test_a_signal_that_comes_late_does_nothing():
    """The watcher may send it as the attempt ends by itself."""
    log, answers = logging.getLogger("t"), iter(["killed"])
    with Watch(lambda: next(answers, None), interrupt=lambda: None, log=log, pace=Pace(0.01, 0.01, 1, 1)) as watch:
        with pytest.raises(Stopped):
            watch.call(threading.Event().wait)
        watch._raise()
        assert watch.taken == "killed"
    watch._raise()
    time.sleep(0)


SLOW_IMPORT = """
import sys
(HERE / "slow.py").write_text("import time; time.sleep(600)")
sys.path.insert(0, str(HERE))
import slow
"""
STUBBORN = {
    "imports": SLOW_IMPORT,
    "swallows": "while True:\n    try:\n        time.sleep(600)\n    except BaseException:\n        pass",
    "waits in C": "import ctypes\nmutex = ctypes.create_string_buffer(64)\nfor _ in (1, 2): ctypes.CDLL(None).pthread_mutex_lock(mutex)",
    "waits for a thread": "with ThreadPoolExecutor() as pool:\n    pool.submit(time.sleep, 600)\n    time.sleep(600)",
    "leaves a thread": "threading.Thread(target=time.sleep, args=[600], daemon=True).start()\ntime.sleep(600)",
}
ALONE = """
import logging, sys, threading
from pathlib import Path
from tests.unit.worker_kit import World
from tests.unit.test_worker_watch import take_when_it_has_begun

here, source, thread = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
logging.basicConfig(level=logging.INFO)
world = World(here)
world.deploy(source)
world.open_run()
take_when_it_has_begun(world, here)
if thread:
    work = threading.Thread(target=world.run)
    work.start()
    work.join()
else:
    world.run()
print("told", world.letters)
"""


@pytest.mark.parametrize(("how", "thread"), [*((how, "") for how in STUBBORN), ("waits in a thread", "thread")])
def test_what_does_not_end_by_itself_ends_with_its_process(tmp_path, how, thread):
    body = STUBBORN.get(how, "time.sleep(600)")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "error", "-c", ALONE, str(tmp_path), code(tmp_path, body), thread]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 70, done.stderr
    assert "told" not in done.stdout
    assert "process ends" in done.stderr
