"""Where the command's output goes may be full, closed or gone: never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GONE = (
    "import os, subprocess, sys; r, w = os.pipe(); os.close(r); "
    "sys.exit(subprocess.call(sys.argv[1:], stdout=w))"
)
COMMAND = f"{sys.executable} -m duckstring_cli.main"


def ends(
    redirected: str, tmp_path: Path, words: str = "catchment list --json"
) -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-c", f"{COMMAND} {words} {redirected}"],
        env={"DUCKSTRING_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", ["catchment list --json", "--version", "--help"])
def test_a_full_disk_is_one_line(tmp_path: Path, words: str) -> None:
    code, _, err = ends(">/dev/full", tmp_path, words)
    assert code == 1
    assert err.splitlines()[0] == "error: The output cannot be written: No space left on device."
    assert "Traceback" not in err


def test_output_that_is_closed_is_nobodys_fault(tmp_path: Path) -> None:
    assert ends(">&-", tmp_path) == (0, "", "")
    assert ends(">&- 2>&-", tmp_path) == (0, "", "")


def test_where_nothing_can_be_written_the_exit_code_says_so(tmp_path: Path) -> None:
    assert ends(">/dev/full 2>/dev/full", tmp_path)[0] == 1


def test_a_reader_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    _, _, err = ends("| true", tmp_path)
    assert err == ""


@pytest.mark.parametrize(
    "words", ["catchment list", "catchment list --json", "--help", "pond init --help"]
)
def test_a_reader_that_has_gone_before_the_first_word_is_success(
    tmp_path: Path, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GONE, *COMMAND.split(), *words.split()],
        env={"DUCKSTRING_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
