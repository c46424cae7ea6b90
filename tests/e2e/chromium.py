"""The Chromium that shows the page in tests and in bench/: the one that is on the machine.

``python -m tests.e2e.chromium`` sets it up where that can be done without asking: as root, with
apt-get. Elsewhere it says what is missing. It never fails: without a browser its tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VARIABLE = "DUCKSTRING_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
_PATIENCE = 240
_INSTALL = (("update", "-qq"), ("install", "-qq", "--no-install-recommends", "chromium"))


def find() -> str | None:
    """The browser's path. None: there is none."""
    named = os.environ.get(VARIABLE)
    if named:
        return named if Path(named).is_file() else None
    return next(filter(None, map(shutil.which, _NAMES)), None)


def missing() -> str:
    """Why there is none, and what to do."""
    if named := os.environ.get(VARIABLE):
        return f"{VARIABLE}={named} is no file"
    return (
        "No Chromium is on this machine. Install it (Debian: apt-get install chromium), "
        f"or name one: {VARIABLE}=/path/to/chromium"
    )


def flags() -> list[str]:
    """Root has no sandbox of Chromium's kind."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def install() -> None:
    """By apt-get. It may fail: then there is still no browser."""
    print("Installing Chromium", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in _INSTALL:
        try:
            done = subprocess.run(
                ["apt-get", "-y", *words],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            print(f"apt-get {words[0]}: not done within {_PATIENCE} s", file=sys.stderr)
            return
        if done.returncode:
            print(f"apt-get {words[0]}: {done.stderr.strip()[-500:]}", file=sys.stderr)
            return


def main() -> None:
    """Set it up, and say how it went."""
    asked = VARIABLE in os.environ
    if not asked and not find() and os.geteuid() == 0 and shutil.which("apt-get"):
        install()
    found = find()
    print(f"The page is tested in {found}" if found else f"{missing()}. Its tests are skipped.")


if __name__ == "__main__":
    main()
