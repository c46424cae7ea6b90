"""Workers forked from a template: processes of their own that have imported already."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from duckstring_cli.local import forking
from duckstring_cli.local import watchdog as watchdogs
from duckstring_cli.local.forking import Forks

HANDLER = """
import os
from pathlib import Path

with Path({log!r}).open("a") as log:
    log.write("imported\\n")
"""

SCRIPT = """
import json, os, sys
for line in sys.stdin:
    imported = "functions.ripple.handler" in sys.modules
    said = {"said": line.strip(), "pid": os.getpid(), "cwd": os.getcwd()}
    said |= {"name": os.environ.get("NAME"), "imported": imported}
    print(json.dumps(said), flush=True)
    print("told", file=sys.stderr, flush=True)
"""


@pytest.fixture
def start(tmp_path):
    """Start a worker as the emulator does; all are ended with the test."""
    forks, begun = Forks(), []

    def begin(name: str, *, body: str = "", handler: str = "functions.ripple.handler.handle"):
        folder = tmp_path / name
        code = folder / "code" / "functions" / "ripple"
        code.mkdir(parents=True)
        (code.parent / "__init__.py").touch()
        (code / "__init__.py").touch()
        (code / "handler.py").write_text(body or HANDLER.format(log=str(tmp_path / "imports")))
        (folder / "_worker.py").write_text(SCRIPT)
        worker = SimpleNamespace(
            func_name="ripple", code_zip=body.encode(), config={"Handler": handler}
        )
        pipe = subprocess.PIPE
        with forks.starting(worker):
            made = forks.Popen(
                [sys.executable, str(folder / "_worker.py")],
                cwd=str(folder / "code"),
                env={"NAME": name},
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                text=True,
                bufsize=1,
            )
        begun.append(made)
        return made

    yield begin
    for process in begun:
        process.kill()
        process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
    forks.close()


def ask(process, word):
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def test_two_workers_share_one_import_and_nothing_else(start, tmp_path):
    one, two = start("one"), start("two")
    told = [ask(one, "a"), ask(two, "b")]
    assert [(answer["said"], answer["name"], answer["imported"]) for answer in told] == [
        ("a", "one", True),
        ("b", "two", True),
    ]
    assert [answer["pid"] for answer in told] == [one.pid, two.pid]
    assert [answer["cwd"] for answer in told] == [
        str(tmp_path / "one" / "code"),
        str(tmp_path / "two" / "code"),
    ]
    assert (tmp_path / "imports").read_text() == "imported\n"
    assert one.stderr.readline() == "told\n"


def test_a_worker_lives_until_it_is_ended(start):
    worker = start("one")
    assert worker.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.05)
    worker.terminate()
    assert worker.wait(5) is not None
    assert worker.poll() is not None


def test_a_worker_ends_with_its_input(start):
    worker = start("one")
    worker.stdin.close()
    assert worker.wait(5) is not None
    assert worker.stdout.read() == ""


def test_new_code_gets_a_new_template(start, tmp_path):
    start("old")
    new = start("new", body=f"open({str(tmp_path / 'mark')!r}, 'w').close()")
    assert ask(new, "a")["imported"]
    assert (tmp_path / "mark").exists()


def test_what_cannot_be_imported_is_started_the_plain_way(start):
    """So that the emulator finds the reason where it looks for it."""
    worker = start("broken", body="raise RuntimeError('no')")
    assert isinstance(worker, subprocess.Popen)
    assert ask(worker, "a")["imported"] is False


def test_other_functions_are_started_the_plain_way(start):
    assert isinstance(start("api", handler="functions.api.handler.handle"), subprocess.Popen)


def template_of(worker):
    """The process that a worker was forked from."""
    return int(Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_template_that_is_gone_or_stands_still_is_replaced(start, monkeypatch, number):
    monkeypatch.setattr(forking, "_LOOK", 0.1)
    first = start("one")
    template = template_of(first)
    os.kill(template, number)
    second, third = start("two"), start("three")
    assert [ask(worker, "a")["said"] for worker in (first, second, third)] == ["a", "a", "a"]
    assert template_of(third) not in {template, os.getpid()}
    assert forking.state_of(template) in forking.DEAD


def test_a_template_that_hangs_is_replaced(start, monkeypatch, tmp_path):
    monkeypatch.setattr(forking, "_FORKS_WITHIN", 0.3)
    monkeypatch.setattr(forking, "_LOOK", 0.1)
    # A handler that leaves a signal handler behind which never returns.
    stuck = "import signal, time\nsignal.signal(signal.SIGUSR1, lambda *_: time.sleep(3600))"
    first = start("one", body=stuck)
    template = template_of(first)
    os.kill(template, signal.SIGUSR1)
    second = start("two", body=stuck)
    assert ask(second, "a")["said"] == "a"
    assert template_of(second) == os.getpid()


def test_a_stopped_template_is_ended_with_the_others(monkeypatch, tmp_path):
    monkeypatch.setattr(forking, "_ENDS_WITHIN", 0.2)
    made = forking.Template(sys.executable, "json", cwd=str(tmp_path), env={})
    made._process.send_signal(signal.SIGSTOP)
    made.close()
    assert made._process.returncode == -signal.SIGKILL


def test_a_template_that_never_gets_ready_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(forking, "_READY_WITHIN", 0.3)
    monkeypatch.setattr(forking, "_LOOK", 0.1)
    (tmp_path / "stuck.py").write_text("import time\ntime.sleep(3600)")
    with pytest.raises(RuntimeError, match="cannot be imported"):
        forking.Template(sys.executable, "stuck", cwd=str(tmp_path), env={})


def test_a_worker_that_nobody_buries_is_dead(monkeypatch):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        while forking.state_of(gone.pid) != "Z":
            time.sleep(0.01)
        assert forking.Forked(gone.pid, None, None, None).poll() is not None


@pytest.mark.parametrize(
    "handler", ["functions.ripple.handler.handle", "functions.api.handler.handle"]
)
def test_bytes_that_are_no_text_are_read_as_escapes(start, monkeypatch, handler):
    script = (
        "import os, sys\nfor line in sys.stdin:\n    os.write(2, b'caf\\xe9\\n')\n"
        "    os.write(1, b'\\xff{}\\n')\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "SCRIPT", script)
    worker = start("odd", handler=handler)
    worker.stdin.write("go\n")
    worker.stdin.flush()
    assert (worker.stderr.readline(), worker.stdout.readline()) == ("caf\\xe9\n", "\\xff{}\n")


@pytest.fixture
def watchdog(monkeypatch):
    monkeypatch.setattr(watchdogs, "_STOPPED_LIMIT", 0.0)
    monkeypatch.setattr(watchdogs, "_DEAD_LIMIT", 0.0)
    return watchdogs.Watchdog(lambda worker: worker.process)


def held(watchdog, worker, *, starting=False):
    """What an invocation reads from a worker while the watchdog looks at it."""
    with watchdog.watching(SimpleNamespace(process=worker), starting=starting):
        reader = threading.Thread(target=worker.stdout.readline, daemon=True)
        reader.start()
        limit = time.monotonic() + 20
        while reader.is_alive() and time.monotonic() < limit:
            watchdog.look()
            reader.join(0.05)
        return not reader.is_alive()


def test_a_worker_that_was_stopped_ends_its_invocation(start, watchdog):
    worker = start("one")
    assert ask(worker, "a")
    os.kill(worker.pid, signal.SIGSTOP)
    assert held(watchdog, worker)
    assert worker.wait(5) is not None


def test_what_outlives_a_worker_does_not_hold_its_answer(start, watchdog, monkeypatch):
    forks = (
        "import os, signal, time\nif not os.fork():\n    os.setsid()\n    time.sleep(3600)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "SCRIPT", forks)
    assert held(watchdog, start("one"))


def test_a_start_that_does_not_end_is_ended(start, watchdog, monkeypatch):
    monkeypatch.setattr(watchdogs, "_START_LIMIT", 0.2)
    monkeypatch.setattr(sys.modules[__name__], "SCRIPT", "import time\ntime.sleep(3600)\n")
    assert held(watchdog, start("one"), starting=True)


def test_a_worker_that_is_at_work_is_left_alone(start, watchdog):
    worker = start("one")
    with watchdog.watching(SimpleNamespace(process=worker)):
        for _ in range(5):
            watchdog.look()
    assert ask(worker, "a")["said"] == "a"
