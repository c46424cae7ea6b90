"""How each type of DuckDB is kept in a Parquet file, and given back.

DuckDB's writer changes some types and says nothing: a HUGEINT inside a STRUCT becomes a DOUBLE, an
INTERVAL of 580,063 hours one of 243. Here every type is either stored exactly, if need be in
another form, or refused before anything is written.

A file whose columns have another form says so itself, in its key-value metadata under
``duckstring``: JSON with ``types``, the columns' own types as SQL. The views of ``pond.con`` and
``duckstring query`` restore them; other readers of the file see the form:

==========================  ====================================================================
HUGEINT, UHUGEINT           DECIMAL(38,0); a value of 39 digits is refused
BIGNUM, BIT, TIME_NS, ENUM  VARCHAR
TIMESTAMP_S, TIMESTAMP_MS   TIMESTAMP
TIMETZ                      STRUCT("time" TIME, "offset" INTEGER), seconds east of UTC
INTERVAL                    STRUCT(months INTEGER, days INTEGER, micros BIGINT): a month is no
                            number of days
GEOMETRY                    BLOB, as WKB
UNION                       STRUCT(tag VARCHAR, member STRUCT(...)), where one member is not NULL
                            at the most
T[n]                        T[]
==========================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from duckstring.author.columns import (
    OWN,
    ColumnType,
    ColumnTypes,
    applied,
    inside_of,
    path_of,
)
from duckstring.model.sql import literal, quoted

Rewrite = Callable[[str], str]
"""From an SQL expression to another one."""

_AS_IT_IS = frozenset(
    {
        "boolean", "tinyint", "smallint", "integer", "bigint",
        "utinyint", "usmallint", "uinteger", "ubigint", "float", "double", "decimal",
        "varchar", "json", "blob", "uuid",
        "date", "time", "timestamp", "timestamp_ns", "timestamp with time zone",
    }
)  # fmt: skip
_CHANGED = frozenset(
    {
        "hugeint", "uhugeint", "bignum", "bit", "time_ns", "enum",
        "timestamp_s", "timestamp_ms", "time with time zone", "interval", "geometry",
    }
)  # fmt: skip
_DIGITS_38 = "9" * 38
DOES_NOT_FIT = "duckstring: no room for a value of "
"""What the error says by which a COPY ends on a value that its form cannot hold; the column's
path follows.
"""
_NESTED = frozenset({"list", "array", "map", "struct", "union"})


@dataclass(frozen=True, slots=True)
class Form:
    """How values of one type lie in the file: as ``stored``, an SQL type. Without rewrites it is
    the type itself.
    """

    stored: str
    encode: Rewrite | None = None
    decode: Rewrite | None = None


@dataclass(frozen=True, slots=True)
class Unkept:
    """A column that no file gives back as it was, and the type of the whole column that one
    does.
    """

    path: str
    found: ColumnType
    column: str
    cast: str


def unkept(columns: ColumnTypes) -> list[Unkept]:
    """The columns that must be refused, each at the first place that is not kept."""
    found = []
    for name, kind in columns.items():
        refused = (
            (path, leaf) for path, leaf in _leaves(kind, path_of(name)) if not _is_kept(leaf)
        )
        if (where := next(refused, None)) is not None:
            found.append(Unkept(*where, name, _remade(kind, _kept_leaf)))
    return found


def too_large(columns: ColumnTypes, path: str) -> Unkept:
    """What to say of a value that its column's form has no room for. ``path``: as the failed
    COPY named it.
    """
    leaves = (
        (name, inside, leaf)
        for name, kind in columns.items()
        for inside, leaf in _leaves(kind, path_of(name))
    )
    name, _, found = next(one for one in leaves if one[1] == path)
    roomier = "BIGNUM" if found.kind in {"hugeint", "uhugeint"} else "VARCHAR"
    return Unkept(
        path,
        found,
        name,
        _remade(columns[name], lambda leaf: roomier if leaf.kind == found.kind else leaf.text),
    )


def form(kind: ColumnType, path: str = "", depth: int = 0) -> Form:
    """The form of a type that is kept. ``path`` names the column where a value does not fit."""
    match kind.kind:
        case "list" | "array":
            return _list_form(kind, path, depth)
        case "struct":
            return _struct_form(kind, path, depth)
        case "map":
            return _map_form(kind, path, depth)
        case "union":
            return _union_form(kind, path, depth)
        case _:
            return _leaf_form(kind, path)


def encoded(name: str, kind: ColumnType) -> str:
    """The SELECT's item that makes a relation's column what the file holds."""
    return _item(name, form(kind, path_of(name)).encode)


def decoded(name: str, kind: ColumnType | None) -> str:
    """The SELECT's item that makes a file's column what was written; ``kind`` where it has
    another form.
    """
    if kind is None or (decode := form(kind).decode) is None:
        return quoted(name)
    needs_cast = (
        kind.parts or kind.kind == "geometry"
    )  # arrays are lists until here, and a GEOMETRY has lost its coordinate system
    return _item(name, (lambda value: _cast(kind.text)(decode(value))) if needs_cast else decode)


def restored(name: str, kind: ColumnType) -> str:
    """The SELECT's item that makes an encoded column what it was, after Arrow, which knows fewer
    types than a file.
    """
    decode = form(kind).decode or _as_it_is
    return _item(name, lambda value: _cast(kind.text)(decode(value)))


def changed_forms(columns: ColumnTypes) -> dict[str, str]:
    """The types that a file must remember, as SQL."""
    return {name: kind.text for name, kind in columns.items() if form(kind).encode is not None}


def _item(name: str, rewrite: Rewrite | None) -> str:
    return quoted(name) if rewrite is None else f"{rewrite(quoted(name))} AS {quoted(name)}"


def _as_it_is(value: str) -> str:
    return value


def _without_arrays(kind: ColumnType) -> str:
    """The type with lists for arrays."""
    return _remade(kind, lambda leaf: leaf.text, sized=False)


def _cast(to: str) -> Rewrite:
    return lambda value: f"CAST({value} AS {to})"


def _leaf_form(kind: ColumnType, path: str) -> Form:
    if (stored := _BY_CAST.get(kind.kind)) is not None:
        return Form(stored, _cast(stored), _cast(kind.text))
    match kind.kind:
        case "hugeint" | "uhugeint":
            return Form("DECIMAL(38,0)", _encode_hugeint(path), _cast(kind.text))
        case "timestamp_s" | "timestamp_ms":
            return Form("TIMESTAMP", _encode_instant(path), _finite_or_by_text(kind.text))
        case _:
            stored, encode, decode = _BY_PARTS.get(kind.kind, (kind.text, None, None))
            return Form(stored, encode, decode)


def _encode_hugeint(path: str) -> Rewrite:
    def encode(value: str) -> str:
        fits = f"{value} BETWEEN -{_DIGITS_38} AND {_DIGITS_38}"
        return (
            f"CASE WHEN {value} IS NULL OR {fits} THEN CAST({value} AS DECIMAL(38,0)) ELSE "
            f"{_no_room(path)} END"
        )

    return encode


def _no_room(path: str) -> str:
    return f"{OWN}error({literal(DOES_NOT_FIT + path)})"


def _encode_instant(path: str) -> Rewrite:
    finite = _finite_or_by_text("TIMESTAMP")

    def encode(value: str) -> str:
        fits = f"{OWN}isinf({value}) OR TRY_CAST({value} AS TIMESTAMP) IS NOT NULL"
        return f"CASE WHEN {value} IS NULL OR {fits} THEN {finite(value)} ELSE {_no_room(path)} END"

    return encode


def _finite_or_by_text(to: str) -> Rewrite:
    """DuckDB converts no infinite instant from one precision to another, but reads it from text."""
    return lambda value: (
        f"CASE WHEN {OWN}isinf({value}) THEN CAST(CAST({value} AS VARCHAR) AS {to}) ELSE "
        f"CAST({value} AS {to}) END"
    )


def _encode_timetz(value: str) -> str:
    parts = (
        f'"time" := CAST({value} AS TIME), "offset" := CAST({OWN}datepart(\'timezone\', {value}) '
        "AS INTEGER)"
    )
    return _unless_null(value, f"{OWN}struct_pack({parts})")


def _decode_timetz(value: str) -> str:
    """By text, and not by what DuckDB writes: it leaves out an offset's minutes where they are 0
    and its seconds are not.
    """
    seconds = f"{OWN}abs({OWN}struct_extract({value}, 'offset'))"
    sign = f"CASE WHEN {OWN}struct_extract({value}, 'offset') < 0 THEN '-' ELSE '+' END"
    hours, minutes = (
        applied("//", seconds, "3600"),
        applied("%", applied("//", seconds, "60"), "60"),
    )
    offset = f"{OWN}printf('%02d:%02d:%02d', {hours}, {minutes}, {applied('%', seconds, '60')})"
    time = f"CAST({OWN}struct_extract({value}, 'time') AS VARCHAR)"
    return f"CAST({applied('||', applied('||', time, sign), offset)} AS TIME WITH TIME ZONE)"


def _encode_interval(value: str) -> str:
    parts = ("year", "month", "day", "hour", "minute", "microseconds")
    year, month, day, hour, minute, micro = (f"{OWN}datepart('{part}', {value})" for part in parts)
    months = f"CAST({applied('+', applied('*', year, '12'), month)} AS INTEGER)"
    days = f"CAST({day} AS INTEGER)"
    minutes = applied("+", applied("*", hour, "60"), minute)
    micros = applied("+", applied("*", minutes, "60000000"), micro)
    return _unless_null(
        value,
        f"{OWN}struct_pack(months := {months}, days := {days}, micros := CAST({micros} AS BIGINT))",
    )


def _decode_interval(value: str) -> str:
    months, days, micros = (
        f"{OWN}struct_extract({value}, '{part}')" for part in ("months", "days", "micros")
    )
    date = applied("+", f"{OWN}to_months({months})", f"{OWN}to_days({days})")
    return applied("+", date, f"{OWN}to_microseconds({micros})")


def _encode_geometry(value: str) -> str:
    return f"CAST({OWN}ST_AsWKB({value}) AS BLOB)"


def _decode_geometry(value: str) -> str:
    return f"{OWN}ST_GeomFromWKB({value})"


_BY_CAST = {"bignum": "VARCHAR", "bit": "VARCHAR", "time_ns": "VARCHAR", "enum": "VARCHAR"}
_BY_PARTS: Mapping[str, tuple[str, Rewrite, Rewrite]] = {
    "time with time zone": (
        'STRUCT("time" TIME, "offset" INTEGER)',
        _encode_timetz,
        _decode_timetz,
    ),
    "interval": (
        "STRUCT(months INTEGER, days INTEGER, micros BIGINT)",
        _encode_interval,
        _decode_interval,
    ),
    "geometry": ("BLOB", _encode_geometry, _decode_geometry),
}


def _unless_null(value: str, made: str) -> str:
    return f"CASE WHEN {value} IS NOT NULL THEN {made} END"


def _each(value: str, item: str, rewrite: Rewrite) -> str:
    return f"{OWN}list_transform({value}, lambda {item}: {rewrite(item)})"


def _list_form(kind: ColumnType, path: str, depth: int) -> Form:
    """An array is a list in the file, and becomes one again at the very end: DuckDB's CASE takes
    no arrays.
    """
    inner, item = kind.part("child"), f"item{depth}"
    child = form(inner, inside_of(kind, path, "child"), depth + 1)
    as_list = _cast(f"{inner.text}[]") if kind.kind == "array" else _as_it_is
    if (encode := child.encode) is None or (decode := child.decode) is None:
        return (
            Form(f"{inner.text}[]", as_list, _as_it_is) if kind.kind == "array" else Form(kind.text)
        )
    return Form(
        f"{child.stored}[]",
        lambda value: _each(as_list(value), item, encode),
        lambda value: _each(value, item, decode),
    )


def _struct_form(kind: ColumnType, path: str, depth: int) -> Form:
    forms = {name: form(part, inside_of(kind, path, name), depth) for name, part in kind.parts}
    if all(part.encode is None for part in forms.values()):
        return Form(kind.text)
    return Form(
        f"STRUCT({_stored_fields(forms)})",
        lambda value: _unless_null(
            value, _packed(value, {name: part.encode for name, part in forms.items()})
        ),
        lambda value: _unless_null(
            value, _packed(value, {name: part.decode for name, part in forms.items()})
        ),
    )


def _stored_fields(forms: dict[str, Form]) -> str:
    return ", ".join(f"{quoted(name)} {part.stored}" for name, part in forms.items())


def _packed(value: str, rewrites: dict[str, Rewrite | None]) -> str:
    fields = []
    for name, rewrite in rewrites.items():
        part = f"{OWN}struct_extract({value}, {literal(name)})"
        fields.append(f"{quoted(name)} := {part if rewrite is None else rewrite(part)}")
    return f"{OWN}struct_pack({', '.join(fields)})"


def _map_form(kind: ColumnType, path: str, depth: int) -> Form:
    """By way of its entries, which are a list of structs."""
    forms = {name: form(part, inside_of(kind, path, name), depth + 1) for name, part in kind.parts}
    if all(part.encode is None for part in forms.values()):
        return Form(kind.text)
    item = f"item{depth}"

    def rewritten(value: str, rewrites: dict[str, Rewrite | None]) -> str:
        entries = f"{OWN}map_entries({value})"
        packed = _each(entries, item, lambda entry: _packed(entry, rewrites))
        return f"{OWN}map_from_entries({packed})"

    encodes = {name: part.encode for name, part in forms.items()}
    decodes = {name: part.decode for name, part in forms.items()}
    return Form(
        f"MAP({forms['key'].stored}, {forms['value'].stored})",
        lambda value: _unless_null(value, rewritten(value, encodes)),
        lambda value: _unless_null(value, rewritten(value, decodes)),
    )


def _union_form(kind: ColumnType, path: str, depth: int) -> Form:
    forms = {name: form(part, inside_of(kind, path, name), depth) for name, part in kind.parts}

    def encode(value: str) -> str:
        members = []
        for name, part in forms.items():
            member = f"{OWN}union_extract({value}, {literal(name)})"
            members.append(
                f"{quoted(name)} := {member if part.encode is None else part.encode(member)}"
            )
        tag = f"CAST({OWN}union_tag({value}) AS VARCHAR)"
        # A UNION with a NULL member is not NULL: its tag is there.
        return (
            f"CASE WHEN {tag} IS NOT NULL THEN {OWN}struct_pack(tag := {tag}, member := "
            f"{OWN}struct_pack({', '.join(members)})) END"
        )

    def tag_of(text: str) -> str:  # as bytes: an author's collation may take two names for one
        return f"{OWN}encode({text})"

    def decode(value: str) -> str:
        whens = []
        for name, part in forms.items():
            member = f"{OWN}struct_extract({OWN}struct_extract({value}, 'member'), {literal(name)})"
            member = member if part.decode is None else part.decode(member)
            whens.append(
                f"WHEN {tag_of(literal(name))} THEN CAST({OWN}union_value({quoted(name)} := "
                f"{member}) AS {_without_arrays(kind)})"
            )
        tag = f"{OWN}struct_extract({value}, 'tag')"
        return f"CASE {tag_of(tag)} {' '.join(whens)} END"

    return Form(f"STRUCT(tag VARCHAR, member STRUCT({_stored_fields(forms)}))", encode, decode)


def _leaves(kind: ColumnType, path: str) -> Iterator[tuple[str, ColumnType]]:
    """The types inside that have no parts, structs whose fields have no names, arrays without
    items: what may be refused.
    """
    is_odd = (
        kind.kind == "struct" and not all(name for name, _ in kind.parts)
    ) or kind.numbers == (0,)
    if kind.kind not in _NESTED or is_odd:
        yield path, kind
        return
    for name, part in kind.parts:
        yield from _leaves(part, inside_of(kind, path, name))


def _remade(kind: ColumnType, leaf: Callable[[ColumnType], str], *, sized: bool = True) -> str:
    """The same type, as SQL, with other leaves and with names where it has none; ``sized``:
    arrays stay arrays.
    """
    parts = tuple(
        (name or f"field{place}", _remade(part, leaf, sized=sized))
        for place, (name, part) in enumerate(kind.parts, 1)
    )
    match kind.kind:
        case "array" if sized and kind.numbers[0]:
            return f"{parts[0][1]}[{kind.numbers[0]}]"
        case "list" | "array":
            return f"{parts[0][1]}[]"
        case "map":
            return f"MAP({parts[0][1]}, {parts[1][1]})"
        case "struct" | "union":
            fields = ", ".join(f"{quoted(name)} {part}" for name, part in parts)
            return f"{kind.kind.upper()}({fields})"
        case _:
            return leaf(kind)


def _is_kept(leaf: ColumnType) -> bool:
    """An ENUM is written down as SQL, which has no words for one without values, or with a NUL
    in one.
    """
    if leaf.kind == "enum":
        return bool(leaf.values) and not any("\0" in value for value in leaf.values)
    return leaf.kind in _AS_IT_IS | _CHANGED


def _kept_leaf(kind: ColumnType) -> str:
    if _is_kept(kind):
        return kind.text
    return "JSON" if kind.kind == "variant" else "VARCHAR"
