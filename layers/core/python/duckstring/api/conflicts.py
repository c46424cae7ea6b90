"""Changes of the catalog that lose a race against another change are checked and tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from duckstring.errors import StateConflictError
from duckstring.ports import Clock

Result = TypeVar("Result")

_TRIES = 20
_WAIT = timedelta(milliseconds=25)


def retry_conflicts(change: Callable[[], Result], clock: Clock) -> Result:
    """Call ``change`` until it wins, 20 times at most.

    ``change`` must read everything that it checks at each call, and change nothing before its
    conditional write. One of several rivals wins each race, so independent changes all succeed.

    Raises:
        StateConflictError: it lost every time.
    """
    for lost in range(1, _TRIES):
        try:
            return change()
        except StateConflictError:
            clock.wait(_WAIT * min(lost, 8))
    return change()
