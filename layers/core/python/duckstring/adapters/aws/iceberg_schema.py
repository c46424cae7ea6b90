"""The schema of an Iceberg table from one version to the next, in the JSON of its specification.

The files of Ponds have no ids of columns. Readers find columns by their names, by one mapping for
all versions. So a column keeps its id while its name and type are the same, also if it was away in
between. If its type changes in a way that Iceberg does not know, the versions that have the old one
can no longer be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyiceberg.exceptions import ValidationError
from pyiceberg.schema import Schema

from duckstring.errors import OperatorError

if TYPE_CHECKING:
    from duckstring.exporter.fitting import IcebergColumn

Json = dict[str, Any]
Path = tuple[str, ...]

_WIDER = {"int": "long", "float": "double"}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_PARTS = ("element", "key", "value")


@dataclass(slots=True)
class Ids:
    """The columns that a table ever had: by path the id and the type that each had last. ``last``:
    the greatest id.
    """

    known: dict[Path, tuple[int, str]] = field(default_factory=dict)
    last: int = 0

    @classmethod
    def of(cls, schemas: Sequence[Schema], last: int) -> Ids:
        """Of these schemas, the newest last."""
        ids = cls(last=last)
        for schema in schemas:
            ids.known |= {path: (number, kind) for path, number, kind in _walk(json_of(schema))}
        return ids

    def schema(self, columns: Sequence[IcebergColumn]) -> Schema:
        """The schema of these columns.

        Raises:
            OperatorError: Iceberg cannot have them.
        """
        fields = [self._field(one, (), is_new=False) for one in columns]
        try:
            return Schema.model_validate({"type": "struct", "fields": fields})
        except (ValueError, ValidationError) as error:
            raise OperatorError(f"Iceberg cannot have its columns: {error}") from error

    def _field(self, column: IcebergColumn, above: Path, *, is_new: bool) -> Json:
        path = (*above, column.name)
        number, is_new = self._id(path, column.type, is_new=is_new)
        kind = self._type(column, path, is_new=is_new)
        return {"id": number, "name": column.name, "required": False, "type": kind}

    def _id(self, path: Path, kind: str, *, is_new: bool) -> tuple[int, bool]:
        number, was = self.known.get(path, (0, ""))
        if is_new or not number or not may_become(was, kind):
            self.last += 1
            return self.last, True
        return number, False

    def _type(self, column: IcebergColumn, path: Path, *, is_new: bool) -> str | Json:
        if not column.parts:
            return column.type
        parts = [self._field(one, path, is_new=is_new) for one in column.parts]
        if column.type == "struct":
            return {"type": "struct", "fields": parts}
        found: Json = {"type": column.type}
        for one in parts:
            name = one["name"]
            found |= {f"{name}-id": one["id"], name: one["type"], f"{name}-required": False}
        found.pop("key-required", None)
        return found


def json_of(schema: Schema) -> Json:
    """A schema as the specification writes it."""
    found: Json = json.loads(schema.model_dump_json())
    return found


def is_same(one: Schema, other: Schema) -> bool:
    """Whether two schemas have the same columns, by the same ids and in the same order."""
    return bool(json_of(one)["fields"] == json_of(other)["fields"])


def mapping_of(schemas: Sequence[Schema]) -> str:
    """Which column has which names in files, for all of these schemas: the newest one last. Of two
    columns of one name the newer one has it.
    """
    merged: list[Json] = []
    for schema in reversed(schemas):
        _merge(merged, json_of(schema)["fields"])
    return json.dumps(merged)


def can_be_read(schema: Schema, mapping: str) -> bool:
    """Whether files give the columns of a version with this schema."""
    there = set(_ids_in(json.loads(mapping)))
    return all(number in there for _, number, _ in _walk(json_of(schema)))


def may_become(was: str, now: str) -> bool:
    """Whether a type is another one, or may be widened to it without a new column."""
    if was.replace(" ", "") == now or _WIDER.get(was) == now:
        return True
    before, after = _DECIMAL.fullmatch(was), _DECIMAL.fullmatch(now)
    return bool(before and after and before[2] == after[2] and int(before[1]) <= int(after[1]))


def _walk(kind: Json | str, above: Path = ()) -> Iterator[tuple[Path, int, str]]:
    """The path, id and type of each column and of each part of one."""
    for one in _fields(kind):
        path, inside = (*above, one["name"]), one["type"]
        yield path, one["id"], inside if isinstance(inside, str) else inside["type"]
        yield from _walk(inside, path)


def _fields(kind: Json | str) -> list[Json]:
    if isinstance(kind, str):
        return []
    if kind["type"] == "struct":
        return list(kind["fields"])
    return [
        {"name": part, "id": kind[f"{part}-id"], "type": kind[part]}
        for part in _PARTS
        if part in kind
    ]


def _merge(into: list[Json], fields: Sequence[Mapping[str, Any]]) -> None:
    named: dict[str, Json] = {one["names"][0]: one for one in into}
    for one in fields:
        held = named.get(one["name"])
        if held is None:
            held = {"field-id": one["id"], "names": [one["name"]]}
            into.append(held)
        elif held["field-id"] != one["id"]:
            continue
        if inside := _fields(one["type"]):
            _merge(held.setdefault("fields", []), inside)


def _ids_in(mapping: Sequence[Json]) -> Iterator[int]:
    for one in mapping:
        yield one["field-id"]
        yield from _ids_in(one.get("fields", ()))
