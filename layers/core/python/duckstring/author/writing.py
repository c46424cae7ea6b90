"""What is decided of a table before anything of it is stored: that its columns can be kept, and
that they keep the contract.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckstring.author.columns import (
    OWN,
    ColumnType,
    ColumnTypes,
    column_types,
    duckdb_message,
    path_of,
)
from duckstring.author.contract import Breach, Published, breaches
from duckstring.author.errors import ContractError, WriteError
from duckstring.author.keeping import DOES_NOT_FIT, encoded, form, too_large, unkept
from duckstring.author.stored import note_of, paths_in
from duckstring.model.sql import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

_BREACH = "duckstring: a value breaks the contract of "
"""What the error says by which a COPY ends on a value of a type that was not published; the
column's name follows.
"""


@dataclass(frozen=True, slots=True)
class Writing:
    """One table about to be written: its ``columns`` as readers will find them, the SELECT's
    ``items`` that store them, the file's ``note``. ``broken``: what to say of a value that breaks
    one of ``breaches``, where the contract is not what it breaks.
    """

    table: str
    columns: ColumnTypes
    items: Sequence[str]
    note: str
    breaches: Sequence[Breach] = ()
    broken: WriteError | None = None

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """What the COPY says of a value becomes the author's error.

        Raises:
            WriteError: a value does not fit its column's form, or a column of the table that it is
                added to.
            ContractError: a column of another type than was published has a value.
        """
        from duckdb import FatalException, InternalException, InvalidInputException  # noqa: PLC0415 - the worker starts without DuckDB

        try:
            yield
        except (InternalException, FatalException) as error:
            if "invalid code point" not in str(error):
                raise
            raise WriteError(
                (
                    f"Table {self.table!r}: a frame that the SQL reads holds text with a lone "
                    "surrogate. DuckDB's database has ended by it."
                ),
                hint="Replace it first: text.encode('utf-8', 'backslashreplace').decode().",
            ) from error
        except InvalidInputException as error:
            _, _, path = duckdb_message(error).partition(DOES_NOT_FIT)
            if path:
                raise self._too_large(path) from None
            if _BREACH in duckdb_message(error):
                if self.broken is not None:
                    raise self.broken from None
                raise ContractError(self.table, [str(breach) for breach in self.breaches]) from None
            raise

    def _too_large(self, path: str) -> WriteError:
        found = too_large(self.columns, path)
        return WriteError(
            (
                f"Table {self.table!r}: column {found.path!r} holds a value of {found.found} "
                "that is "
                "too large to be stored exactly."
            ),
            hint=f"Cast it: {quoted(found.column)}::{found.cast}.",
        )


def prepare(table: str, relation: DuckDBPyRelation, published: Published | None) -> Writing:
    """Decide how a relation is stored.

    Raises:
        WriteError: a column's name or type cannot be kept.
        ContractError: a published column is missing.
    """
    columns = kept_columns(table, relation)
    if published is None:
        return Writing(
            table,
            columns,
            [encoded(name, kind) for name, kind in columns.items()],
            note_of(columns, ()),
        )
    return _within_contract(table, columns, published)


def prepare_more(
    table: str, relation: DuckDBPyRelation, there: Published
) -> tuple[Writing, DuckDBPyRelation]:
    """Decide how rows are added to a table that is there, and give them its columns: in its order,
    under its types.

    Raises:
        WriteError: the columns are other ones, or of types that its own do not hold.
    """
    columns = kept_columns(table, relation)
    names = {folded(name): name for name in columns}
    _check_same_names(table, columns, there.columns)
    given = {name: columns[names[folded(name)]] for name in there.columns}
    unfit = [
        breach
        for name, kind in given.items()
        for breach in breaches(
            Published({name: kind}, set(paths_in(kind, path_of(name)))),
            {name: there.columns[name]},
        )
    ]
    broken = {breach.column for breach in unfit}
    casts = ", ".join(
        _cast_to(names[folded(name)], name, None if name in broken else there.columns[name])
        for name in there.columns
    )
    items = [
        _if_null(name, kind) if name in broken else encoded(name, kind)
        for name, kind in there.columns.items()
    ]
    note = note_of(there.columns, there.filled)
    what = "; ".join(
        f"column {name!r} is {given[name]}, and the table's is {there.columns[name]}"
        for name in there.columns
        if name in broken
    )
    error = WriteError(f"Table {table!r}: {what}, which does not hold every value.", hint=_WHOLE)
    return Writing(table, there.columns, items, note, unfit, error), relation.project(casts)


def first_types(there: Published, relation: DuckDBPyRelation) -> ColumnTypes:
    """The columns of a table that rows to add give another type, and whose own binds nobody: what
    differs in it never held a value. With the types that these rows give them.
    """
    given = {folded(name): kind for name, kind in column_types(relation).items()}
    found: dict[str, ColumnType] = {}
    for name, kind in there.columns.items():
        new = given.get(folded(name), kind)
        if _is_first(Published({name: kind}, there.filled), name, new):
            found[name] = new
    return found


def _is_first(there: Published, name: str, new: ColumnType) -> bool:
    path = path_of(name)
    every = Published({name: new}, set(paths_in(new, path)))
    unfit = {breach.path for breach in breaches(every, there.columns)}
    empty = set(paths_in(there.columns[name], path)).difference(there.filled)
    if not unfit or any(breaches(there, {name: new})):
        return False
    if path in empty:
        return True
    # What is more or wider is for write_table to decide. And no cast changes the length of an
    # array, not even of one that is NULL.
    return unfit <= empty and "array" not in _kinds(new)


def _kinds(kind: ColumnType) -> set[str]:
    return {kind.kind}.union(*(_kinds(part) for _, part in kind.parts))


def empty_as(there: Published, first: ColumnTypes) -> str:
    """The items of a SELECT that give the columns of a table, some with other types: nothing in
    these is lost.
    """
    return ", ".join(
        quoted(name)
        if name not in first
        else f"CAST({quoted(name) if path_of(name) in there.filled else 'NULL'} AS "
        f"{first[name].text}) AS {quoted(name)}"
        for name in there.columns
    )


def check_reserved(table: str, names: Sequence[str], reserved: str) -> None:
    """Refuse a column of a name that changes of tables use.

    Raises:
        WriteError: there is one.
    """
    if reserved and any(folded(name) == folded(reserved) for name in names):
        raise WriteError(
            f"Table {table!r}: a column is called {reserved!r}, which changes of tables use.",
            hint=f"Leave it out (SELECT * EXCLUDE ({reserved}) ...), or rename it.",
        )


_WHOLE = "Cast it to the table's type, or write the table whole once: pond.write_table(...)."


def _check_same_names(table: str, columns: ColumnTypes, there: ColumnTypes) -> None:
    given, known = {folded(name) for name in columns}, {folded(name) for name in there}
    missing = [name for name in there if folded(name) not in given]
    added = [name for name in columns if folded(name) not in known]
    if not missing and not added:
        return
    lacks = f"lack {', '.join(map(repr, missing))}" if missing else ""
    has = f"have {', '.join(map(repr, added))}, which the table has not" if added else ""
    raise WriteError(
        f"Table {table!r}: the rows to add {' and '.join(filter(None, (lacks, has)))}.",
        hint=(
            f"Give the table's columns ({', '.join(there)}), or write the table whole once: "
            "pond.write_table(...)."
        ),
    )


def _cast_to(given: str, name: str, kind: ColumnType | None) -> str:
    value = quoted(given) if kind is None else f"CAST({quoted(given)} AS {kind.text})"
    return f"{value} AS {quoted(name)}"


def kept_columns(table: str, relation: DuckDBPyRelation) -> ColumnTypes:
    """The columns of a relation that can be kept.

    Raises:
        WriteError: a column's name or type cannot be.
    """
    check_names(table, relation.columns)
    columns = column_types(relation)
    _check_types(table, columns)
    return columns


def _within_contract(table: str, columns: ColumnTypes, published: Published) -> Writing:
    """Columns without a value break nothing, whatever their type: they keep the published one.
    That shows only in the COPY.
    """
    found = list(breaches(published, columns))
    if any(breach.column not in columns for breach in found):
        raise ContractError(table, [str(breach) for breach in found])
    broken: dict[str, list[Breach]] = defaultdict(list)
    for breach in found:
        broken[breach.column].append(breach)
    kept = {
        name: published.columns[name] if name in broken else kind for name, kind in columns.items()
    }
    items = [
        _if_null(name, published.columns[name]) if name in broken else encoded(name, kind)
        for name, kind in kept.items()
    ]
    return Writing(table, kept, items, note_of(kept, published.filled), found)


def _if_null(name: str, published: ColumnType) -> str:
    """A column that may hold NULLs only, under its published type."""
    failed = f"{OWN}error({literal(_BREACH + name)})"
    kept = (
        f"CASE WHEN {quoted(name)} IS NULL THEN CAST(NULL AS {form(published).stored}) ELSE "
        f"{failed} END"
    )
    return f"{kept} AS {quoted(name)}"


def check_names(table: str, names: Sequence[str]) -> None:
    """Names that all readers tell apart.

    Raises:
        WriteError: two are taken for one, or one is none.
    """
    taken: dict[bytes, str] = {}
    for name in names:
        if not name or "\0" in name:
            raise WriteError(
                f"Table {table!r}: a column is called {name!r}.",
                hint="Give it a name: SELECT ... AS name.",
            )
        if (other := taken.get(folded(name))) is not None:
            raise _same_name(table, other, name)
        taken[folded(name)] = name


def folded(name: str) -> bytes:
    """As DuckDB compares names: a to z only."""
    return name.encode(errors="surrogatepass").lower()


def _same_name(table: str, one: str, other: str) -> WriteError:
    which = (
        f"are called {one!r}"
        if one == other
        else f"are called {one!r} and {other!r}, which differ by case only"
    )
    return WriteError(
        (
            f"Table {table!r}: two columns {which}. DuckDB would rename the second one for every "
            "reader."
        ),
        hint=f"Rename one, for example SELECT ... AS {quoted(other + '_2')}.",
    )


def _check_types(table: str, columns: ColumnTypes) -> None:
    if not (found := unkept(columns)):
        return
    what = "; ".join(f"column {one.path!r} is {one.found}" for one in found)
    casts = ", ".join(f"{quoted(one.column)}::{one.cast}" for one in found)
    raise WriteError(
        f"Table {table!r}: {what}, which a stored table does not give back as it was.",
        hint=f"Cast: {casts}.",
    )
