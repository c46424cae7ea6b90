"""What a function has used that answers somebody else's request, and tells it with its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from duckstring.model.costs import INVOCATION_LOG_BYTES, Used, function_used, minus, plus


@dataclass(slots=True)
class Spending:
    """What this process has used, of which each answer tells what none before it has told.

    Args:
        counted: the requests and log bytes of the process so far.
        memory_mib: the function's.
        is_arm: its processor.
        start_seconds: how long the process took to start, which is billed.
    """

    counted: Callable[[], Used]
    memory_mib: int = 0
    is_arm: bool = False
    start_seconds: float = 0.0
    _told: Used = field(default_factory=dict)
    _begun: float = 0.0

    def begin(self) -> None:
        """An invocation begins."""
        self._begun = time.monotonic()

    def tell(self) -> Used:
        """What was used until now, and not told yet."""
        seconds = time.monotonic() - self._begun + self.start_seconds
        self.start_seconds = 0.0
        used = function_used(seconds, self.memory_mib, arm=self.is_arm)
        counted = self.counted()
        more = plus(used, {"log_bytes": INVOCATION_LOG_BYTES}, minus(counted, self._told))
        self._told = counted
        return more
