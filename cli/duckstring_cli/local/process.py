"""The server process of a local Catchment: started detached, asked over HTTP, stopped by
signals.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from duckstring.errors import OperatorError
from duckstring_cli.errors import WrongEmulatorError
from duckstring_cli.local import serve
from duckstring_cli.local.boot import boot_id
from duckstring_cli.local.inputs import enforces_iam
from duckstring_cli.local.keys import answer_signature, ask_header, ensure_key, read_key
from duckstring_cli.local.policies import RECORD

_STARTS_WITHIN = 60.0
_STOPS_WITHIN = (8.0, 3.0)
_LOG_LIMIT = 5_000_000
_PORTS = (20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Running:
    """What a running server says of itself."""

    pid: int
    port: int
    workers: int
    checkpoint: int
    unsaved: bool


def ask(folder: Path, port: int, *, method: str = "GET", patience: float = 2.0) -> Running | None:
    """The Catchment's server on ``port``, if it runs there; POST has it write a checkpoint first,
    PUT start workers beside.

    The answer is signed with the Catchment's key: another program that listens there is not taken
    for it.
    """
    if (key := read_key(folder)) is None:
        return None
    header, nonce = ask_header(key, method)
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=120 if method == "POST" else patience
    )
    try:
        connection.request(method, "/_duckstring", headers={"Authorization": header})
        answer = connection.getresponse()
        body = answer.read().decode()
        proof = answer.headers.get("x-duckstring-signature", "")
        if not hmac.compare_digest(proof.encode(), answer_signature(key, nonce, body).encode()):
            return None
        record = json.loads(body)
        # Another program could hand the question on to the server, if that listens elsewhere.
        if record["folder"] != str(folder.resolve()) or record["port"] != port:
            return None
        return Running(
            pid=record["pid"],
            port=port,
            workers=record["workers"],
            checkpoint=record["checkpoint"],
            unsaved=record["unsaved"],
        )
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def claimed(folder: Path) -> tuple[int, int]:
    """The process and the port that the folder's server had last; zeros: it never had one, or
    not since this machine started.
    """
    try:
        record = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        # The number may be a stranger's by now, and what was started under it is gone.
        return (
            (int(record["pid"]), int(record["port"]))
            if record.get("boot", "") == boot_id()
            else (0, 0)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0


def is_guarded(folder: Path) -> bool:
    """Whether the folder's last server asks for the Catchment's key: those of earlier releases
    let everybody in.
    """
    try:
        return bool(json.loads((folder / "server.json").read_text(encoding="utf-8")).get("guarded"))
    except (OSError, ValueError, AttributeError):
        return True


def is_held(folder: Path, file: str = "server.json") -> bool:
    """Whether a server holds the folder, even one that does not answer; or whether somebody holds
    another ``file`` in it.
    """
    try:
        with (folder / file).open(encoding="utf-8") as claim:
            fcntl.flock(claim, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:``port``."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on: a random one, and below those that the system gives to
    connections.
    """
    chosen = random.SystemRandom()
    return next(port for port in iter(lambda: chosen.randrange(*_PORTS), 0) if is_free(port))


def detached(
    command: Sequence[str], *, folder: Path, output: IO[bytes], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, which outlives this command. What it writes is for
    its owner only.
    """
    return subprocess.Popen(  # noqa: S603 - our own command line
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        umask=0o077,
    )


def launch(*, name: str, folder: Path, port: int, python: Path) -> Running:
    """Start the server in a session of its own and wait until it answers.

    Raises:
        OperatorError: it ended or did not answer in time.
        WrongEmulatorError: the emulator is not as this release needs it.
    """
    from duckstring_cli.local.patches import check
    from duckstring_cli.local.tools import tail

    folder.parent.chmod(0o700)
    ensure_key(folder)
    log = folder / "server.log"
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
        before = output.tell()
        # Functions inherit this environment: nothing of the user's shell goes in.
        process = detached(
            [
                str(python),
                "-s",
                "-P",
                serve.__file__,
                "--name",
                name,
                "--folder",
                str(folder),
                "--port",
                str(port),
                *(["--iam"] if enforces_iam(folder) else []),
            ],
            folder=folder,
            output=output,
            environment={
                "PATH": os.environ.get("PATH", os.defpath),
                "LANG": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "",
                **{name: os.environ[name] for name in (RECORD,) if name in os.environ},
            },
        )
    limit = time.monotonic() + _STARTS_WITHIN
    try:
        while time.monotonic() < limit and process.poll() is None:
            running = ask(folder, port)
            if running and running.pid == process.pid:
                # It outlives this command, on purpose.
                process.returncode = 0
                return running
            time.sleep(0.03)
    finally:
        if process.returncode != 0:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode == check.CHANGED:
        raise _wrong_emulator(log.read_bytes()[before:].decode(errors="replace"))
    raise OperatorError(
        (
            f"The server of Catchment {name!r} did not start on port {port}:\n"
            f"{tail(log.read_text(errors='replace'))}"
        ),
        hint=f"Its log is {log}.",
    )


def _wrong_emulator(log: str) -> WrongEmulatorError:
    from duckstring_cli.local.patches import check

    _, opening, refusal = log.partition(check.OPENING)
    message, _, hint = refusal.strip().rpartition("\n" + check.HINT)
    return WrongEmulatorError(opening + message, hint=hint)


def end(pid: int) -> None:
    """TERM, wait, TERM again, KILL; then whatever workers are left of its session."""
    for patience in _STOPS_WITHIN:
        _signal(pid, signal.SIGTERM)
        if _gone_within(pid, patience):
            break
    else:
        _signal(pid, signal.SIGKILL)
        _gone_within(pid, 5.0)
    end_orphans(pid)


def end_orphans(pid: int) -> None:
    """End the workers and the tasks that a dead server left behind."""
    # One that was just killed takes a moment to go; one that stays is a stranger with the same
    # number.
    if not _gone_within(pid, 1.0):
        return
    # A group's number is not given to a new process while the group has members.
    limit = time.monotonic() + _STOPS_WITHIN[-1]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < limit:
            os.killpg(pid, signal.SIGKILL)
            time.sleep(0.02)
    # Tasks have groups of their own; its session, whose number is not given away either, holds them
    # all.
    while (left := _of_session(pid)) and time.monotonic() < limit:
        for one in left:
            _signal(one, signal.SIGKILL)
        time.sleep(0.02)


def _of_session(session: int) -> list[int]:
    return [one for one in _processes() if _session(one) == session]


def _processes() -> list[int]:
    table = Path("/proc")
    if (table / "self").exists():
        return [int(entry.name) for entry in table.iterdir() if entry.name.isdigit()]
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=False)  # noqa: S607 - wherever it is
    return [int(number) for number in listed.stdout.split()]


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _gone_within(pid: int, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if not _is_alive(pid):
            return True
        time.sleep(0.03)
    return False


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
