"""Whether a process was killed for its memory: a killed process cannot say so, and SIGKILL has
other causes.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

FILES = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
    Path("/proc/vmstat"),
)
"""Where the kernel counts what it has killed in this container: the unified hierarchy, the one
before it; and on this machine.
"""

_COUNT = "oom_kill"


def kernel_kills(files: Sequence[Path] = FILES) -> int | None:
    """How many processes of this container the kernel has killed for memory. None: not known."""
    for path in files:
        with suppress(OSError, ValueError):
            counts = dict(
                line.split(maxsplit=1)
                for line in path.read_text(encoding="ascii").splitlines()
                if line
            )
            if _COUNT in counts:
                return int(counts[_COUNT])
    return None


def peak_mib() -> float:
    """The most memory that any ended child of this process had."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
