"""How long a Ripple that waits for something outside pauses between two checks.

Each check is an invocation, and a turn of its run's state machine, whose history may have 25,000
events.
"""

from __future__ import annotations

_FIRST_SECONDS, _MOST_SECONDS = 15, 300
_GROWTH = 1.5
_GROWN_AFTER = 8
"""Pauses; more would only make large powers of what is at its most already."""

MOST_RIPPLES = 300
"""Of a Pond: with some twenty events of its own and the fewest pauses that each is given, more
would not fit into a history.
"""
_EVENTS = 18_000
"""Of a run's history that pauses may fill; the rest is for its Ripples' own ways, retries and
gates.
"""
_TURN_EVENTS = 11
_LAST_LOOK = 30
"""Seconds before its deadline, where a pause would reach beyond it."""


def grown(pauses: int) -> int:
    """The seconds of a pause whose length was left to us, after so many: 15 s at first, 5 min
    from the ninth on.
    """
    return min(round(_FIRST_SECONDS * _GROWTH ** min(pauses, _GROWN_AFTER)), _MOST_SECONDS)


def turns(ripples: int) -> int:
    """How many pauses each Ripple of a run with so many may make, besides the one before its
    deadline.
    """
    return max(_EVENTS // (_TURN_EVENTS * max(ripples, 1)) - 1, 1)


def spaced(asked: int, *, pauses: int, ripples: int, left: float) -> int:
    """The seconds to rest: as asked for, but never so often that the run's history fills before the
    deadline.

    The first half of a Ripple's turns are as asked. From there on a pause takes its part of the
    time that is left, twice what an even share were: then even a later attempt in the same run
    finds turns.

    Args:
        asked: whole seconds, at least 1.
        pauses: how many this Ripple's branch has made in this run.
        ripples: how many the run has.
        left: seconds to the attempt's deadline, over 0.
    """
    most = turns(ripples)
    spare = most - pauses
    if 2 * spare > most:
        wanted = float(asked)
    elif spare > 0:
        wanted = max(asked, 2 * left / spare)
    else:
        wanted = left
    if wanted < left:
        return max(round(wanted), 1)
    return max(round(left - _LAST_LOOK if left > 2 * _LAST_LOOK and spare > 0 else left), 1)
