"""The time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from duckstring.model.instants import Instant


class SystemClock:
    """``ports.Clock``."""

    def now(self) -> Instant:
        """This instant, UTC."""
        return datetime.now(UTC)

    def wait(self, duration: timedelta) -> None:
        """Sleep."""
        time.sleep(duration.total_seconds())
