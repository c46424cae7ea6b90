"""Takes Parquet files that another engine has written as parts of a table, in place: nothing is
copied.

The files stay as they are. An object of this attempt's own follows them, which has no rows: it says
of the table what every newest object says (``stored.Note``). What readers get must follow from the
files alone, so they must have the same columns, of types that DuckDB stores as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duckstring.author import stored
from duckstring.author.columns import OWN, ColumnTypes, duckdb_message
from duckstring.author.contents import Content, Object, scan
from duckstring.author.contract import check_contract
from duckstring.author.errors import WriteError
from duckstring.author.fingerprint import fingerprint
from duckstring.author.keeping import changed_forms
from duckstring.author.writing import check_names, folded, kept_columns
from duckstring.model.catalog import Part, TableVersion
from duckstring.model.names import file_of_key, is_path
from duckstring.model.parts import MOST_ADOPTED
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.author.lake import Lake

_MARKS = ("_", ".")
_FOLDER_MARK = "_$folder$"
_DONE, _UNDER_WAY = "_SUCCESS", "_temporary"
"""What Spark writes at the end, and where it writes until then."""
_LONGEST_SHOWN = 300
_FEWER = "Let the engine write fewer, larger files; Spark: df.coalesce(50)."
_NOT_THERE = (
    "Let the engine write to pond.location({table!r}), and adopt the table when it has ended. "
    "Athena's UNLOAD writes no file where there are no rows: write the table empty then, by "
    "pond.write_table."
)
_SCHEMA = (
    "name",
    "type",
    "type_length",
    "num_children",
    "converted_type",
    "scale",
    "precision",
    "logical_type",
    "duckdb_type",
)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the location: the end of its address, its rows and bytes."""

    path: str
    uri: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is adopted as a table. ``location``: the key that it begins with; ``below``: which part
    of it. ``key``: of the object of this attempt's own.
    """

    table: str
    location: str
    below: str
    key: str
    published: TableVersion | None = None


def adopt(lake: Lake, of: Adoption, *, room: int) -> TableVersion:
    """The table that these files are. ``room``: how many files it may have.

    Raises:
        WriteError: they cannot be one. Nothing was stored.
        ContractError: they would not keep to what is published. Nothing was stored.
    """
    uris = _uris(lake, of, room)
    published = lake.published(of.published) if of.published else None
    with _reading(lake, of.table, uris):
        files = list(_footers(lake.con, of.table, uris))
        columns = _columns(lake.con, of.table, uris)
        if published is not None:
            check_contract(of.table, published, columns)
        content = Content([Object(one.uri, "rows", one.rows) for one in files if one.rows])
        rows, total = _measured(lake, of.table, content, columns)
        filled = stored.filled_paths(
            lake.con, content, columns, published.filled if published else ()
        )
    own = _own_object(lake, of, files[0], columns, filled)
    parts = [
        Part(file_of_key(f"{of.location}{of.below}{one.path}"), one.rows, one.bytes, use="base")
        for one in files
        if one.rows
    ]
    last = Part(file_of_key(of.key), 0, own, use="start")
    return TableVersion(
        of.table,
        of.key,
        rows,
        own + sum(part.bytes for part in parts),
        fingerprint(columns, rows, total),
        parts=(*parts, last) if parts else (),
        total=str(total),
    )


def _uris(lake: Lake, of: Adoption, room: int) -> Mapping[str, str]:
    """The files that are Parquet by the customs of engines: path to address."""
    start = f"{lake.place(of.location)}{of.below}"
    paths = sorted(uri.removeprefix(start) for uri in _listing(lake, of.table, start))
    if any(_UNDER_WAY in path.split("/")[:-1] for path in paths) and _DONE not in paths:
        raise WriteError(
            f"Table {of.table!r}: a job is still writing to {start}, or failed there: it has "
            f"{_UNDER_WAY}/, and no {_DONE}.",
            hint="Adopt the table when the job has ended.",
        )
    taken = [path for path in paths if not _is_mark(path)]
    if not taken:
        raise WriteError(
            f"Table {of.table!r}: no Parquet file lies in {start}.",
            hint=_NOT_THERE.format(table=of.table),
        )
    for path in taken:
        if not is_path(f"{of.below}{path}"):
            raise WriteError(
                f"Table {of.table!r}: the file {_shown(path)} has a name that no table's may have.",
                hint="Allowed: letters, digits and . _ - =, a letter or digit first; 200 together.",
            )
    if len(taken) > room:
        raise WriteError(
            f"Table {of.table!r}: {start} has {len(taken)} files; allowed: {room}"
            + ("." if room == MOST_ADOPTED else ": the Pond's other tables have the rest."),
            hint=_FEWER,
        )
    return {path: f"{start}{path}" for path in taken}


def _listing(lake: Lake, table: str, start: str) -> list[str]:
    from duckdb import HTTPException  # noqa: PLC0415 - the worker starts without DuckDB

    try:
        with lake.classified_errors(), lake.con.cursor() as cursor:
            found = cursor.execute(f"FROM {OWN}glob({literal(f'{start}**')})").fetchall()
    except HTTPException as error:
        message = duckdb_message(error).partition("\n")[0]
        raise WriteError(
            f"Table {table!r}: {start} cannot be listed: {_cut(message)}",
            hint="Attempts need s3:ListBucket on the Catchment's bucket: docs/aws.md.",
        ) from error
    return [uri for (uri,) in found]


def _is_mark(path: str) -> bool:
    """Whether a file is an engine's own, and none of its output."""
    return (
        any(part.startswith(_MARKS) for part in path.split("/"))
        or path.endswith((_FOLDER_MARK, "/"))
        or not path
    )


