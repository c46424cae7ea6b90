"""A supervisor and its worker: two real processes, and a state machine that writes down what it
hears.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.errors import TransientError
from duckstring.model.attempts import AttemptFinished
from duckstring.model.names import Line
from duckstring.worker.memory_kills import kernel_kills
from duckstring.worker.supervise import Supervisor, SupervisorPorts, TaskOrder, TaskPace

SAY = (
    "import json, os, signal, sys, time\n"
    "say = lambda **w: os.write(int(sys.argv[1]), json.dumps(w).encode() + b'\\n')\n"
)
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
OK = {"outcome": "ok"}
LATE = "Ripple 'load' took longer than its timeout, and its code did not leave when told to."
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class Machine:
    """``Tokens``: it hears beats and answers, unless it is ``deaf`` so often, and waits until it
    has heard ``patience`` beats.
    """

    deaf: int = 0
    patience: int = 10**9
    beats: int = 0
    answers: list[object] = field(default_factory=list)
    rows: list[object] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)

    def beat(self, token: str) -> bool:
        assert token == "token"
        self.beats += 1
        if self.beats >= 4:
            self.enough.set()
        return self.beats <= self.patience

    def answer(self, token: str, answer: object) -> bool:
        assert token == "token"
        if self.deaf:
            self.deaf -= 1
            raise TransientError("busy")
        self.answers.append(answer)
        return True

    def finished(self, line: str, row: object) -> bool:
        self.rows.append((line, row))
        return True

    def now(self) -> datetime:
        return NOW

    def wait(self, duration: timedelta) -> None:
        raise AssertionError("nobody waits by this clock")


def supervisor(machine: Machine, *, kills=lambda: 0, **pace: float) -> Supervisor:
    ports = SupervisorPorts(
        tokens=machine,
        rows=machine,
        clock=machine,
        log=logging.getLogger("test"),
        kills=kills,
        pace=TaskPace(**{"beat": 0.05, "grace": 0.2, "patience": 20.0, "hurry": 20.0, **pace}),
    )
    return Supervisor(TaskOrder(Line("sales@1"), 7, "load", 3, 8192, "token"), ports)


def attend(script: str, machine: Machine, **options) -> bool:
    return supervisor(machine, **options).run([sys.executable, "-c", SAY + script], os.environ)


def ended(outcome: str, error: str, message: str) -> dict[str, object]:
    return {
        "outcome": outcome,
        "failure": {"ripple": "load", "attempt": 3, "error": error, "message": message},
    }


def died(how: str) -> dict[str, object]:
    return ended("crashed", "WorkerDied", f"The worker's process {how} before the attempt did.")


@pytest.mark.parametrize(
    "answer", [OK, ended("failed", "ValueError", "no"), {"outcome": "paused", "seconds": 60}]
)
def test_the_workers_answer_is_told_as_it_stands(answer):
    machine = Machine()
    assert attend(f"say(answer=json.loads({json.dumps(json.dumps(answer))}))", machine)
    assert machine.answers == [answer]
    assert machine.beats >= 1


def test_it_beats_while_the_worker_holds_its_interpreter(tmp_path):
    """No thread of the worker's could: it is inside one call into C, which lets no other run."""
    machine, go = Machine(), tmp_path / "go"
    script = (
        f"sys.setswitchinterval(1000)\nwhile not os.path.exists({str(go)!r}): "
        f"sum(range(2000000))\nsay(answer={{'outcome': 'ok'}})"
    )
    threading.Thread(target=lambda: machine.enough.wait(60) and go.touch()).start()
    assert attend(script, machine)
    assert machine.beats >= 4
    assert machine.answers == [OK]


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("os.kill(os.getpid(), 9)", died("was ended by signal 9 (SIGKILL)")),
        ("os.abort()", died("was ended by signal 6 (SIGABRT)")),
        ("os._exit(3)", died("ended with exit code 3")),
        ("pass", died("ended with exit code 0")),
    ],
)
def test_a_worker_that_is_gone_without_a_word_is_answered_for(script, answer):
    machine = Machine()
    assert attend(script, machine)
    assert machine.answers == [answer]


def test_a_worker_that_the_kernel_killed_for_memory_wanted_memory():
    machine, counts = Machine(), iter([4, 5])
    assert attend("os.kill(os.getpid(), 9)", machine, kills=lambda: next(counts))
    assert machine.answers == [
        ended(
            "memory", "OutOfMemory", "The worker was killed for its memory: its task has 8192 MiB."
        )
    ]


