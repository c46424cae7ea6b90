"""Workers forked from a template: processes of their own that have imported already."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

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
    print(json.dumps({"said": line.strip(), "pid": os.getpid(), "cwd": os.getcwd(), "name": os.environ.get("NAME"),
                      "imported": "functions.ripple.handler" in sys.modules}), flush=True)
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
        worker = SimpleNamespace(func_name="ripple", code_zip=body.encode(), config={"Handler": handler})
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
    assert [(answer["said"], answer["name"], answer["imported"]) for answer in told] == [("a", "one", True), ("b", "two", True)]
    assert [answer["pid"] for answer in told] == [one.pid, two.pid]
    assert [answer["cwd"] for answer in told] == [str(tmp_path / "one" / "code"), str(tmp_path / "two" / "code")]
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