@contextmanager
def _reading(lake: Lake, table: str, uris: Mapping[str, str]) -> Iterator[None]:
    """What DuckDB says of a file that it cannot read becomes the author's error.

    Raises:
        WriteError: one is not Parquet, is encrypted, or is broken.
    """
    from duckdb import Error, InterruptException, OutOfMemoryException  # noqa: PLC0415 - the worker starts without DuckDB

    try:
        with lake.classified_errors():
            yield
    except (InterruptException, OutOfMemoryException):
        raise
    except Error as error:
        message = duckdb_message(error).partition("\n")[0]
        path = next((path for path, uri in uris.items() if uri in message), "")
        which = f"the file {_shown(path)}" if path else "one of its files"
        message = message.replace(uris.get(path, path), path)
        raise WriteError(
            f"Table {table!r}: {which} cannot be read as Parquet: {_cut(message)}",
            hint="Adopt a table when its job has ended. Allowed: Parquet that is not encrypted.",
        ) from None


def _footers(con: DuckDBPyConnection, table: str, uris: Mapping[str, str]) -> Iterator[_File]:
    found = con.execute(
        f"SELECT file_name, num_rows, file_size_bytes, encryption_algorithm "  # noqa: S608 - quoted
        f"FROM {OWN}parquet_file_metadata({_listed(uris)})"
    ).fetchall()
    by_uri = {uri: rest for uri, *rest in found}
    for path, uri in uris.items():
        rows, size, encryption = by_uri[uri]
        if encryption is not None:
            raise WriteError(
                f"Table {table!r}: the file {_shown(path)} is encrypted.",
                hint="Let the engine write it plain: the bucket encrypts what lies in it.",
            )
        yield _File(path, uri, rows, size)


def _columns(con: DuckDBPyConnection, table: str, uris: Mapping[str, str]) -> ColumnTypes:
    """The columns that all files have."""
    schemas = _schemas(con, uris)
    first, *others = uris
    for path in others:
        if schemas[uris[path]] != schemas[uris[first]]:
            raise _differs(table, first, path, schemas[uris[first]], schemas[uris[path]])
    check_names(table, _top(schemas[uris[first]]))
    relation = con.sql(f"FROM {scan(uris[first])}")
    columns = kept_columns(table, relation)
    if changed := changed_forms(columns):
        name, kind = next(iter(changed.items()))
        raise WriteError(
            f"Table {table!r}: column {name!r} is {kind}, which a table stores in another form "
            "than the file has.",
            hint=f"Let the engine cast it, or copy the rows: pond.write_table({table!r}, ...).",
        )
    _check_folders(table, uris, columns)
    return columns


