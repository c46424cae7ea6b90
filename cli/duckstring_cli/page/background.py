"""The page of a local Catchment as a process of its own, which ends with the Catchment.

It holds ``page.lock`` in the Catchment's folder, with its number, and says in ``page.json`` where
the page is. Only the user can read the folder: the address has the token.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from duckstring import __version__
from duckstring.errors import OperatorError
from duckstring_cli import catchments
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError
from duckstring_cli.local import process
from duckstring_cli.local.home import catchment_folder, home
from duckstring_cli.page import serve

GRACE = 10.0
"""Seconds without the Catchment's server after which the page ends. A restart takes less."""
_STARTS_WITHIN = 30.0
_ANSWERS_WITHIN = 5.0
_LOOKS_EVERY = 0.2


def address_of(catchment: Catchment, *, grace: float = GRACE) -> str:
    """Where the page is. It is started if it does not run.

    Raises:
        BadInputError: the Catchment is not on this machine, or the page is not built.
        OperatorError: the page did not start.
    """
    if catchment.kind != "local":
        raise BadInputError(
            f"{catchment.name} is in AWS: --background is for Catchments on this machine.",
            hint="Leave it running in a terminal of its own: duckstring ui",
        )
    folder = catchment_folder(catchment.name)
    _end_older(folder, catchment)
    started: subprocess.Popen[bytes] | None = None
    began = silent = time.monotonic()
    while time.monotonic() - began < _STARTS_WITHIN:
        if found := _answering(folder):
            _let_go(started)
            return found
        if not _is_held(folder):
            # Where two commands start one, one of the two processes ends at once.
            if started and started.poll() is not None:
                break
            started = started or _start(catchment.name, folder, grace)
        elif started is None and time.monotonic() - silent > 2 * _ANSWERS_WITHIN:
            _kill_holder(folder)
            silent = time.monotonic()  # what another command starts now has its time, too
        time.sleep(_LOOKS_EVERY / 4)
    if started:
        started.kill()
    raise OperatorError(
        f"The page of Catchment {catchment.name!r} did not start.",
        hint=f"See {folder / 'page.log'}",
    )


def _let_go(started: subprocess.Popen[bytes] | None) -> None:
    """It outlives this command, on purpose."""
    if started:
        started.returncode = 0


def _answering(folder: Path) -> str:
    """Where a page is that answers. Empty: there is none, or it is still starting."""
    found = _record(folder).get("address", "")
    return found if found and _is_held(folder) and _answers(found) else ""


def _end_older(folder: Path, catchment: Catchment) -> None:
    """A page of an earlier release ends: its server does not know what the new page asks for. So
    does one whose Catchment has moved.
    """
    told = _record(folder)
    if told.get("serves", _what(catchment)) == _what(catchment) or not _is_held(folder):
        return
    if told["pid"].isdigit() and _answers(told["address"]):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(told["pid"]), signal.SIGTERM)
        limit = time.monotonic() + _STARTS_WITHIN
        while _is_held(folder) and time.monotonic() < limit:
            time.sleep(_LOOKS_EVERY / 4)


def _kill_holder(folder: Path) -> None:
    """A page that hangs, or has lost its ``page.json``, makes way too: the lock names it."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / "page.lock").read_text(encoding="utf-8"))
        if _is_held(folder):
            os.kill(pid, signal.SIGKILL)


def _what(catchment: Catchment) -> str:
    """Which page of which Catchment: its files are named by their contents."""
    page = (serve.built_page() / "index.html").read_bytes()
    return f"{__version__} {hashlib.sha256(page).hexdigest()} {catchment.endpoint}"


def _start(name: str, folder: Path, grace: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", __name__, name, str(grace)]
    log = os.open(folder / "page.log", os.O_WRONLY | os.O_TRUNC | os.O_CREAT, 0o600)
    with os.fdopen(log, "wb") as output:
        return process.detached(
            command,
            folder=folder,
            output=output,
            environment={**os.environ, "DUCKSTRING_HOME": str(home().resolve())},
        )


def _is_held(folder: Path) -> bool:
    return process.is_held(folder, "page.lock")


def _record(folder: Path) -> dict[str, str]:
    """Empty: it is still starting."""
    try:
        told = json.loads((folder / "page.json").read_text(encoding="utf-8"))
        return {name: str(told[name]) for name in ("address", "pid", "serves")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _answers(address: str) -> bool:
    """Whether the page with that token is there: the address may be that of an earlier one."""
    where, _, token = address.removeprefix("http://").partition("/#token=")
    connection = http.client.HTTPConnection(where, timeout=_ANSWERS_WITHIN)
    try:
        connection.request("GET", "/api/", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status == HTTPStatus.NOT_FOUND
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether this process is the one that serves the page."""
    with (folder / "page.lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield True


def main(name: str, grace: float) -> None:
    """Serve the page until the Catchment has been gone for ``grace`` seconds."""
    folder, catchment = catchment_folder(name), catchments.find(name)
    serves = _what(catchment)

    def ready(found: str) -> None:
        unfinished = folder / "page.json.new"
        record = {"address": found, "pid": os.getpid(), "serves": serves}
        unfinished.write_text(json.dumps(record), encoding="utf-8")
        unfinished.replace(folder / "page.json")

    with _held(folder) as is_mine:
        if not is_mine:
            return
        threading.Thread(target=_end_with, args=(folder, grace), daemon=True).start()
        client = Client(catchment)
        with serve.listening(None) as held:
            serve.serve(client, held, read_only=False, on_ready=ready)


def _end_with(folder: Path, grace: float) -> None:
    """End this process once the Catchment's server has been gone for so long."""
    seen = time.monotonic()
    while time.monotonic() - seen < grace:
        time.sleep(min(_LOOKS_EVERY, grace))
        if process.is_held(folder):
            seen = time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
