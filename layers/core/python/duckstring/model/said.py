"""Who asked for something, when, and why: what is kept of a person's word.

Text in it comes from outside. ``bounded`` makes it safe to keep, wherever it came from.
"""

from __future__ import annotations

from duckstring.model.foreign import readable
from duckstring.model.instants import NEVER, Instant
from duckstring.model.limits import BY, NOTE, within
from duckstring.model.values import Value


class Said(Value, frozen=True):
    """``at``: the epoch of what was asked. ``by``: who asked, as ``arn:...``, ``user@host``, or the
    event that did; empty: not known. ``note``: why, in the words of who asked.
    """

    at: Instant = NEVER
    by: str = ""
    note: str = ""


NOBODY = Said()


class Hold(Value, frozen=True):
    """Whether new runs are held. Of two words the one with the newer ``at`` counts, so a repeated
    or late one changes nothing.
    """

    at: Instant = NEVER
    on: bool = False
    by: str = ""
    note: str = ""


NO_HOLD = Hold()


def bounded(said: Said) -> Said:
    """The same in one line each, as much as is kept, without what cannot be stored."""
    if not (said.by or said.note):
        return said
    return Said(said.at, one_line(said.by, BY), one_line(said.note, NOTE))


def one_line(text: str, most: int) -> str:
    """A text of others as one line of at most ``most`` bytes."""
    return within(" ".join(readable(text, most=most * 4).split()), most)
