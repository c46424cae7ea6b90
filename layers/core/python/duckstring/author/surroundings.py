"""What a Ripple's attempt may see, and the keys that it writes under."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from duckstring.author.tables import SourceTables
from duckstring.model.catalog import DroppedTable, Position, TableVersion
from duckstring.model.instants import Instant
from duckstring.model.names import Line, parse_table_key, table_key

_LONGEST_NUMBER = 10


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a Ripple attempt may see. ``own`` are the tables visible to the run, ``published`` those
    that readers see.

    ``dropped`` are own tables that were there once, ``written`` those that other Ripples of this
    run have written. ``positions``: how far the Ripple has taken tables of Sources, by
    ``source.table``.

    ``checks``: it is the Ripple that makes the checks. ``is_checked``: they were made of exactly
    these tables before. ``pauses`` counts those of this attempt. ``killed``: the run is over, and
    its function ``on_kill`` is called. ``ends``: when the code that is called must have returned.
    ``retry_on``: the names of the errors after which the Ripple is tried again; empty: all.
    ``takes_arrivals``: its line has no Sources, so objects may arrive for it.
    """

    name: str
    line: Line
    version: str
    run: int
    ripple: str
    attempt: int
    invocation: str
    run_key: str
    f: Instant
    previous_f: Instant
    ends: Instant
    pauses: int = 0
    killed: bool = False
    own: Mapping[str, TableVersion] = field(default_factory=dict)
    published: Mapping[str, TableVersion] = field(default_factory=dict)
    dropped: Mapping[str, DroppedTable] = field(default_factory=dict)
    written: frozenset[str] = frozenset()
    sources: Mapping[str, SourceTables] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    checks: bool = False
    is_checked: bool = False
    retry_on: tuple[str, ...] = ()
    takes_arrivals: bool = False

    def key_of(self, table: str, part: int = 0) -> str:
        """The key under which this attempt writes a table, or its ``part``-th object."""
        return table_key(
            self.line,
            table,
            run=self.run,
            ripple=self.ripple,
            attempt=self.attempt,
            invocation=f"{self.invocation}p{part}" if part else self.invocation,
        )

    def is_own(self, key: str) -> bool:
        """Whether only this attempt can have written the object."""
        written = parse_table_key(key)
        return written is not None and key in {
            self.key_of(written.table, part) for part in (0, *_number(written.invocation))
        }

    def may_adopt(self, key: str) -> bool:
        """Whether another engine has written the object for this Ripple in this run: into a
        location of this attempt, or of one before it.
        """
        written = parse_table_key(key)
        return (
            written is not None
            and bool(written.path)
            and (written.line, written.run, written.ripple) == (self.line, self.run, self.ripple)
            and written.attempt <= self.attempt
        )


def _number(invocation: str) -> Iterator[int]:
    """The number of a part, which stands at the end of an invocation."""
    _, _, number = invocation.rpartition("p")
    if number.isascii() and number.isdecimal() and len(number) < _LONGEST_NUMBER:
        yield int(number)
