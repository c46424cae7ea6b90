"""What an invocation uses of the machine: time, and peak memory."""

from __future__ import annotations

import resource
import time
from contextlib import suppress
from pathlib import Path

from duckstring.model.attempts import Usage

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_KIB = 1024


class Meter:
    """Measures from its creation on.

    A warm worker's peak is reset at the start. If the system does not allow that, the peak is that
    of the process's whole life: too much rather than too little. The attempt's process reports its
    own peak when it is over (``add``).
    """

    def __init__(self) -> None:
        """Begin."""
        self._begun = time.monotonic()
        self._attempt_kib = 0
        with suppress(OSError):
            _RESET.write_text("5", encoding="ascii")

    def add(self, peak_kib: int) -> None:
        """Add the peak memory of the attempt's process, which is over."""
        self._attempt_kib = peak_kib

    def usage(self) -> Usage:
        """The usage until now."""
        peak = _peak_kib() + self._attempt_kib
        return Usage(round(time.monotonic() - self._begun, 3), -(-peak // _KIB))


def _peak_kib() -> int:
    with suppress(OSError, StopIteration, ValueError):
        line = next(
            line
            for line in _STATUS.read_text(encoding="ascii").splitlines()
            if line.startswith("VmHWM:")
        )
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
