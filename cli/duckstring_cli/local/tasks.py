"""Tasks of the emulator's ECS, as processes: this machine need not have a container engine.

The emulator keeps the records: which tasks exist, and which state they should have. This agent
brings them into that state, as the agent of a real cluster does. A task that is to run is started
with the command, the environment and the files that its container would have; what it prints goes
to its log stream as it prints it; one that is to stop gets a signal, and is then killed; its end is
written down, with its exit code, and announced as ECS announces it, which the emulator does not.

The files are those of the ripple function, which the emulator holds: the image is made of the same
zips (``infra/Dockerfile``).

Standard library only: part of the server.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duckstring_cli.local.credentials import Credentials
from duckstring_cli.local.layers import Layers
from duckstring_cli.local.patches import tasks as books
from duckstring_cli.local.patches.declared import Foreign
from duckstring_cli.local.patches.layers import ticket_of
from duckstring_cli.local.patches.program import scoped
from duckstring_cli.local.patches.tasks import Key, Record
from duckstring_cli.local.patches.workers import functions
from duckstring_cli.local.task_log import TaskLog

logger = logging.getLogger("duckstring")

_STOP_TIMEOUT = 30
"""Seconds from TERM to KILL, unless the container says otherwise: ECS's own."""

_WORKER = "functions.ripple."
_CATCHMENT = "DUCKSTRING_CATCHMENT"


@dataclass(slots=True)
class Running:
    """A task that has a process. ``reason`` and ``code``: why it is to stop, once it is."""

    key: Key
    task: Record
    process: subprocess.Popen[bytes]
    stop_timeout: float
    scratch: Path
    code: str = ""
    reason: str = ""
    late: threading.Timer | None = None


