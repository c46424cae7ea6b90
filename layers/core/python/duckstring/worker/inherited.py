"""What a forked process has from its parent."""

from __future__ import annotations

import gc
import sys

_kept: list[object] = []


def keep_inherited() -> None:
    """Call this first in a forked process: from then on, it never frees an object of its parent's.

    Some of them cannot be freed here. An open DuckDB waits for its threads when it is freed, and
    only the parent has those: the process would crash. Such an object may be garbage already, or a
    global of a module that is replaced later.
    """
    gc.freeze()
    _kept.extend(sys.modules.values())
