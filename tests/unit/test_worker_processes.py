"""The next attempt's process is forked while one is at work: it is the next one's alone, and
others' ends leave it be.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.unit.worker_kit import World

TELLS = """
import os
from pathlib import Path
from duckstring import ripple

@ripple
def load(pond):
    Path({!r}).write_text(str(os.getpid()))
"""

DAEMON = """
import os, signal, subprocess, sys, time
from pathlib import Path
from duckstring import ripple

@ripple
def load(pond):
    script = (
        "import os, sys, time; os.setsid(); os.fork() and os._exit(0); "
        "print(os.getpid(), flush=True); os.close(1); time.sleep(600)"
    )
    begun = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    daemon = int(begun.stdout)
    until = time.monotonic() + 20
    while not (waiting := others()) and time.monotonic() < until:
        time.sleep(0.01)
    for pid in waiting:
        os.kill(pid, signal.SIGKILL)
    while others() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(daemon, 0)
    Path({place!r}).write_text(f"{{daemon}} {{len(waiting)}}")

def others():
    told = Path(f"/proc/{{os.getppid()}}/task/{{os.getppid()}}/children").read_text().split()
    # The daemon is adopted: it has no folder of ours.
    return [int(pid) for pid in told if int(pid) != os.getpid() and waits(pid)]

def waits(pid):
    try:
        line = Path(f"/proc/{{pid}}/cmdline").read_text()
    except OSError:
        return False
    return "sleep" not in line
"""


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.worker.processes.close()


def ran(world, number, place):
    world.deploy(TELLS.format(str(place)))
    world.open_run(number)
    assert world.run(number=number) == {"outcome": "ok"}
    return int(place.read_text())


def waiting(world):
    """The process that was forked ahead, once it is known."""
    one = world.worker.processes._next
    until = time.monotonic() + 20
    while not one.forked.pid and time.monotonic() < until:
        assert one.is_ready
    return one.forked.pid


def test_each_attempt_is_made_in_the_process_that_was_forked_during_the_last_one(world, tmp_path):
    used = []
    for number in range(1, 4):
        if number > 1:
            used.append(waiting(world))
        used.append(ran(world, number, tmp_path / "pid"))
    assert used[0] != used[1] == used[2] != used[3] == used[4]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_was_killed_or_stopped_while_it_waited_delays_nobody(world, tmp_path, how):
    ran(world, 1, tmp_path / "pid")
    os.kill(waiting(world), how)
    time.sleep(1)  # the fork server has heard of it by then, also on a busy machine
    ran(world, 2, tmp_path / "pid")
    assert [row.status for row in world.rows if hasattr(row, "status")] == ["success", "success"]


def test_an_attempt_that_is_not_the_current_one_leaves_the_process_to_the_next(world, tmp_path):
    ran(world, 1, tmp_path / "pid")
    ahead = waiting(world)
    world.open_run(2, attempt=2)
    assert world.run(number=2, attempt=1) == {"outcome": "ok"}
    assert waiting(world) == ahead
    assert world.run(number=2, attempt=2) == {"outcome": "ok"}
    assert int((tmp_path / "pid").read_text()) == ahead


@pytest.mark.parametrize("tells", ["its children", "all processes"])
def test_the_end_of_a_process_that_waits_is_not_the_end_of_what_an_attempt_has_started(
    world, tmp_path, monkeypatch, tells
):
    """However the kernel tells the fork server what is left of an attempt."""
    if tells == "all processes":
        monkeypatch.setattr(
            "duckstring.worker.descendants._OUR_CHILDREN", Path("/proc/thread-self/no-children")
        )
    place = tmp_path / "told"
    world.deploy(DAEMON.format(place=str(place)))
    world.open_run()
    assert world.run() == {"outcome": "ok"}, world.rows[-1]
    daemon, waited = map(int, place.read_text().split())
    assert waited == 1
    with pytest.raises(ProcessLookupError):
        os.kill(daemon, 0)


STARTS = """
import os, subprocess, sys
from pathlib import Path
from duckstring import ripple

@ripple
def load(pond):
    script = (
        "import os, time; os.setsid(); os.fork() and os._exit(0); "
        "print(os.getpid(), flush=True); os.close(1); time.sleep(600)"
    )
    begun = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    Path({!r}).write_bytes(begun.stdout)
"""


@pytest.mark.parametrize("told", ["/proc/thread-self/children", "/proc/thread-self/no-children"])
def test_what_an_attempt_leaves_is_ended_while_another_process_waits(
    world, tmp_path, monkeypatch, told
):
    monkeypatch.setattr("duckstring.worker.descendants._OUR_CHILDREN", Path(told))
    world.deploy(STARTS.format(str(tmp_path / "daemon")))
    world.open_run()
    assert world.run() == {"outcome": "ok"}, world.rows[-1]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "daemon").read_text()), 0)
    os.kill(waiting(world), 0)


def test_folders_of_a_worker_that_is_gone_go_with_its_fork_server(tmp_path):
    """A worker that is killed cannot remove them itself."""
    reads, writes = os.pipe()
    if not (child := os.fork()):
        world = World(tmp_path)
        ran(world, 1, tmp_path / "pid")
        os.write(writes, str(world.worker.processes._next.home).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    home, until = Path(os.read(reads, 4096).decode()), time.monotonic() + 20
    while home.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not home.exists()


def test_sockets_of_multiprocessing_find_room_in_a_long_temporary_folder(tmp_path, monkeypatch):
    """As on this machine: the temporary folder lies in the Catchment's."""
    long = tmp_path / ("catchments-" + "x" * 60) / "tmp"
    long.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(long))
    world = World(tmp_path)
    world.deploy(
        "from multiprocessing import Manager\nfrom duckstring import ripple\n\n\n@ripple\n"
        "def load(pond):\n"
        "    with Manager() as manager:\n        assert dict(manager.dict(a=1)) == {'a': 1}\n"
    )
    world.open_run()
    assert world.run() == {"outcome": "ok"}, world.rows[-1]
    world.worker.processes.close()
    assert list(long.glob("duckstring-attempt-*")) == []
