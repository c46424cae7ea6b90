"""Workers forked from a template (``template.py``) instead of started anew. Standard library
only: part of the server.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from duckstring_cli.local.patches.declared import Foreign

logger = logging.getLogger("duckstring")

_FORKED = ("functions.ripple.", "functions.orchestrator.", "functions.discovery.")
"""What runs several at a time."""

_GLANCE = 0.01
_READY_WITHIN = 120.0
"""Seconds for a template to import its handler, on a machine that has much else to do."""
_FORKS_WITHIN = 10.0
"""Seconds for a fork, which takes milliseconds: a template that hangs is replaced."""
_LOOK = 0.5
"""Seconds after which a template that was stopped (SIGSTOP) is not about to go on."""
_ENDS_WITHIN = 1.0


_UNDECODABLE = "backslashreplace"
"""Bytes that are not text must not end the thread that reads them: the worker would stand still
when the pipe is full.
"""


class Forked:
    """What the emulator needs of ``subprocess.Popen``, for a process whose parent is a template."""

    def __init__(self, pid: int, stdin: IO[str], stdout: IO[str], stderr: IO[str]) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """None while it lives. How it ended is not known."""
        if self.returncode is None and not self._lives():
            self.returncode = -1
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        limit = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if limit is not None and time.monotonic() >= limit:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(_GLANCE)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _lives(self) -> bool:
        # A process of another session has its number now, or its template died and left it a
        # zombie.
        try:
            return os.getsid(self.pid) == os.getsid(0) and state_of(self.pid) not in DEAD
        except ProcessLookupError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


_STAT_BYTES = 4096
DEAD = frozenset("ZX")
STOPPED = "T"


def state_of(pid: int) -> str:
    """A process's state as Linux has it in one letter: X where there is none of that number; empty
    if it is not known.
    """
    try:
        # Each invocation looks several times: pathlib would take as long as the rest of it.
        stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            return os.read(stat, _STAT_BYTES).rpartition(b")")[2].split()[0].decode()
        finally:
            os.close(stat)
    except (OSError, IndexError):
        return "X" if Path("/proc/self/stat").exists() else ""


class Template:
    """One template process."""

    def __init__(self, python: str, module: str, *, cwd: str, env: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        self._door, self._lock = ours, threading.Lock()
        # A folder of its own: that of the first worker goes when that worker does.
        self._folder = tempfile.mkdtemp(prefix="duckstring-template-")
        code = shutil.copytree(cwd, Path(self._folder) / "code")
        layers = [
            str(Path(layer).resolve() / "python")
            for layer in env.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep)
            if layer
        ]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [
                    python,
                    str(Path(__file__).with_name("template.py")),
                    str(theirs.fileno()),
                    module,
                    *reversed(layers),
                    str(code),
                ],
                cwd=code,
                env=dict(env),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        if self._answer(_READY_WITHIN) != "ready":
            self.close()
            raise RuntimeError(f"{module} cannot be imported; the lines above say why")

    @property
    def lives(self) -> bool:
        """Whether it can fork."""
        return self._process.poll() is None

    def fork(self, script: str, *, cwd: str, env: Mapping[str, str]) -> Forked:
        """A worker."""
        order = Path(script).with_name("order.json")
        order.write_text(
            json.dumps({"script": script, "cwd": cwd, "env": dict(env)}), encoding="utf-8"
        )
        pipes = [os.pipe() for _ in range(3)]
        (in_read, in_write), (out_read, out_write), (err_read, err_write) = pipes
        given = [in_read, out_write, err_write]
        try:
            with self._lock:
                socket.send_fds(self._door, [str(order).encode()], given)
                pid = int(self._answer(_FORKS_WITHIN) or 0)
        except OSError:
            pid = 0
        finally:
            for stream in given:
                os.close(stream)
        if not pid:
            for stream in (in_write, out_read, err_read):
                os.close(stream)
            # Its answer may still come, and would be taken for that to the next order.
            self._process.kill()
            self._process.wait()
            raise RuntimeError("the template has ended, or did not answer")
        return Forked(
            pid, os.fdopen(in_write, "w", buffering=1), _reading(out_read), _reading(err_read)
        )

    def close(self) -> None:
        """End it; its workers live on."""
        self._door.close()
        try:
            self._process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, seconds: float) -> str:
        """Its next line; empty: it has ended, or says nothing within so many ``seconds``."""
        limit, received = time.monotonic() + seconds, b""
        self._door.settimeout(_LOOK)
        while not received.endswith(b"\n"):
            try:
                more = self._door.recv(64)
            except TimeoutError:
                if time.monotonic() < limit and state_of(self._process.pid) != STOPPED:
                    continue
                return ""
            if not more:
                return ""
            received += more
        return received.decode().strip()


def _reading(descriptor: int) -> IO[str]:
    return os.fdopen(descriptor, encoding="utf-8", errors=_UNDECODABLE)


class Forks:
    """Stands where the emulator's runtime sees ``subprocess``: those workers are forked, all
    else is started as ever.
    """

    def __init__(self) -> None:
        self._here = threading.local()
        self._lock = threading.Lock()
        self._templates: dict[str, tuple[str, Template]] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever subprocess has
        """All else of ``subprocess``."""
        return getattr(subprocess, name)

    @contextlib.contextmanager
    def starting(self, worker: Foreign) -> Foreign:
        """Within the block this thread starts ``worker``."""
        self._here.worker = worker
        try:
            yield
        finally:
            self._here.worker = None

    def Popen(self, command: Sequence[str], **named: Foreign) -> Foreign:  # noqa: N802 - as subprocess has it
        """Fork or start."""
        worker = getattr(self._here, "worker", None)
        handler = str(worker.config.get("Handler", "")) if worker else ""
        if handler.startswith(_FORKED):
            try:
                template = self._template(worker, command[0], handler.rpartition(".")[0], named)
                return template.fork(command[1], cwd=named["cwd"], env=named["env"])
            except (OSError, RuntimeError) as error:
                # A start of its own says what is wrong, in the place where everybody looks for it.
                logger.warning("no fork for %s: %s", handler, error)
        return subprocess.Popen(command, **named, encoding="utf-8", errors=_UNDECODABLE)  # noqa: S603 - the emulator's own command line

    def close(self) -> None:
        """End the templates."""
        with self._lock:
            while self._templates:
                self._templates.popitem()[1][1].close()

    def _template(
        self,
        worker: Foreign,
        python: str,
        module: str,
        named: Mapping[str, Any],
    ) -> Template:
        key = _digest(worker)
        with self._lock:
            known, template = self._templates.get(worker.func_name, ("", None))
            if template and known == key and template.lives:
                return template
            if template:
                template.close()
            made = Template(python, module, cwd=named["cwd"], env=named["env"])
            self._templates[worker.func_name] = (key, made)
            return made


def _digest(worker: Foreign) -> str:
    """What a template is good for: the same code, layers and settings."""
    config = {
        name: worker.config.get(name)
        for name in ("Handler", "Layers", "Environment", "MemorySize", "Timeout", "Role")
    }
    return hashlib.sha256(
        worker.code_zip + json.dumps(config, sort_keys=True, default=str).encode()
    ).hexdigest()
