"""The time."""

from __future__ import annotations

from datetime import UTC, datetime

from duckstring.model.instants import Instant


class SystemClock:
    """``ports.Clock``."""

    def now(self) -> Instant:
        """This instant, UTC."""
        return datetime.now(UTC)
