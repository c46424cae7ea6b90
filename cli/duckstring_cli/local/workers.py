"""Workers of functions: started in turn, mostly forked, and with answers that nothing gets between.

Standard library only: part of the server.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from duckstring_cli.local.emulator import ministack
from duckstring_cli.local.forking import Forks
from duckstring_cli.local.watchdog import Watchdog

_PATIENCE = 0.15
_CORES = os.cpu_count() or 2
_WANTED_SOON = (
    "functions.orchestrator.",
    "functions.ripple.",
    "functions.api.",
    "functions.discovery.",
)

_LAST_LINES = 10.0
"""Seconds for what a worker printed to be read; a pause of some milliseconds in it is its end."""

_OWN_DESCRIPTORS = """
import os, sys
sys.stdin = os.fdopen(os.dup(0), "r", encoding="utf-8")
sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)
"""


def warm_up() -> None:
    """Start what the first trigger needs, before it comes. The latest deployment's workers;
    those there are, stay.
    """
    runtime, service = ministack("core.lambda_runtime"), ministack("services.lambda_svc")
    for record in list(service._functions._data.values()):  # noqa: SLF001 - the emulator's edge
        config = record["config"]
        if str(config.get("Handler", "")).startswith(_WANTED_SOON):
            worker, _ = runtime.acquire_worker(config["FunctionName"], config, record["code_zip"])
            try:
                runtime.ensure_spawned(worker)
            finally:
                runtime.release_worker(worker)


class Starts:
    """Who may start another worker: as many at a time as there are cores, and rather than start
    one, wait a moment for a warm one.
    """

    def __init__(self, runtime: Any) -> None:  # noqa: ANN401
        self._runtime = runtime
        self._acquire = runtime.acquire_worker
        self._changed = threading.Condition()
        self._starting: set[int] = set()

    def acquire(
        self,
        name: str,
        config: Any,  # noqa: ANN401
        code: bytes,
        qualifier: str = "$LATEST",
        **named: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """A free worker, or a new one when its turn comes."""
        key = self._runtime._worker_key(name, config, qualifier)  # noqa: SLF001
        since = time.monotonic()
        with self._changed:
            while not self._may_go_on(key, waited=time.monotonic() - since):
                self._changed.wait(_PATIENCE)
            worker, how = self._acquire(name, config, code, qualifier=qualifier, **named)
            if how == "spawn":
                self._starting.add(id(worker))
            return worker, how

    def tell(self, worker: Any) -> None:  # noqa: ANN401
        """The worker has started, or is free."""
        with self._changed:
            self._starting.discard(id(worker))
            self._changed.notify_all()

    def _may_go_on(self, key: str, *, waited: float) -> bool:
        with self._runtime._lock:  # noqa: SLF001
            pool = list(self._runtime._workers.get(key, ()))  # noqa: SLF001
        if any(not worker.in_use for worker in pool):
            return True
        return len(self._starting) < _CORES and (len(pool) < _CORES or waited >= _PATIENCE)


def keep_answers_apart() -> None:
    """Workers answer over their standard output, which their child processes inherit: give the
    answers descriptors of their own.
    """
    runtime = ministack("core.lambda_runtime")
    runtime._PYTHON_WORKER_SCRIPT = _OWN_DESCRIPTORS + runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
    # The lines of one that prints much would come with the next invocation's.
    runtime.Worker._drain_stderr_bounded = functools.partialmethod(  # noqa: SLF001
        runtime.Worker._drain_stderr_bounded,  # noqa: SLF001
        hard_cap=_LAST_LINES,
    )


def pace_workers(note: Callable[[], None]) -> None:
    """Have workers started in turn, and every invocation noted."""
    runtime, service = ministack("core.lambda_runtime"), ministack("services.lambda_svc")
    starts = Starts(runtime)
    forks = runtime.subprocess = Forks()
    watchdog = Watchdog()
    watchdog.start()
    spawn, invoke = runtime.Worker._spawn, runtime.Worker.invoke  # noqa: SLF001
    release = runtime.release_worker

    def spawn_and_tell(worker: Any) -> None:  # noqa: ANN401
        try:
            with forks.starting(worker), watchdog.watching(worker, starting=True):
                spawn(worker)
        finally:
            starts.tell(worker)

    def invoke_and_note(worker: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401
        try:
            with watchdog.watching(worker):
                return invoke(worker, *args, **named)
        finally:
            note()

    def release_and_tell(worker: Any) -> None:  # noqa: ANN401
        release(worker)
        starts.tell(worker)

    runtime.Worker._spawn, runtime.Worker.invoke = spawn_and_tell, invoke_and_note  # noqa: SLF001
    service.acquire_worker, service.release_worker = starts.acquire, release_and_tell
