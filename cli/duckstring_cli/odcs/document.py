"""What a Catchment knows of a line, as a document of the Open Data Contract Standard.

Nothing here asks anybody. The same facts give the same document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from duckstring.author.contract import Published
from duckstring.model.catalog import SourceSpec
from duckstring.model.foreign import readable
from duckstring.model.names import parse_line
from duckstring_cli import durations
from duckstring_cli.odcs.columns import properties
from duckstring_cli.odcs.rules import Rule, concerning

STANDARD = "v3.2.0"
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
_VARIABLE, _LITERAL = "${", "${DOLLAR:-$}{"
"""The standard puts variables in the place of ``${NAME}`` in any text. A variable whose default is
a dollar is the only way to write a dollar before a brace.
"""

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """A published table: its columns, and those by which changes name rows."""

    name: str
    published: Published
    merge_key: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables lie. ``endpoint``: of a Catchment on this machine, else empty."""

    catchment: str
    bucket: str
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a line. ``tables`` is None if it has published nothing yet.

    ``bound``: the seconds of its Tide. ``windows``: their rules in words, by name. ``only``: the
    one table that the document is of.
    """

    line: str
    version: str
    kind: str
    place: Place
    tables: Sequence[Table] | None = None
    rules: Sequence[Rule] = ()
    sources: Sequence[SourceSpec] = ()
    bound: float | None = None
    windows: Mapping[str, str] = field(default_factory=dict)
    only: str = ""


def document(facts: Facts) -> Document:
    """The contract."""
    name = f"{facts.line}/{facts.only}" if facts.only else facts.line
    made: Document = {
        "apiVersion": STANDARD,
        "kind": "DataContract",
        "id": f"{facts.place.bucket}/{name}",
        "name": name,
        "version": facts.version,
        "status": "draft" if facts.tables is None else "active",
        "description": _description(facts),
        "servers": [_server(facts)],
        "schema": [_table(one, facts.rules) for one in facts.tables or ()],
        "slaProperties": [_latency(facts.bound)] if facts.bound is not None else [],
        "customProperties": _others(facts),
    }
    plain: Document = {
        key: _plain(value) for key, value in made.items() if value or key == "schema"
    }
    return plain


def _description(facts: Facts) -> Document:
    pond, major = parse_line(facts.line)
    return {
        "usage": (
            f"In `duckstring sql` and `duckstring.connect()` a table is {pond}_v{major}.TABLE. "
            "All tables of a run are published together, or none of them."
        ),
        "limitations": (
            f"Within major version {major} published tables and their columns stay. The type of a "
            "column only becomes one that holds every value of the old one. New tables, columns, "
            "fields of a STRUCT and values of an ENUM may come. A run that breaks this publishes "
            "nothing. A table goes only if the Pond drops it, or an operator removes it, on "
            "purpose."
        ),
    }


def _server(facts: Facts) -> Document:
    pond, major = parse_line(facts.line)
    endpoint = {"endpointUrl": facts.place.endpoint} if facts.place.endpoint else {}
    return {
        "server": facts.place.catchment,
        "type": "s3",
        "environment": facts.place.catchment,
        "description": (
            "Parquet objects of these and of earlier versions of the tables. Which of them are "
            f"published now, the Catchment knows: duckstring query {pond} -m {major} --json"
        ),
        "location": f"s3://{facts.place.bucket}/data/{facts.line}/",
        "format": "parquet",
        **endpoint,
    }


def _table(table: Table, rules: Sequence[Rule]) -> Document:
    quality = [one.to_quality() for one in concerning(rules, table.name)]
    made: Document = {
        "name": table.name,
        "logicalType": "object",
        "physicalType": "table",
        "properties": properties(table.published, table.merge_key),
    }
    return made | ({"quality": quality} if quality else {})


def _latency(bound: float) -> Document:
    unit, seconds = next((one for one in _UNITS if bound % one[1] == 0), ("s", 1))
    value = bound / seconds
    return {
        "property": "latency",
        "value": int(value) if value.is_integer() else value,
        "unit": unit,
        "description": (
            f"A Tide of {durations.exact(bound)} asks for newer data such that it is never staler. "
            "A failure, or a Window that is not open, may hold it up."
        ),
    }


def _others(facts: Facts) -> list[Document]:
    """What the standard has no place for."""
    known = {one.name.lower() for one in facts.tables or ()}
    unplaced = [] if facts.only else [one for one in facts.rules if not known & one.tables]
    found: Mapping[str, object] = {
        "pondType": facts.kind,
        "sources": [_source(one) for one in facts.sources],
        "windows": [{"name": name, "rule": rule} for name, rule in sorted(facts.windows.items())],
        "checks": [one.to_quality() for one in unplaced],
    }
    return [
        {"property": name, "value": value, "vendor": "duckstring"}
        for name, value in found.items()
        if value
    ]


def _source(spec: SourceSpec) -> Document:
    pond, major = parse_line(spec.line)
    least = {"minimumVersion": spec.minimum} if spec.minimum else {}
    return {"pond": pond, "major": major, **least, "optional": spec.optional}


def _plain(value: object) -> object:
    """Texts of others such that each can be stored, and means itself."""
    match value:
        case str():
            return readable(value).replace(_VARIABLE, _LITERAL)
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value
