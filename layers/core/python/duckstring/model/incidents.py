"""What has been told of a line's troubles, so that each is told once."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from duckstring.model.events import Trouble
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.values import Value


class Incident(Value, frozen=True):
    """One trouble of a line. ``by``: the event that made the last page; ``at``: when. ``sent``: it
    went out. ``over``: that page says that the trouble is over.
    """

    since: Instant
    by: str
    at: Instant
    sent: bool = False
    over: bool = False


class Told(Value, frozen=True):
    """What is told of a line. ``version`` grows with each change; 0: nothing ever was."""

    line: Line
    version: int = 0
    incidents: Mapping[Trouble, Incident] = field(default_factory=dict)
