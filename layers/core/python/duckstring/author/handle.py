"""What a Pond's handle works with: the attempt's surroundings, its DuckDB, and what it has done so
far.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from duckstring.author.changing import Changes
from duckstring.author.errors import RunKilledError, WriteError
from duckstring.author.lake import Lake, Storage
from duckstring.author.memory import Memo, Memory
from duckstring.author.naming import TableRef, named_in
from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import check_name
from duckstring.model.catalog import Position, TableVersion

if TYPE_CHECKING:
    from duckstring.author.arriving import Arrived, Backlog
    from duckstring.author.delta import Plan
    from duckstring.author.pausing import Paused

MOST_TABLES = 300
"""Of one Pond: a line's state names the published ones and those of each run in flight, in one
item of 400 KB.
"""


class Handle:
    """The part of the handle that authors do not see."""

    def __init__(
        self,
        around: Surroundings,
        *,
        storage: Storage,
        memory: Memory,
        log: logging.Logger,
        backlog: Backlog | None = None,
    ) -> None:
        """Made by the worker, for one attempt. ``backlog``: what has arrived; None: nothing."""
        self._around = around
        self._lake = Lake(storage)
        self._changes = Changes(self._lake)
        self._memo = Memo(memory)
        self._own = dict(around.own)
        self._written: dict[str, TableVersion] = {}
        self._objects: dict[str, int] = {}
        self._locations: dict[str, str] = {}
        self._appended: set[str] = set()
        self._unchanged: set[str] = set()
        self._deltas: dict[str, Plan] = {}
        self._taken: dict[str, Position] = {}
        self._kept: set[str] = set()
        self._dropped: set[str] = set()
        self._read: set[str] = set()
        self._bare: dict[str, set[str]] = {}
        self._read_own: set[str] = set()
        self._read_whole: set[str] = set()
        self.reads: tuple[str, ...] | None = None
        self.may_have_read: tuple[str, ...] | None = ()
        self._skipped = False
        self._shown = self._has_sql = False
        self._paused: Paused | None = None
        self._backlog = backlog
        self._arrived: list[Arrived] = []
        self.log = log

    def _visible(self) -> dict[TableRef, TableVersion]:
        own: dict[TableRef, TableVersion] = {
            ("main", table): version for table, version in self._own.items()
        }
        for name, source in self._around.sources.items():
            own |= {
                (name, table): version
                for table, version in (source.tables or {}).items()
                if name != "main"
            }
        return own

    def _show_names_in(self, data: object) -> None:
        """SQL given as text may read any table, as it may in ``con.sql``: those that it names
        are shown.
        """
        if isinstance(data, str) and not self._shown:
            self._has_sql = True
            visible = self._visible()
            self._lake.show({ref: visible[ref] for ref in named_in(data, visible)})

    def _unused_key(self, name: str) -> str:
        """A key for a table: an earlier try of this attempt may have left an object under the first
        one, of which DuckDB remembers what it has seen.
        """
        if name in self._objects:
            return self._next_key(name)
        self._objects[name] = 0
        return self._around.key_of(name)

    def _next_key(self, name: str) -> str:
        """A key that nobody has used."""
        self._objects[name] = self._objects.get(name, 0) + 1
        return self._around.key_of(name, self._objects[name])

    def _check_alive(self, what: str) -> None:
        if self._around.killed:
            raise RunKilledError(what)

    def _check_write(self, name: str, *, again: bool = False) -> None:
        if "." in name:
            hint = f"Write {name.rpartition('.')[2]!r}."
            raise WriteError(
                f"{name!r} is a Source's table; a Pond writes its own tables only.", hint=hint
            )
        check_name(name)
        if name not in self._own and len(self._own) >= MOST_TABLES:
            raise WriteError(
                f"Table {name!r} would be one of more than {MOST_TABLES}.",
                hint="Divide the Pond, or write fewer, larger tables.",
            )
        if name in self._written and not again:
            raise WriteError(
                f"Table {name!r} was written by this Ripple already.",
                hint="Write it once, from one relation.",
            )
        if self._skipped:
            raise WriteError(
                f"Table {name!r} after pond.skip().",
                hint="Skip only where nothing is to be written.",
            )
        gone = self._around.dropped.get(name)
        if name in self._dropped or (gone and gone.snapshot == self._around.run):
            raise WriteError(
                f"Table {name!r} was dropped in this run already.",
                hint="Write it, or drop it: not both in one run.",
            )

    def _take_over(self, written: TableVersion) -> None:
        name = written.table
        self._written[name] = self._own[name] = written
        if self._shown:  # else it is once it is asked for
            self._lake.show({("main", name): written})
        self.log.info(
            "table written", extra={"table": name, "rows": written.rows, "bytes": written.bytes}
        )
