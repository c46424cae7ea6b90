"""The Pond as a Ripple sees it: its freshness, its tables and its Sources' snapshots, and a
DuckDB to work with.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from duckstring.author.changing import Changes, Target
from duckstring.author.delta import Plan, plan
from duckstring.author.errors import (
    AmbiguousTableError,
    EnvironmentMissingError,
    NotPublishedError,
    RunKilledError,
    SourceNotFoundError,
    WriteError,
)
from duckstring.author.first import for_author
from duckstring.author.lake import BARE, ArrowStream, Lake, Storage
from duckstring.author.lookup import no_own, no_source_table, own_version, source_version
from duckstring.author.memory import Memo, Memory
from duckstring.author.naming import TableRef, named_in
from duckstring.author.pausing import Paused, asked
from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import (
    SourceTable,
    SourceTables,
    check_name,
    check_table,
    missing,
    source_table,
)
from duckstring.errors import TransientError
from duckstring.model.catalog import Position, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.instants import Instant
from duckstring.model.parts import MOST_PARTED, MOST_POSITIONS, position_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation


_MOST_TABLES = 300
"""Of one Pond: a line's state names the published ones and those of each run in flight, in one
item of 400 KB.
"""


class Pond:
    """The handle that a Ripple is given."""

    def __init__(
        self, around: Surroundings, *, storage: Storage, memory: Memory, log: logging.Logger
    ) -> None:
        """Made by the worker, for one attempt."""
        self._around = around
        self._lake = Lake(storage)
        self._changes = Changes(self._lake)
        self._memo = Memo(memory)
        self._own = dict(around.own)
        self._written: dict[str, TableVersion] = {}
        self._objects: dict[str, int] = {}
        self._appended: set[str] = set()
        self._unchanged: set[str] = set()
        self._deltas: dict[str, Plan] = {}
        self._taken: dict[str, Position] = {}
        self._kept: set[str] = set()
        self._dropped: set[str] = set()
        self._read: set[str] = set()
        self._bare: dict[str, set[str]] = {}
        self.reads: tuple[str, ...] | None = None
        self._skipped = False
        self._shown = self._has_sql = False
        self._paused: Paused | None = None
        self.log = log

    @property
    def name(self) -> str:
        """The Pond's name."""
        return self._around.name

    @property
    def version(self) -> str:
        """The version that runs."""
        return self._around.version

    @property
    def f(self) -> Instant:
        """The freshness of this run, UTC."""
        return self._around.f

    @property
    def previous_f(self) -> Instant:
        """The freshness that this Ripple's tables have now.

        If it never ran, the first instant of the year 1, so that every comparison holds. It can be
        looked back from, and moved to another zone: what would lie before it is the first instant
        itself.
        """
        return for_author(self._around.previous_f)

    @property
    def run_key(self) -> str:
        """What this try of the Ripple is called, for engines that start one run for one token.

        The same over lost workers, hand-overs and pauses, and another one for each retry after the
        Ripple itself failed: so a run is started once, and a failed one is not given back for ever.
        At most 64 characters of ``a-z0-9-``.
        """
        return self._around.run_key

    @property
    def ends(self) -> Instant:
        """When this call is ended if it has not returned, UTC: by the Ripple's timeout, the
        function's time, or ``on_kill``'s.
        """
        return self._around.ends

    @property
    def con(self) -> DuckDBPyConnection:
        """DuckDB, where every table is a view: own ones by name, a Source's as ``source.table``."""
        self._check_alive("pond.con")
        if not self._shown:
            self._lake.show(self._visible())
            self._shown = self._has_sql = True
        return self._lake.con

    def read_table(self, ref: str) -> DuckDBPyRelation:
        """Read a table of this Pond, or of a Source's snapshot.

        Args:
            ref: ``table``, or ``source.table`` for a Source named in pond.toml.

        Returns:
            A lazy relation. The table is also a view of ``con`` by the same name, and a Source's
            table by its own name alone (``table``), where the Pond has none of that name.

        Raises:
            TableNotFoundError: nobody has written the table.
            SourceNotFoundError: pond.toml does not name the Source.
            NotPublishedError: the Source has no output yet.
        """
        self._check_alive("pond.read_table")
        source, _, table = ref.rpartition(".")
        if not source:
            return self._lake.read(
                ("main", table), own_version(self._around, self._own, self._dropped, table)
            )
        found = source_version(self._around, source, table)
        self._read.add(ref)
        relation = self._lake.read((source, table), found)
        self._offer(source, table, found)
        return relation

    def source_table(self, ref: str) -> SourceTable:
        """Ask when a table of a Source's snapshot was last written, without reading it.

        Args:
            ref: ``source.table``, for a Source named in pond.toml.

        Returns:
            Its age, its size and the run that wrote it.

        Raises:
            TableNotFoundError, SourceNotFoundError, NotPublishedError: as for ``read_table``.
        """
        self._check_alive("pond.source_table")
        source, _, table = ref.rpartition(".")
        version = source_version(self._around, source or ref, table)
        self._read.add(ref)
        return source_table(ref, version, self._around.sources[source])

    def source_warnings(self, source: str) -> tuple[CheckWarning, ...]:
        """Ask what the checks of a Source warn of, in the snapshot that this run reads.

        Args:
            source: a Source named in pond.toml.

        Returns:
            For each check that warns: its name (``check``), how many ``rows`` it found (0: it gave
            none), and its ``message``. Empty: none warns.

        Raises:
            SourceNotFoundError, NotPublishedError: as for ``read_table``.
        """
        self._check_alive("pond.source_warnings")
        if source not in self._around.sources:
            raise SourceNotFoundError(source, known=list(self._around.sources))
        if (held := self._around.sources[source]).tables is None:
            raise NotPublishedError(source)
        return held.warnings

    def has_table(self, ref: str) -> bool:
        """Whether ``read_table(ref)`` would find something: for optional Sources, and for first
        runs.
        """
        source, _, table = ref.rpartition(".")
        if not source:
            return table in self._own
        found = self._around.sources.get(source)
        return found is not None and table in (found.tables or {})

    def write_table(self, name: str, data: DuckDBPyRelation | ArrowStream | str) -> None:
        """Write a new version of a table of this Pond; readers see it when the run has completed.

        Args:
            name: the table; a lower-case letter, then lower-case letters, digits and _, at most 48
                characters.
            data: a relation, an Arrow table or reader, a pandas or polars frame, or the text of a
                SELECT.

        Raises:
            WriteError: the table cannot be written so.
            ContractError: it would drop or retype a column that this major version has published.
        """
        self._check_alive("pond.write_table")
        self._check_write(name)
        around = self._around
        self._show_names_in(data)
        written = self._lake.write(
            name, data, key=around.key_of(name), published=around.published.get(name)
        )
        self._take_over(written)

    def append_table(self, name: str, data: DuckDBPyRelation | ArrowStream | str) -> None:
        """Add rows to a table of this Pond. What it costs follows from these rows, not from those
        that there are.

        The first call makes the table. Rows without number change nothing. A Ripple may append
        several times; each further time writes again what it has appended before.

        Args:
            name: the table, as for ``write_table``.
            data: rows with the table's columns, in any order; types that the table's hold without
                loss are cast to them.

        Raises:
            WriteError: the rows do not fit the table, or it is merged by a key. Nothing is added.
            ContractError: as for ``write_table``, of a new table.
        """
        self._check_alive("pond.append_table")
        self._check_write(name, again=name in self._appended)
        self._check_parts(name)
        self._show_names_in(data)
        self._take_up(name, self._changes.append(self._target(name), data))
        self._appended.add(name)

    def merge_table(
        self,
        name: str,
        data: DuckDBPyRelation | ArrowStream | str,
        *,
        key: Sequence[str],
        delete: DuckDBPyRelation | ArrowStream | str | None = None,
    ) -> None:
        """Change a table of this Pond by a key: rows whose key it has take their place, others are
        added. Rows that equal what is there are no change.

        The first call makes the table. Once for each table and Ripple.

        Args:
            name: the table, as for ``write_table``.
            data: rows with the table's columns, as for ``append_table``.
            key: the columns that name a row: never NULL, each value once. The same in each call.
            delete: rows with the key's columns: the table's rows with these keys are deleted. Keys
                that the table does not have are ignored.

        Raises:
            WriteError: the rows do not fit the table, or the key does not name them. Nothing is
                changed.
            ContractError: as for ``write_table``, of a new table.
        """
        self._check_alive("pond.merge_table")
        self._check_write(name)
        self._check_parts(name)
        self._show_names_in(data)
        self._show_names_in(delete)
        self._take_up(name, self._changes.merge(self._target(name), data, key, delete))

    def read_delta(self, ref: str, *, full: bool = False) -> DuckDBPyRelation:
        """What changed in a Source's table since this Ripple last took it.

        It is taken with the success of this Ripple, together with the tables that it writes: the
        next run goes on from there. What is taken in a run that fails is given again.

        Args:
            ref: ``source.table``, for a Source named in pond.toml.
            full: give everything, to compute a table anew. The next delta goes on from there, too.

        Returns:
            A lazy relation: the table's columns and ``_change``, which is ``insert``,
            ``update_before`` and ``update_after`` (two rows of one key), or ``delete``. Of tables
            that are written whole there are ``insert`` and ``delete`` only. Net: however often a
            row changed. Everything as ``insert``, where ``delta_is_full(ref)``.

        Raises:
            TableNotFoundError, SourceNotFoundError, NotPublishedError: as for ``read_table``.
            WriteError: it is no table of a Source, or has a column ``_change``.
        """
        self._check_alive("pond.read_delta")
        found = self._delta(ref)
        if full:
            found = self._deltas[ref] = Plan(found.version)
        if ref not in self._taken and len(self._taken) >= MOST_POSITIONS:
            raise WriteError(
                f"pond.read_delta({ref!r}) would be one of more than {MOST_POSITIONS} tables.",
                hint="Divide the Ripple.",
            )
        self._read.add(ref)
        relation = self._lake.delta(ref, found)
        self._taken[ref] = position_of(found.version)
        return relation

    def delta_is_full(self, ref: str) -> bool:
        """Whether ``read_delta(ref)`` gives everything: on a first run, after the Source was
        removed and came again, or where what was taken last is not known any more.

        Raises:
            TableNotFoundError, SourceNotFoundError, NotPublishedError, WriteError: as for
                ``read_delta``.
        """
        self._check_alive("pond.delta_is_full")
        return self._delta(ref).is_full

    def keep_table(self, name: str) -> None:
        """Leave a table of this Pond as it is, on purpose, though this version does not write it
        (or not in each run).

        Within a major version a published table may not vanish by accident: a new version that
        leaves one unwritten fails with ContractError, unless it keeps or drops it. Keeping what is
        not there does nothing.

        Raises:
            WriteError: that is no name of a table, or this Ripple has dropped it.
        """
        self._check_alive("pond.keep_table")
        check_table(name)
        if name in self._dropped:
            raise WriteError(
                f"pond.keep_table({name!r}) after pond.drop_table({name!r}).",
                hint="Do one of the two.",
            )
        _check_many(self._kept, name)
        self._kept.add(name)

    def drop_table(self, name: str) -> None:
        """Publish a table of this Pond no longer, from this run on. Sinks that read it are told so
        by TableNotFoundError.

        Dropping what is not there does nothing, so the call may stay in the code.

        Raises:
            WriteError: that is no name of a table, or this run has written it.
        """
        self._check_alive("pond.drop_table")
        check_table(name)
        if name in self._written or name in self._around.written:
            raise WriteError(
                f"pond.drop_table({name!r}), which this run has written.",
                hint="Write it no longer, or do not drop it.",
            )
        if name in self._kept:
            raise WriteError(
                f"pond.drop_table({name!r}) after pond.keep_table({name!r}).",
                hint="Do one of the two.",
            )
        if self._skipped:
            raise WriteError(
                f"pond.drop_table({name!r}) after pond.skip().",
                hint="Skip only where nothing changes.",
            )
        _check_many(self._dropped, name)
        self._dropped.add(name)
        if self._own.pop(name, None) is not None:
            self._lake.hide(("main", name))
            self.log.info("table dropped", extra={"table": name})

    def sources_changed(self) -> frozenset[str]:
        """The names of the Sources that may have new data since ``previous_f``; all of them on a
        first or forced run.
        """
        return frozenset(
            name
            for name, source in self._around.sources.items()
            if source.changed and source.tables is not None
        )

    def skip(self) -> None:
        """Declare that nothing changed: the run keeps the tables that there are, and Sinks have
        nothing new to read.

        Raises:
            WriteError: this Ripple has written a table already.
        """
        self._check_alive("pond.skip")
        if self._written:
            raise WriteError(
                f"pond.skip() after writing {', '.join(sorted(self._written))}.",
                hint="Decide to skip before the first write_table.",
            )
        if self._dropped:
            raise WriteError(
                f"pond.skip() after dropping {', '.join(sorted(self._dropped))}.",
                hint="Skip only where nothing changes.",
            )
        self._skipped = True

    def pause(self, duration: str | None = None) -> NoReturn:
        """Leave, and be called again later, from the beginning: while something elsewhere is
        awaited nothing runs.

        It is the same attempt, and no retry is spent. Tables that were written by now are dropped;
        what ``remember`` keeps stays.

        Args:
            duration: ``"60s"``, ``"15m"``; default 15 s at first, growing to 5 min. A Ripple that
                pauses very often is called less often in the end: its run can count some thousand
                turns.

        Raises:
            RippleError: ``duration`` is none.
        """
        self._check_alive("pond.pause")
        self._paused = Paused(asked(duration, self._around.pauses))
        raise self._paused

    def remember(self, key: str, value: object) -> None:
        """Keep a small value for this run and Ripple: its later attempts and pauses ``recall`` it,
        until the Ripple itself fails.

        Args:
            key: its name.
            value: text, a number, true or false, None, or lists and objects of them: 64 KB
                together.

        Raises:
            MemoError: that cannot be kept.
        """
        self._check_alive("pond.remember")
        self._memo.remember(key, value)

    def recall(self, key: str, default: object = None) -> Any:  # noqa: ANN401 - what the author has remembered, of whatever kind
        """What ``remember`` kept under ``key``; ``default`` if it kept nothing."""
        return self._memo.recall(key, default)

    def env(self, name: str) -> str:
        """A secret of the Catchment or a variable of its environment file.

        Raises:
            EnvironmentMissingError: neither defines it.
        """
        if (value := self._around.environment.get(name)) is None:
            raise EnvironmentMissingError(name)
        return value

    def explained(self, error: BaseException) -> BaseException:
        """What SQL says of a table that was dropped, and the storage of one that is not a Source's,
        in the words of ``read_table``; any other error as it is.
        """
        name, around = missing(error), self._around
        refused = self._lake.refused_pond(error)
        if refused and refused not in {around.name, *around.sources}:
            return SourceNotFoundError(refused, known=list(around.sources))
        if len(owners := sorted(self._bare.get(name, ()))) > 1:
            return AmbiguousTableError(name, owners)
        if name in around.dropped or name in self._dropped:
            return no_own(self._around, self._own, self._dropped, name)
        source = next(
            (source for source, held in sorted(around.sources.items()) if name in held.dropped),
            None,
        )
        return no_source_table(self._around, source, name) if source else error

    @property
    def written(self) -> Mapping[str, TableVersion]:
        """What this attempt has written so far."""
        return dict(self._written)

    @property
    def kept(self) -> frozenset[str]:
        """The tables that it carries over on purpose."""
        return frozenset(self._kept)

    @property
    def dropped(self) -> frozenset[str]:
        """The tables that are published no longer."""
        return frozenset(self._dropped)

    @property
    def read(self) -> frozenset[str]:
        """The Sources' tables that it has asked for by name, as ``source.table``; what SQL reads
        is not among them.
        """
        return frozenset(self._read)

    @property
    def has_sql(self) -> bool:
        """Whether it could read any table by SQL."""
        return self._has_sql

    @property
    def sources(self) -> Mapping[str, SourceTables]:
        """The Sources' snapshots."""
        return self._around.sources

    @property
    def taken(self) -> Mapping[str, Position]:
        """How far it has taken tables of Sources by ``read_delta``."""
        return dict(self._taken)

    @property
    def skipped(self) -> bool:
        """Whether nothing changed: ``skip`` was called, or all that was to be added to tables was
        there already.
        """
        return self._skipped or bool(self._unchanged and not self._written and not self._dropped)

    @property
    def paused(self) -> Paused | None:
        """What ``pause`` has raised."""
        return self._paused

    def close(self) -> None:
        """Give back memory and disk. The worker calls it."""
        self._lake.close()

    def outage(self, error: BaseException) -> TransientError | None:
        """What to say instead of an error of the author's code that is the storage's fault; None
        if it is not.
        """
        return self._lake.outage(error)

    def interrupt(self) -> None:
        """End the query that runs, from another thread. The worker calls it when the attempt is
        no longer wanted.
        """
        self._lake.interrupt()

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

    def _offer(self, source: str, table: str, version: TableVersion) -> None:
        """Also by its name alone, as long as it was read of one Source only."""
        owners = self._bare.setdefault(table, set())
        if source in owners:
            return
        owners.add(source)
        if len(owners) == 1:
            self._lake.offer(table, version)
            return
        self._lake.hide((BARE, table))
        self.log.warning(
            "a table's name alone could be that of several Sources: write source.table",
            extra={"table": table, "sources": sorted(owners)},
        )

    def _check_alive(self, what: str) -> None:
        if self._around.killed:
            raise RunKilledError(what)

    def _target(self, name: str) -> Target:
        def key() -> str:
            self._objects[name] = self._objects.get(name, 0) + 1
            return self._around.key_of(name, self._objects[name])

        published = self._around.published.get(name)
        return Target(name, key, self._own.get(name), published, own=name in self._written)

    def _take_up(self, name: str, changed: TableVersion | None) -> None:
        """A table that was added to. If it is as it was, this Ripple has kept it on purpose."""
        if changed is not None:
            self._take_over(changed)
        elif name not in self._written:
            self._unchanged.add(name)
            self._kept.add(name)

    def _take_over(self, written: TableVersion) -> None:
        name = written.table
        self._written[name] = self._own[name] = written
        if self._shown:  # else it is once it is asked for
            self._lake.show({("main", name): written})
        self.log.info(
            "table written", extra={"table": name, "rows": written.rows, "bytes": written.bytes}
        )

    def _delta(self, ref: str) -> Plan:
        """How the delta is found. What was taken last is looked at once."""
        source, _, table = ref.rpartition(".")
        if not source:
            raise WriteError(
                f"{ref!r} is no table of a Source, and only these have a delta.",
                hint="Write source.table, or read_table for a table of this Pond.",
            )
        if ref not in self._deltas:
            version = source_version(self._around, source, table)
            found = plan(version, self._around.positions.get(ref))
            if found.before and not self._lake.is_comparable(found):
                found = Plan(version)
            self._deltas[ref] = found
        return self._deltas[ref]

    def _check_parts(self, name: str) -> None:
        there = self._own.get(name)
        parted = sum(bool(version.parts) for version in self._own.values())
        if there is not None and not there.parts and parted >= MOST_PARTED:
            raise WriteError(
                f"Table {name!r} would be one of more than {MOST_PARTED} that are added to.",
                hint="Write it whole (pond.write_table), or divide the Pond.",
            )

    def _check_write(self, name: str, *, again: bool = False) -> None:
        if "." in name:
            hint = f"Write {name.rpartition('.')[2]!r}."
            raise WriteError(
                f"{name!r} is a Source's table; a Pond writes its own tables only.", hint=hint
            )
        check_name(name)
        if name not in self._own and len(self._own) >= _MOST_TABLES:
            raise WriteError(
                f"Table {name!r} would be one of more than {_MOST_TABLES}.",
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

    def _show_names_in(self, data: object) -> None:
        """SQL given as text may read any table, as it may in ``con.sql``: those that it names
        are shown.
        """
        if isinstance(data, str) and not self._shown:
            self._has_sql = True
            visible = self._visible()
            self._lake.show({ref: visible[ref] for ref in named_in(data, visible)})


def _check_many(names: set[str], name: str) -> None:
    """They are sent with the attempt's end, whose size has a limit."""
    if name not in names and len(names) >= _MOST_TABLES:
        raise WriteError(
            f"Table {name!r} would be one of more than {_MOST_TABLES} that are kept or dropped.",
            hint="Name those that there are.",
        )
