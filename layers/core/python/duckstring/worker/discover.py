"""Finds the Ripples that a package declares, by importing it in a process of its own.

The child has the Catchment's variables, because a module may read them as it loads, but it has no
AWS credentials. Its time, memory and output are bounded, and its file descriptors are its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from duckstring.author.errors import RippleError
from duckstring.errors import DuckstringError
from duckstring.worker.project import unpack

SECONDS = 30
_OUTPUT_SHOWN = 2_000
_MOST_ROUNDS = 100
_KEPT_FROM_HOST = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION", "LD_LIBRARY_PATH"})
"""Lambda's own Python finds its library by the last; the Catchment's secrets may not set it."""
_BOOT = (
    "import json, sys; order = json.loads(sys.stdin.read()); sys.path[:] = order['path'];"
    " from duckstring.worker import sandbox; sandbox.main(order)"
)
_HIDDEN_PREFIXES = ("AWS_", "DUCKSTRING_", "LAMBDA_", "PYTHON", "LD_", "_", "MINISTACK_")

Answer = dict[str, object]


@dataclass(frozen=True, slots=True)
class Module:
    """The module to import, from a package with this checksum."""

    package: bytes
    sha256: str
    path: str


def discover(module: Module, *, variables: Mapping[str, str], seconds: float = SECONDS) -> Answer:
    """Import the module and list its Ripples in topological order.

    Args:
        module: what to import.
        variables: the environment that Ripples will have.
        seconds: how long the import may take.

    Returns:
        ``{"ok": True, "ripples": [...]}`` or
        ``{"ok": False, "error": {"type", "message", "hint", "traceback"}}``.
    """
    try:
        if (found := sha256(module.package).hexdigest()) != module.sha256:
            raise RippleError(
                f"The package arrived with the checksum {found} instead of {module.sha256}.",
                hint="Deploy it again.",
            )
        with tempfile.TemporaryDirectory(prefix="duckstring-discover-") as folder:
            unpack(module.package, Path(folder) / "project")
            return _ask_child(Path(folder), module.path, variables, seconds)
    except DuckstringError as error:
        return {
            "ok": False,
            "error": {
                "type": type(error).__name__,
                "message": error.message,
                "hint": error.hint,
                "traceback": "",
            },
        }


def clean_environment(environment: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: the Catchment's variables and secrets, the machine's region, and no
    credentials.
    """
    kept = {
        k: v
        for k, v in environment.items()
        if k in _KEPT_FROM_HOST or not k.startswith(_HIDDEN_PREFIXES)
    }
    return {
        **kept,
        **{name: value for name, value in secrets.items() if not name.startswith(_HIDDEN_PREFIXES)},
    }


def _ask_child(folder: Path, module: str, variables: Mapping[str, str], seconds: float) -> Answer:
    answer, output = folder / "answer.json", folder / "output.txt"
    order = {
        "path": sys.path,
        "root": str(folder / "project"),
        "module": module,
        "answer": str(answer),
        "seconds": seconds,
    }
    environment = {
        **variables,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    others = _children()
    with output.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
            [sys.executable, "-I", "-B", "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder / "project",
            start_new_session=True,
        )
        try:
            child.communicate(json.dumps(order).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RippleError(
                f"{module} was not imported within {seconds:g} s.",
                hint="Do work inside Ripples; at module level only declare.",
            ) from None
        finally:
            _end(child, others)
    if answer.is_file():
        found: Answer = json.loads(answer.read_text(encoding="utf-8"))
        return found
    raise _died(module, child.returncode, output)


def _end(child: subprocess.Popen[bytes], others: frozenset[int]) -> None:
    """End the whole group, and processes that left it: a module may have started some. ``others``
    existed before.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for _ in range(_MOST_ROUNDS):
        strays = _children() - others
        if not strays:
            return
        for pid in strays:
            with suppress(ProcessLookupError, PermissionError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _children() -> frozenset[int]:
    """Our own child processes, as far as the system lists them."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # The name in brackets may hold anything.
            if int(status.read_bytes().rpartition(b")")[2].split()[1]) == os.getpid():
                found.add(int(status.parent.name))
    return frozenset(found)


def _died(module: str, code: int, output: Path) -> RippleError:
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    printed = output.read_text(encoding="utf-8", errors="backslashreplace")[-_OUTPUT_SHOWN:].strip()
    return RippleError(
        f"Importing {module} ended the process {how}{f'; it said: {printed}' if printed else '.'}",
        hint="At module level only declare; it may use 2 GB of memory.",
    )