class Tasks:
    """The agent."""

    def __init__(self, layers: Layers, credentials: Credentials, note: Callable[[], None]) -> None:
        """Unpack code with ``layers``, give tasks ``credentials``, and ``note`` what changes."""
        self._layers, self._credentials, self._note = layers, credentials, note
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        self._seen: set[str] = set()
        self._closed = False

    @property
    def count(self) -> int:
        """How many run."""
        return len(self._running)

    def supply(self) -> None:
        """Have the emulator's tasks run."""

        def start() -> None:
            threading.Thread(target=self._start_new, name="tasks-start", daemon=True).start()

        books.run_tasks(start, self._stop)

    def end_all(self) -> None:
        """Kill what runs, without records: the server ends."""
        with self._lock:
            self._closed = True
            for one in self._running.values():
                _kill(one.process)

    # Starting

    def _start_new(self) -> None:
        """Start what is to run and has no process."""
        failed: list[tuple[Key, Record, Exception]] = []
        with self._lock:
            for key, task in books.tasks().items():
                if key[2] in self._seen or task["lastStatus"] != "RUNNING" or self._closed:
                    continue
                self._seen.add(key[2])
                try:
                    self._start(key, task)
                except Exception as error:  # noqa: BLE001 - whatever is wrong with it: a task that cannot start is stopped, as in AWS
                    failed.append((key, task, error))
        for key, task, why in failed:
            logger.warning("task %s cannot start: %r", key[2], why)
            _write_end(
                key,
                task,
                code="TaskFailedToStart",
                reason=f"ResourceInitializationError: {why}",
                exit_code=None,
            )
        self._note()

    def _start(self, key: Key, task: Record) -> None:
        with scoped(*key[:2]):
            one, log = self._started(key, task)
        self._running[key[2]] = one
        for work in (lambda: log.follow(one.process), lambda: self._attend(one, log)):
            threading.Thread(target=work, name=f"task-{key[2][-8:]}", daemon=True).start()

    def _started(self, key: Key, task: Record) -> tuple[Running, TaskLog]:
        definition = books.definition_of(task)
        (container,) = definition["containerDefinitions"]
        override = books.override_of(task, container)
        environment = _variables(container) | _variables(override)
        code = self._image(environment[_CATCHMENT])
        scratch = Path(tempfile.mkdtemp(prefix="task-"))
        log = TaskLog.of(key, container)
        process = subprocess.Popen(  # noqa: S603 - the command line of our own task definition
            _command(override.get("command") or container["command"]),
            cwd=scratch,
            env=_environment(key, code, scratch)
            | self._metadata(task, definition, container, log)
            | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own, that ends as one; in the server's session, by which a dead
            # server's are found.
            process_group=0,
        )
        return Running(
            key, task, process, float(container.get("stopTimeout") or _STOP_TIMEOUT), scratch
        ), log

    def _image(self, catchment: str) -> Sequence[Path]:
        """Folders with the ripple function's code and layers, in the order in which Python looks
        into them.
        """
        for record in functions():
            config = record["config"]
            variables = config.get("Environment", {}).get("Variables", {})
            if (
                str(config.get("Handler", "")).startswith(_WORKER)
                and variables.get(_CATCHMENT) == catchment
            ):
                tickets = [ticket_of(layer) for layer in config.get("Layers", [])]
                return [
                    self._layers.unpacked(record["code_zip"]),
                    *(self._layers.of(ticket) / "python" for ticket in reversed(tickets)),
                ]
        raise LookupError(f"CannotPullContainerError: Catchment {catchment} has no ripple function")

    def _metadata(
        self, task: Record, definition: Record, container: Record, log: TaskLog
    ) -> dict[str, str]:
        """ECS's own variables: where the task asks for its credentials and for what it is."""
        variables = books.register_metadata(task, definition, container, log.options)
        self._credentials.of_new_task(
            task["taskArn"], variables, role=definition.get("taskRoleArn", "")
        )
        return variables

    # Stopping

    def _stop(self, data: Mapping[str, Foreign], stop: Callable[[Foreign], Foreign]) -> Foreign:
        """A task that has a process stops when that has ended, and not before; any other at
        once.
        """
        task = books.find(data)
        with self._lock:
            one = self._running.get(task["taskArn"]) if task else None
            if one is not None:
                self._request_stop(one, data.get("reason", "Task stopped by user"))
                return books.answer_with(one.task)
            ends = task is not None and task["lastStatus"] != "STOPPED"
            answer = stop(data)
        if task is not None and ends:
            books.announce(task)
        return answer

    def _request_stop(self, one: Running, reason: str) -> None:
        if one.code or one.process.returncode is not None:
            return
        one.code, one.reason = "UserInitiated", reason
        books.write_stopping(one.task, code=one.code, reason=one.reason)
        one.process.terminate()
        one.late = threading.Timer(one.stop_timeout, _kill, [one.process])
        one.late.daemon = True
        one.late.start()

    def _attend(self, one: Running, log: TaskLog) -> None:
        """Until its process has ended. Nothing that it has started outlives it, as in a
        container.
        """
        status = one.process.wait()
        _kill(one.process)
        log.close()
        shutil.rmtree(one.scratch, ignore_errors=True)
        with self._lock:
            if one.late:
                one.late.cancel()
            if self._closed:
                return
        exit_code = status if status >= 0 else 128 - status
        code, reason = (
            one.code or "EssentialContainerExited",
            one.reason or "Essential container in task exited",
        )
        _write_end(one.key, one.task, code=code, reason=reason, exit_code=exit_code)
        with self._lock:
            del self._running[one.key[2]]
        self._credentials.forget_task(one.key[2])
        self._note()


def _variables(holder: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: str(one["value"]) for one in holder.get("environment") or []}


def _command(command: Sequence[str]) -> list[str]:
    """As the container has it, with this machine's interpreter: there is but one, as for the
    functions.
    """
    return [sys.executable if command[0] == "python" else command[0], *command[1:]]


def _environment(key: Key, code: Sequence[Path], scratch: Path) -> dict[str, str]:
    """What the image and Fargate say; nothing of the user's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONPATH": os.pathsep.join(map(str, code)),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_REGION": key[1],
        "AWS_DEFAULT_REGION": key[1],
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it has started, which is in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _write_end(key: Key, task: Record, *, code: str, reason: str, exit_code: int | None) -> None:
    """Write it to the emulator's records, and announce it to everybody who has a rule for it."""
    with scoped(*key[:2]):
        if books.write_end(key[2], task, code=code, reason=reason, exit_code=exit_code):
            books.announce(task)
