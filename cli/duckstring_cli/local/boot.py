"""Since when this machine runs: process numbers from before mean nothing. Standard library only:
part of the server, too.
"""

from __future__ import annotations

from pathlib import Path

_LINUX = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The same until the machine starts anew; empty where it does not tell."""
    try:
        return _LINUX.read_text(encoding="ascii").strip()
    except OSError:
        return ""
