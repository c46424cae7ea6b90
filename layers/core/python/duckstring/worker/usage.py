"""What an invocation uses of the machine (time, and peak memory) and of AWS."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from duckstring.model.attempts import Site, Usage
from duckstring.model.compute import size_for
from duckstring.model.costs import (
    INVOCATION_LOG_BYTES,
    NOTHING,
    Kind,
    Used,
    function_used,
    kind_of_request,
    minus,
    plus,
    task_used,
)

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_STAT, _UPTIME = Path("/proc/self/stat"), Path("/proc/uptime")
_KIB = 1024
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
_MOST_REQUESTS = 10_000_000

ROW_WRITTEN: Used = {"dynamodb_requests": 1, "dynamodb_write_units": 2}
"""The write of an attempt's end, which tells of itself before it is made."""
LETTER_SENT: Used = {"sqs_fifo_requests": 1}


def _nothing() -> Used:
    return NOTHING


@dataclass(slots=True)
class Books:
    """What this process has used of AWS, and what of it no attempt's row says yet.

    What comes after a row was written (the letter, the last lines of the log, the end of the
    invocation) is told with the next attempt of the process.

    Args:
        counted: the requests and log bytes of this process so far.
        is_arm: its processor.
        scratch_mib: the function's ephemeral storage.
        start_seconds: how long the process took to start, which is billed.
    """

    counted: Callable[[], Used] = _nothing
    is_arm: bool = False
    scratch_mib: int = 0
    start_seconds: float = 0.0
    told: Used = field(default_factory=dict)
    """Of ``counted``, what rows have."""
    owed: Used = field(default_factory=dict)
    """Of earlier attempts, beside what was counted."""


class Meter:
    """Measures from its creation on.

    A warm worker's peak is reset at the start. If the system does not allow that, the peak is that
    of the process's whole life: too much rather than too little. The attempt's process reports its
    own peak when it is over (``add``).
    """

    def __init__(self, books: Books | None = None, site: Site | None = None) -> None:
        """Begin. ``books`` are the process's; ``site``: where it runs."""
        self._begun = time.monotonic()
        self._books, self._site = books or Books(), site or Site()
        self._start, self._books.start_seconds = self._books.start_seconds, 0.0
        self._reported: Used = NOTHING
        self._of_attempt: Used = NOTHING
        self._attempt_kib = 0
        with suppress(OSError):
            _RESET.write_text("5", encoding="ascii")

    def add(self, peak_kib: int, sent: Mapping[str, object] | None = None) -> None:
        """Add what the attempt's process used, which is over: its peak memory, and the requests
        that it says (``sent``) its database has made of S3.
        """
        self._attempt_kib = peak_kib
        self._of_attempt = _requests(sent.get("requests") if sent else None)

    def usage(self) -> Usage:
        """The usage until now."""
        peak = _peak_kib() + self._attempt_kib
        return Usage(round(time.monotonic() - self._begun, 3), -(-peak // _KIB))

    def report(self, *coming: Used) -> Used:
        """What was used until now, for the attempt's row. ``coming``: requests that are about to be
        made, and are told of already.
        """
        self._reported = plus(self._used(), *coming)
        return self._reported

    def close(self) -> None:
        """The invocation ends. What no row says is owed to the next attempt."""
        books, used = self._books, self._used()
        books.owed = minus(used, self._reported)
        books.told = books.counted()

    def _used(self) -> Used:
        books = self._books
        counted = minus(books.counted(), books.told)
        return plus(books.owed, counted, self._of_attempt, self._machine())

    def _machine(self) -> Used:
        site, is_arm = self._site, self._books.is_arm
        seconds = time.monotonic() - self._begun + self._start
        if site.where == "task":
            size = size_for(site.memory_mib)
            return task_used(seconds, size.memory_mib, size.cpu_units, arm=is_arm)
        scratch = self._books.scratch_mib
        used = function_used(seconds, site.memory_mib, arm=is_arm, scratch_mib=scratch)
        return plus(used, {"log_bytes": INVOCATION_LOG_BYTES})


def process_age() -> float:
    """Seconds since this process was started. 0: the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        ticks = int(_STAT.read_text(encoding="ascii").rpartition(")")[2].split()[19])
        up = float(_UPTIME.read_text(encoding="ascii").split()[0])
        return max(0.0, up - ticks / os.sysconf("SC_CLK_TCK"))
    return 0.0


def _requests(sent: object) -> Used:
    """Requests of S3 by HTTP method, as an attempt's process sends them: foreign input."""
    counts: dict[Kind, float] = {}
    for method in _METHODS:
        number = sent.get(method) if isinstance(sent, dict) else None
        if type(number) is int and number > 0:
            kind = kind_of_request("s3", method)
            counts[kind] = counts.get(kind, 0) + min(number, _MOST_REQUESTS)
    return counts


def _peak_kib() -> int:
    with suppress(OSError, StopIteration, ValueError):
        line = next(
            line
            for line in _STATUS.read_text(encoding="ascii").splitlines()
            if line.startswith("VmHWM:")
        )
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
