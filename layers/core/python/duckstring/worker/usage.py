"""What an invocation takes of the machine: time, and memory at its most."""

from __future__ import annotations

import resource
import time
from contextlib import suppress
from pathlib import Path

from duckstring.model.attempts import Usage

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_KIB = 1024


class Meter:
    """Measures from when it is made.

    A warm worker's peak is reset at the start. Where the system does not let us it is that of the
    process's whole life: too much rather than too little. The attempt's process tells its own when
    it is over (``add``).
    """

    def __init__(self) -> None:
        """Begin."""
        self._begun = time.monotonic()
        self._attempt_kib = 0
        with suppress(OSError):
            _RESET.write_text("5", encoding="ascii")

    def add(self, peak_kib: int) -> None:
        """The attempt's process is over, and had so much memory at its most."""
        self._attempt_kib = peak_kib

    def usage(self) -> Usage:
        """Until now."""
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
