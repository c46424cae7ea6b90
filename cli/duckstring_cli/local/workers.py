"""When workers of functions are started: some at a time. ``patches/workers.py`` has the emulator
ask here.

Standard library only: part of the server.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from duckstring_cli.local.patches.declared import Foreign

_PATIENCE = 0.15
_CORES = os.cpu_count() or 2


class Starts:
    """Who may start another worker: as many at a time as there are cores, and rather than start
    one, wait a moment for a warm one.
    """

    def __init__(
        self,
        acquire: Callable[..., Any],
        pool_of: Callable[[str, Any, str], Callable[[], Sequence[bool]]],
    ) -> None:
        """Take one by ``acquire``; ``pool_of`` a function tells of each worker whether it is
        free.
        """
        self._acquire, self._pool_of = acquire, pool_of
        self._changed = threading.Condition()
        self._starting: set[int] = set()

    def acquire(
        self,
        name: str,
        config: Foreign,
        code: bytes,
        qualifier: str = "$LATEST",
        **named: Foreign,
    ) -> Foreign:
        """A free worker, or a new one when its turn comes."""
        pool = self._pool_of(name, config, qualifier)
        since = time.monotonic()
        with self._changed:
            while not self._may_go_on(pool(), waited=time.monotonic() - since):
                self._changed.wait(_PATIENCE)
            worker, how = self._acquire(name, config, code, qualifier=qualifier, **named)
            if how == "spawn":
                self._starting.add(id(worker))
            return worker, how

    def note_free(self, worker: Foreign) -> None:
        """The worker has started, or is free."""
        with self._changed:
            self._starting.discard(id(worker))
            self._changed.notify_all()

    def _may_go_on(self, pool: Sequence[bool], *, waited: float) -> bool:
        if any(pool):
            return True
        return len(self._starting) < _CORES and (len(pool) < _CORES or waited >= _PATIENCE)
