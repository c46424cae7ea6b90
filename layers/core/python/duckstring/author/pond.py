"""The Pond as a Ripple sees it: its freshness, its tables and its Sources' snapshots, and a
DuckDB to work with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from duckstring.author.arriving import Arriving
from duckstring.author.errors import (
    AmbiguousTableError,
    EnvironmentMissingError,
    NotPublishedError,
    SourceNotFoundError,
    WriteError,
)
from duckstring.author.first import for_author
from duckstring.author.handle import MOST_TABLES
from duckstring.author.lake import BARE, ArrowStream
from duckstring.author.lookup import no_own, no_source_table, own_version, source_version
from duckstring.author.pausing import Paused, asked
from duckstring.author.tables import (
    SourceTable,
    SourceTables,
    check_table,
    missing,
    source_table,
)
from duckstring.author.used import Uses
from duckstring.errors import TransientError
from duckstring.model.catalog import Position, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.instants import Instant

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation


class Pond(Arriving):
    """The handle that a Ripple is given."""

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
            own = own_version(self._around, self._own, self._dropped, table)
            if table not in self._written:
                self._read_own.add(table)
            return self._lake.read(("main", table), own)
        found = source_version(self._around, source, table)
        self._read.add(ref)
        self._read_whole.add(ref)
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
        self._show_names_in(data)
        published = self._around.published.get(name)
        written = self._lake.write(name, data, key=self._unused_key(name), published=published)
        self._take_over(written)

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
    def uses(self) -> Uses:
        """What it has read so far, for its lineage. Own tables count as they were before it wrote
        them.
        """
        around, by_sql = self._around, self._used_by_sql()
        seen = {
            f"{source}.{table}"
            for source, held in around.sources.items()
            for table in held.tables or ()
        }
        news = {ref for ref in self._taken if self._deltas[ref].news is not None}
        return Uses(
            frozenset(by_sql | self._read_own | self._read),
            frozenset(news - self._read_whole - by_sql),
            frozenset(seen.union(around.own)),
            is_all=not (self._shown or self._lake.used_more),
        )

    def _used_by_sql(self) -> set[str]:
        own = self._around.own
        return {
            table if schema == "main" else f"{schema}.{table}"
            for (schema, table), key in self._lake.used.items()
            if schema != "main" or (table in own and own[table].key == key)
        }

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


def _check_many(names: set[str], name: str) -> None:
    """They are sent with the attempt's end, whose size has a limit."""
    if name not in names and len(names) >= MOST_TABLES:
        raise WriteError(
            f"Table {name!r} would be one of more than {MOST_TABLES} that are kept or dropped.",
            hint="Name those that there are.",
        )
