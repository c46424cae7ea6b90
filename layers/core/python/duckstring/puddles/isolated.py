"""Calls a function in a process of its own: what an author's modules do to it ends with it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TypeVar

from duckstring.puddles.errors import CodeFailedError
from duckstring.worker.inherited import keep_inherited

Value = TypeVar("Value")

_CHUNK = 1_048_576


def isolated(make: Callable[[], Value], what: str) -> Value:
    """What ``make`` returns, which must be picklable. What it prints goes to standard error.

    Args:
        make: it raises nothing.
        what: is imported, for the error: ``src/pond.py``.

    Raises:
        CodeFailedError: the process ended before it had returned.
    """
    sys.stdout.flush()
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        # The warning is about threads that the child lacks; the child needs none.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        keep_inherited()
        os.close(ours)
        _answer(make, theirs)
    os.close(theirs)
    got = bytearray()
    try:
        while part := os.read(ours, _CHUNK):
            got += part
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(ours)
        _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) or not got:
        raise CodeFailedError(
            f"Importing {what} ended the process with {_how(status)}.",
            hint="At module level only declare.",
        )
    found: Value = pickle.loads(bytes(got))  # noqa: S301 - our own child's
    return found


def _answer(make: Callable[[], object], door: int) -> NoReturn:
    try:
        os.dup2(2, 1)
        body = pickle.dumps(make())
        sys.stdout.flush()
        with os.fdopen(door, "wb") as out:
            out.write(body)
        os._exit(0)
    finally:
        os._exit(1)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"