def _schemas(con: DuckDBPyConnection, uris: Mapping[str, str]) -> Mapping[str, Sequence[Any]]:
    found = con.execute(
        f"SELECT file_name, {', '.join(_SCHEMA)} FROM {OWN}parquet_schema({_listed(uris)})"  # noqa: S608 - quoted
    ).fetchall()
    schemas: dict[str, list[Any]] = defaultdict(list)
    for uri, *element in found:
        # The root has whatever name its engine gives it.
        schemas[uri].append(tuple(element) if schemas[uri] else ("", *element[1:]))
    return schemas


def _top(schema: Sequence[Any]) -> list[str]:
    """The names of the columns themselves, of a schema that lists all that is inside of them."""
    names, skipped = [], 0
    for name, _, _, inside, *_ in schema[1:]:
        if not skipped:
            names.append(name)
        skipped = max(skipped - 1, 0) + (inside or 0)
    return names


def _differs(table: str, one: str, other: str, *schemas: Sequence[Any]) -> WriteError:
    first, second = (
        {name: (kind, logical, shown) for name, kind, _, _, _, _, _, logical, shown in schema[1:]}
        for schema in schemas
    )
    missing = [name for name in first if name not in second]
    added = [name for name in second if name not in first]
    what = (
        f"{_shown(other)} lacks {_shown(missing[0])}, which {_shown(one)} has"
        if missing
        else f"{_shown(other)} has {_shown(added[0])}, which {_shown(one)} lacks"
        if added
        else f"{_shown(other)} has {_changed(first, second)} than {_shown(one)}"
    )
    return WriteError(
        f"Table {table!r}: its files have different columns: {what}.",
        hint="Let one job write all files, with the same columns in the same order.",
    )


def _changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    name = next((name for name in first if first[name] != second[name]), None)
    return "another order of columns" if name is None else f"another type of {_shown(name)}"


def _check_folders(table: str, uris: Mapping[str, str], columns: ColumnTypes) -> None:
    """No column is read from a folder's name (``day=2030-01-01``): it must be in the files too."""
    known = {folded(name) for name in columns}
    for path in uris:
        for part in path.split("/")[:-1]:
            name, sign, _ = part.partition("=")
            if sign and folded(name) not in known:
                raise WriteError(
                    f"Table {table!r}: column {_shown(name)} lies in the names of folders only "
                    f"({_shown(part)}), and not in the files.",
                    hint=(
                        "Let the engine write without partitions (no partitionBy, no "
                        "partitioned_by), or with the column in the files too."
                    ),
                )


def _measured(lake: Lake, table: str, content: Content, columns: ColumnTypes) -> tuple[int, int]:
    """How many rows there are, and the sum of their hashes. All is read once."""
    if not content.objects:
        return 0, 0
    lake.check_functions(table)
    rows, total = lake.summed(f"FROM {scan(*(one.uri for one in content.objects))}")
    expected = sum(one.rows for one in content.objects)
    if rows != expected:
        raise WriteError(
            f"Table {table!r}: its files have {rows} rows, and say that they have {expected}.",
            hint="They are broken. Let the engine write them again.",
        )
    return rows, total


def _own_object(
    lake: Lake, of: Adoption, like: _File, columns: ColumnTypes, filled: Collection[str]
) -> int:
    """Write the object that says what the table is; how many bytes it has."""
    with lake.classified_errors(), lake.con.cursor() as cursor:
        return lake.copy_sql(
            cursor,
            f"FROM {scan(like.uri)} LIMIT 0",
            lake.uri(of.key),
            note=stored.note_of(columns, filled),
        ).bytes


def _listed(uris: Mapping[str, str]) -> str:
    return f"[{', '.join(map(literal, uris.values()))}]"


def _shown(name: str) -> str:
    return repr(_cut(name))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
