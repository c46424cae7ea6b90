"""Why a line runs, or does not: causes as values. ``why.py`` finds them, and the api has the words.

A cause is of one line. It may lead to another line, whose own causes explain it.
"""

from __future__ import annotations

from typing import Literal

from duckstring.engine.state import Down
from duckstring.model.failures import Failure
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.said import Hold
from duckstring.model.values import Tagged, Value
from duckstring.model.windows import Occurrence


class NotDeployed(Tagged, frozen=True):
    """The line is not deployed."""


class NotReceived(Tagged, frozen=True):
    """The line was deployed, and has not received that yet."""

    deployed: Instant


class NotKept(Tagged, frozen=True):
    """What the line was like at the moment that is explained is not kept."""


class Killed(Tagged, frozen=True):
    """An operator stopped the line."""


class Failed(Tagged, frozen=True):
    """The last run of the line failed. ``run``: its number (0: not known). ``failures``: in a row.
    ``tries``: how many are left.
    """

    run: int
    failure: Failure | None
    failures: int
    tries: int


class RetryAt(Tagged, frozen=True):
    """The line failed, and is tried again at ``at``. ``asks``: it asks its Sources then, for
    something newer to try with.
    """

    at: Instant
    asks: bool


class Held(Tagged, frozen=True):
    """New runs are held in the whole Catchment, as the line has heard: maintenance."""

    hold: Hold


class Asleep(Tagged, frozen=True):
    """The line was put to sleep, and nobody has wanted it since."""


class Blocked(Tagged, frozen=True):
    """A required Source is down, as the line has heard."""

    source: Line
    down: Down


class NotAsked(Tagged, frozen=True):
    """Nobody asks for newer output than the line has."""


class TideDue(Tagged, frozen=True):
    """The line's Tide asks at ``at``. Before that the output is fresh enough."""

    at: Instant


class Short(Tagged, frozen=True):
    """A Source has no newer output than ``has``. ``needs``: it must have at least this (None: any
    that is newer than what the line has started with). ``asked``: the line has asked the Source.
    """

    source: Line
    has: Instant
    needs: Instant | None
    asked: bool


class Lags(Tagged, frozen=True):
    """The output of this Source was read already, and another Source has news. The run waits for
    this one, too.
    """

    source: Line
    has: Instant


class WindowClosed(Tagged, frozen=True):
    """No Window of the line is open, or what is open was used. ``opening``: the next that can be
    used (None: there is none). ``used``: a Window is open, and the line ran for it.
    """

    opening: Occurrence | None
    used: bool


class DeployWaits(Tagged, frozen=True):
    """A version waits for runs in flight, and what is asked for waits with it."""

    version: str
    runs: tuple[int, ...]


class ForceWaits(Tagged, frozen=True):
    """A forced run waits for runs in flight."""

    runs: tuple[int, ...]


class RunFirst(Tagged, frozen=True):
    """What is asked for waits until runs in flight are over, or their first Ripple is done."""

    runs: tuple[int, ...]


class Busy(Tagged, frozen=True):
    """The line that is waited for runs. ``f``: the freshness of its newest run, begun at
    ``since``.
    """

    run: int
    f: Instant
    since: Instant


class Holder(Value, frozen=True):
    """A Ripple in a run that has a token since ``since``."""

    line: Line
    run: int
    ripple: str
    since: Instant


class WaitsForToken(Tagged, frozen=True):
    """A Ripple of a run in flight waits since ``since`` for a token of ``limit``.

    ``tokens``: how many there are; None: the limit has not answered yet. ``holders``: who has them,
    the one that has had it longest first. ``ahead``: how many others get one before it.
    """

    limit: str
    ripple: str
    run: int
    since: Instant
    tokens: int | None
    holders: tuple[Holder, ...] = ()
    ahead: int = 0


class Due(Tagged, frozen=True):
    """Nothing is in the way: the line starts a run, or its Tide asks, with its next letter."""


Cause = (
    NotDeployed
    | NotReceived
    | NotKept
    | Killed
    | Failed
    | RetryAt
    | Held
    | Asleep
    | Blocked
    | NotAsked
    | TideDue
    | Short
    | Lags
    | WindowClosed
    | DeployWaits
    | ForceWaits
    | RunFirst
    | Busy
    | WaitsForToken
    | Due
)

WantedBy = Literal["force", "wake", "retry", "tap", "wave", "tide", "pulse", "unknown"]


class Origin(Value, frozen=True):
    """Where a demand began. ``line``: whose; ``at``: when it was asked, if that is known.

    ``via``: the lines by way of which it came, from the one that runs. ``sure``: otherwise a line
    below may have asked, and has forgotten it. ``unknown``: the line asked, or was asked, and no
    line remembers for whom. ``pulse``: or a Tide that the line had then. ``also``: it did not begin
    for it (a Tap that it answers was made later), or perhaps for it, too (``unknown``).
    """

    kind: WantedBy
    line: Line
    at: Instant | None = None
    via: tuple[Line, ...] = ()
    sure: bool = True
    also: bool = False


class LineCauses(Value, frozen=True):
    """A line, and why it starts no run (or runs already)."""

    line: Line
    causes: tuple[Cause, ...]


def leads_to(cause: Cause) -> Line | None:
    """The line whose own causes explain this one. None: this is a root cause."""
    return cause.source if isinstance(cause, Blocked | Short | Lags) else None