def test_where_the_kernel_does_not_tell_a_small_worker_was_not_killed_for_memory():
    machine = Machine()
    assert attend("os.kill(os.getpid(), 9)", machine, kills=lambda: None)
    assert machine.answers[0]["outcome"] == "crashed"


def test_both_hierarchies_of_the_kernel_are_read(tmp_path):
    unified, older = tmp_path / "memory.events", tmp_path / "memory.oom_control"
    assert kernel_kills((unified, older)) is None
    older.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert kernel_kills((unified, older)) == 2
    unified.write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n")
    assert kernel_kills((unified, older)) == 1


def run_until(script: str, machine: Machine, act, **options) -> bool:
    """``act`` as soon as the worker has touched what it is told to."""
    watched = supervisor(machine, **options)
    threading.Thread(target=lambda: act(watched)).start()
    return watched.run([sys.executable, "-c", SAY + script], os.environ)


def appears(path) -> None:
    limit = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.mark.parametrize("manner", ["", DEAF])
def test_a_task_that_is_to_stop_ends_its_worker_and_says_that_it_was_lost(tmp_path, manner):
    machine, there = Machine(), tmp_path / "there"
    script = f"{manner}open({str(there)!r}, 'w')\ntime.sleep(600)"
    assert run_until(script, machine, lambda watched: (appears(there), watched.stop()))
    assert machine.answers == [
        ended("lost", "TaskStopped", "The task was told to stop while this attempt ran.")
    ]


def test_a_task_that_is_to_stop_when_its_worker_has_answered_tells_that_answer(tmp_path):
    machine, there = Machine(), tmp_path / "there"
    script = f"{DEAF}say(answer={{'outcome': 'ok'}})\nopen({str(there)!r}, 'w')\ntime.sleep(600)"
    assert run_until(script, machine, lambda watched: (appears(there), watched.stop()))
    assert machine.answers == [OK]


def test_an_attempt_that_nobody_waits_for_is_ended_and_nothing_is_told(tmp_path):
    machine = Machine(patience=2)
    assert attend("time.sleep(600)", machine)
    assert (machine.beats, machine.answers) == (3, [])


def test_a_task_that_nobody_waited_for_from_the_beginning_calls_no_code(tmp_path):
    machine, ran = Machine(patience=0), tmp_path / "ran"
    assert attend(f"open({str(ran)!r}, 'w').close()\ntime.sleep(600)", machine)
    assert machine.answers == []
    assert not ran.exists()


def test_a_worker_that_does_not_leave_in_time_is_killed():
    machine = Machine()
    assert attend(f"{DEAF}say(seconds=0.1)\ntime.sleep(600)", machine)
    assert machine.answers == [ended("timeout", "TimeoutError", LATE)]
    assert machine.rows == [
        ("sales@1", AttemptFinished(7, "load", 3, "failed", NOW, "TimeoutError", LATE))
    ]


def test_nonsense_from_a_worker_is_passed_over():
    machine = Machine()
    assert attend(
        (
            "os.write(int(sys.argv[1]), b'{]\\n\\xff\\n')\nsay(answer=3)\n"
            "say(answer={'outcome': 'ok'})"
        ),
        machine,
    )
    assert machine.answers == [OK]


def test_an_answer_is_told_until_it_is_heard():
    machine = Machine(deaf=2)
    assert attend("say(answer={'outcome': 'ok'})", machine)
    assert machine.answers == [OK]


def test_an_answer_that_is_never_heard_is_the_tasks_failure():
    machine = Machine(deaf=10**6)
    assert not attend("say(answer={'outcome': 'ok'})", machine, patience=0.1)


def test_what_the_worker_leaves_behind_does_not_keep_the_supervisor_waiting(tmp_path):
    """A child of the author's holds the descriptor on which the worker speaks, and lives on."""
    machine, lives, go = Machine(), tmp_path / "lives", tmp_path / "go"
    child = (
        f"[time.sleep(0.01) for _ in iter(lambda: os.path.exists({str(go)!r}), True)]\n"
        f"    open({str(lives)!r}, 'w')\n    os._exit(0)"
    )
    assert attend(
        f"if not os.fork():\n    {child}\nsay(answer={{'outcome': 'ok'}})\nos._exit(0)", machine
    )
    assert machine.answers == [OK]
    assert not lives.exists()
    go.touch()
    appears(lives)
