"""The Pond as a check sees it: all tables of the run, those that are published as ``previous``, and
the Sources. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import override

from duckstring.author.columns import OWN
from duckstring.author.errors import CheckError, PreviousMissingError
from duckstring.author.frames import readable
from duckstring.author.naming import TableRef
from duckstring.author.pond import Pond
from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import missing
from duckstring.model.catalog import TableVersion
from duckstring.model.checks import (
    MOST_CELL,
    MOST_COLUMNS,
    MOST_NAME,
    MOST_SAMPLE,
    PREVIOUS,
    CheckResult,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_READS = frozenset({"pond.con", "pond.read_table", "pond.source_table", "pond.source_warnings"})
_NO_ROWS = (bytes, bytearray, int, float, complex, list, tuple, set, frozenset, dict)
_FAILING = "~failing"
_CUT = "..."


class CheckPond(Pond):
    """The handle that checks are given, one for all checks of a run."""

    results: tuple[CheckResult, ...] = ()
    """How each check ended."""
    _text = ""
    """The SQL that the check has returned; empty: nobody knows what it asks."""

    @property
    def is_settled(self) -> bool:
        """Whether these checks have been made of exactly these tables before."""
        return self._around.is_checked

    @property
    def has_previous(self) -> bool:
        """Whether anything is published."""
        return bool(self._around.published)

    def leave(self) -> None:
        """Make no check: what is known of the tables holds still."""
        self._skipped = True

    def begin(self) -> None:
        """Another check is made."""
        self._text = ""

    @override
    def read_table(self, ref: str) -> DuckDBPyRelation:
        """As every Pond's; ``previous.table`` is the table as it is published now.

        Raises:
            PreviousMissingError: it is not published yet.
        """
        schema, _, table = ref.rpartition(".")
        if schema != PREVIOUS:
            return super().read_table(ref)
        if (version := self._around.published.get(table)) is None:
            raise PreviousMissingError(table)
        return self._lake.read((PREVIOUS, table), version)

    @override
    def has_table(self, ref: str) -> bool:
        """Whether ``read_table(ref)`` would find something, also of ``previous``."""
        schema, _, table = ref.rpartition(".")
        return table in self._around.published if schema == PREVIOUS else super().has_table(ref)

    @override
    def explained(self, error: BaseException) -> BaseException:
        """As every Pond's; SQL that names a table of ``previous`` which is not published is told
        so.
        """
        around, table = self._around, missing(error)
        may_name_it = PREVIOUS in self._text.lower() if self._text else True
        # Of a table that nobody has, DuckDB's own words say more.
        is_known = table in around.own or not around.own
        if table and may_name_it and is_known and table not in around.published:
            return PreviousMissingError(table)
        return super().explained(error)

    def find(self, check: str, value: object) -> CheckResult:
        """Count the rows that a check has returned, and take a sample of them.

        Raises:
            CheckError: it returned something else.
        """
        self._text = value if isinstance(value, str) else ""
        if isinstance(value, _NO_ROWS):
            raise CheckError(check, value)
        with self._relation(check, value) as relation:
            return _counted(check, relation)

    @contextmanager
    def _relation(self, check: str, value: object) -> Iterator[DuckDBPyRelation]:
        from duckdb import DuckDBPyRelation, Error  # noqa: PLC0415 - the worker starts without DuckDB

        if isinstance(value, DuckDBPyRelation):
            yield value
        elif isinstance(value, str):
            self._show_names_in(value)
            con = self._lake.con
            # A result that the check before has read in part keeps the catalog as it was then.
            con.execute("SELECT 1").fetchall()
            # Of several statements DuckDB would give the rows of the last one only.
            relation = con.sql(value) if len(con.extract_statements(value)) == 1 else None
            if relation is None:
                raise CheckError(check, value)
            yield relation
        else:
            with self._lake.con.cursor() as other:
                try:
                    other.register(_FAILING, readable(value))
                except (Error, TypeError, ValueError, AttributeError) as error:
                    raise CheckError(check, value) from error
                # A stream can be read once only.
                yield _kept(other)

    @override
    def _visible(self) -> dict[TableRef, TableVersion]:
        published = self._around.published.items()
        return {
            **super()._visible(),
            **{(PREVIOUS, table): version for table, version in published},
        }

    @override
    def _check_alive(self, what: str) -> None:
        if what not in _READS:
            raise CheckError(what)


def handle(around: Surroundings, **ports: Any) -> Pond:  # noqa: ANN401 - those of Pond
    """The handle for an attempt's code."""
    return CheckPond(around, **ports) if around.checks else Pond(around, **ports)


def _kept(con: DuckDBPyConnection) -> DuckDBPyRelation:
    con.execute(f'CREATE TEMP TABLE "{_FAILING}_rows" AS FROM "{_FAILING}"')
    return con.sql(f'FROM "{_FAILING}_rows"')


def _counted(check: str, relation: DuckDBPyRelation) -> CheckResult:
    """The result, without its severity. Where all is well the rows are looked for once."""
    cells = f"{OWN}left(CAST(COLUMNS(*) AS VARCHAR), {MOST_CELL + 1})"
    sample = relation.limit(MOST_SAMPLE).project(cells).fetchall()
    if not sample:
        return CheckResult(check)
    (total,) = relation.aggregate(f"{OWN}count(*)").fetchone() or (0,)
    names = relation.columns
    more = len(names) - MOST_COLUMNS
    return CheckResult(
        check,
        rows=max(cast("int", total), len(sample)),
        message=f"{more} more columns are not shown." if more > 0 else "",
        columns=tuple(_cut(name, MOST_NAME) for name in names[:MOST_COLUMNS]),
        sample=tuple(
            tuple(None if cell is None else _cut(cell, MOST_CELL) for cell in row[:MOST_COLUMNS])
            for row in sample
        ),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - len(_CUT)]}{_CUT}"
