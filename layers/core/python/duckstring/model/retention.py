"""How many snapshots of a line are kept. Rules: docs/operate.md, "Snapshots"."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from duckstring.model.durations import UNITS, seconds_of
from duckstring.model.instants import Instant
from duckstring.model.values import Value

Reason = Literal["published", "last", "young"]
"""Why a snapshot is kept, pins apart: it is published (or newer), is one of the last few, or is
young.
"""

MOST_SNAPSHOTS, MOST_DAYS = 1_000, 3_650
SNAPSHOTS_RULE = f"a whole number from 1 to {MOST_SNAPSHOTS}"
DAYS_RULE = f'whole days from "1d" to "{MOST_DAYS}d"'
"""What is allowed. The sweep deletes nothing that is younger than a day."""


def days_of(text: str | None) -> int | None:
    """``days_of("30d") == 30``. None: it is no text of whole days, or one that is not allowed."""
    days, rest = divmod(seconds_of(text) or 0, UNITS["d"])
    return days if not rest and 1 <= days <= MOST_DAYS else None


class Retention(Value, frozen=True):
    """Kept are the last ``snapshots``, however old, and all whose freshness is younger than
    ``days``. None: nothing is said about it.
    """

    snapshots: int | None = None
    days: int | None = None

    def within(self, whole: Retention) -> Retention:
        """As a Pond says it, and for what it does not say, as its Catchment does."""
        return Retention(
            whole.snapshots if self.snapshots is None else self.snapshots,
            whole.days if self.days is None else self.days,
        )

    def reasons(
        self, number: int, f: Instant, *, published: int, last: int, now: Instant
    ) -> tuple[Reason, ...]:
        """Why a snapshot is kept; nothing: for no reason of these.

        Args:
            number: of the snapshot.
            f: its freshness.
            published: the number of the line's newest.
            last: the smallest number of the last ``snapshots``.
            now: this instant.
        """
        found: dict[Reason, bool] = {
            "published": number >= published,
            "last": number >= last,
            "young": now - f < timedelta(days=self.days or 0),
        }
        return tuple(reason for reason, holds in found.items() if holds)


KEPT = Retention(3, 1)
"""Where neither the Pond nor its Catchment says anything."""
