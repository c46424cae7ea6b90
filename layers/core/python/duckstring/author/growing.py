"""Tables that are added to, and what changed in those of Sources: a part of the Pond's handle."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from duckstring.author.changing import Target
from duckstring.author.delta import Plan, plan
from duckstring.author.errors import WriteError
from duckstring.author.handle import Handle
from duckstring.author.lake import ArrowStream
from duckstring.author.lookup import source_version
from duckstring.model.catalog import TableVersion
from duckstring.model.parts import MOST_PARTED, MOST_POSITIONS, position_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation


class Growing(Handle):
    """What it has to say of them."""

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
        with self._lake.one_writes:  # of several threads each adds to what the one before left
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
                that the table does not have are ignored, and those that ``data`` has stay.

        Raises:
            WriteError: the rows do not fit the table, or the key does not name them. Nothing is
                changed.
            ContractError: as for ``write_table``, of a new table.
        """
        self._check_alive("pond.merge_table")
        with self._lake.one_writes:
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

    def _target(self, name: str) -> Target:
        published, key = self._around.published.get(name), partial(self._next_key, name)
        return Target(name, key, self._own.get(name), published, own=name in self._written)

    def _take_up(self, name: str, changed: TableVersion | None) -> None:
        """A table that was added to. If it is as it was, this Ripple has kept it on purpose."""
        if changed is not None:
            self._take_over(changed)
        elif name not in self._written:
            self._unchanged.add(name)
            self._kept.add(name)

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
