"""What a worker that was killed leaves on the disk of its function."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from duckstring.author import leftovers


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def made_by(code):
    """The folder that a process made which ends by ``code``."""
    script = (
        "import os, signal, sys; from duckstring.author.leftovers import folder; "
        f"print(folder('spill'), flush=True); {code}"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": tempfile.gettempdir()},
    )
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_worker_has_spilled_is_removed_when_the_next_one_starts():
    process, spilled = made_by("os.kill(os.getpid(), signal.SIGKILL)")
    process.communicate()
    (spilled / "block").write_bytes(b"x")
    leftovers.clear()
    assert not spilled.exists()


def test_what_another_worker_uses_stays():
    process, spilled = made_by("sys.stdin.read()")
    leftovers.clear()
    assert spilled.exists()
    process.communicate()


def test_a_folder_with_our_own_number_is_of_a_process_before_us():
    mine = Path(leftovers.folder("pond"))
    leftovers.clear()
    assert not mine.exists()
