"""Workers of functions are started in turn, mostly forked, and watched; nothing gets between them
and their answers.

Emulator: each invocation that finds no free worker starts one at once, as a new interpreter. A
worker answers over its standard output, which its children inherit. The emulator waits for an
answer for as long as the function may run, and for a start for ever.
AWS: workers are started on other machines; what a function prints goes to its log; a sandbox that
dies or hangs is ended, and the caller gets an error.
For us: a burst of Ripples would start dozens of interpreters on two cores; a child that prints
would answer for its worker; a worker that was stopped would hold up everybody behind it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from duckstring_cli.local.forking import Forks
from duckstring_cli.local.patches.declared import Foreign, Names
from duckstring_cli.local.watchdog import Watchdog
from duckstring_cli.local.workers import Starts

NAMES = Names()

_RUNTIME = "core.lambda_runtime"
_SCRIPT = NAMES.value(_RUNTIME, "_PYTHON_WORKER_SCRIPT", "str")
_DRAIN = NAMES.replaced(
    _RUNTIME, "Worker._drain_stderr_bounded", "self first_line_wait idle_confirm hard_cap"
)
_SUBPROCESS = NAMES.value(_RUNTIME, "subprocess", "module")
NAMES.mentioned(_RUNTIME, "Worker._spawn", "Popen")
SPAWN = NAMES.replaced(_RUNTIME, "Worker._spawn", "self")
INVOKE = NAMES.replaced(
    _RUNTIME,
    "Worker.invoke",
    "self event request_id trace_id depth durable invoked_function_arn",
)
_PROCESS = NAMES.attribute(_RUNTIME, "Worker._proc")
_IN_USE = NAMES.attribute(_RUNTIME, "Worker.in_use")
for _used_by_forks in ("func_name", "config", "code_zip"):
    NAMES.attribute(_RUNTIME, f"Worker.{_used_by_forks}")
_LOCK = NAMES.value(_RUNTIME, "_lock", "lock")
_POOLS = NAMES.value(_RUNTIME, "_workers", "dict")
_KEY = NAMES.called(_RUNTIME, "_worker_key", "func_name config qualifier")
_ACQUIRE_HERE = NAMES.called(
    _RUNTIME, "acquire_worker", "func_name config code_zip", named="qualifier max_concurrency"
)
_ENSURE_SPAWNED = NAMES.called(_RUNTIME, "ensure_spawned", "worker")
_RELEASE_HERE = NAMES.called(_RUNTIME, "release_worker", "worker")
_ACQUIRE = NAMES.replaced(
    "services.lambda_svc", "acquire_worker", "func_name config code_zip qualifier max_concurrency"
)
_RELEASE = NAMES.replaced("services.lambda_svc", "release_worker", "worker")
_FUNCTIONS = NAMES.value("services.lambda_svc", "_functions", "AccountRegionScopedDict")
_DATA = NAMES.attribute("core.responses", "AccountRegionScopedDict._data")

_LAST_LINES = 10.0
"""Seconds for what a worker printed to be read; a pause of some milliseconds in it is its end."""

_OWN_DESCRIPTORS = """
import os, sys
sys.stdin = os.fdopen(os.dup(0), "r", encoding="utf-8")
sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)
"""

_WANTED_SOON = (
    "functions.orchestrator.",
    "functions.ripple.",
    "functions.vendor.",
    "functions.api.",
    "functions.discovery.",
)


def keep_answers_apart() -> None:
    """Workers answer over their standard output, which their child processes inherit: give the
    answers descriptors of their own.
    """
    _SCRIPT.replace(_OWN_DESCRIPTORS + _SCRIPT.read())
    # The lines of one that prints much would come with the next invocation's.
    _DRAIN.replace(functools.partialmethod(_DRAIN.read(), hard_cap=_LAST_LINES))


def pace_workers(note: Callable[[], None]) -> None:
    """Have workers started in turn, and every invocation noted."""
    starts = Starts(_ACQUIRE_HERE.read(), _pool_of)
    forks = Forks()
    _SUBPROCESS.replace(forks)
    watchdog = Watchdog(_PROCESS.of)
    watchdog.start()
    spawn, invoke, release = SPAWN.read(), INVOKE.read(), _RELEASE_HERE.read()

    def spawn_and_note(worker: Foreign) -> None:
        try:
            with forks.starting(worker), watchdog.watching(worker, starting=True):
                spawn(worker)
        finally:
            starts.note_free(worker)

    def invoke_and_note(worker: Foreign, *args: Foreign, **named: Foreign) -> Foreign:
        try:
            with watchdog.watching(worker):
                return invoke(worker, *args, **named)
        finally:
            note()

    def release_and_note(worker: Foreign) -> None:
        release(worker)
        starts.note_free(worker)

    SPAWN.replace(spawn_and_note)
    INVOKE.replace(invoke_and_note)
    _ACQUIRE.replace(starts.acquire)
    _RELEASE.replace(release_and_note)


def warm_up() -> None:
    """Start what the first trigger needs, before it comes. The latest deployment's workers;
    those there are, stay.
    """
    for record in functions():
        config = record["config"]
        if str(config.get("Handler", "")).startswith(_WANTED_SOON):
            worker, _ = _ACQUIRE_HERE.read()(config["FunctionName"], config, record["code_zip"])
            try:
                _ENSURE_SPAWNED.read()(worker)
            finally:
                _RELEASE_HERE.read()(worker)


def functions() -> list[Any]:
    """The emulator's record of each function: ``config`` and ``code_zip``."""
    return list(_DATA.of(_FUNCTIONS.read()).values())


def _pool_of(name: str, config: Foreign, qualifier: str) -> Callable[[], Sequence[bool]]:
    """Asked again and again: of each worker of that function, whether it is free."""
    key = _KEY.read()(name, config, qualifier)

    def are_free() -> Sequence[bool]:
        with _LOCK.read():
            pool = list(_POOLS.read().get(key, ()))
        return [not _IN_USE.of(worker) for worker in pool]

    return are_free
