"""The form of a backup: which files it has, and how items and lists of objects are written.

backup.json          written last: it is the sign that a backup is whole
cut.json             written when the table is copied
items/000001.gz      items, one a line, as DynamoDB's JSON
names.gz             the objects that the items name, one a line
contents.gz          each object with its size and SHA-256, one a line
objects/KEY          the objects
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from duckstring.errors import OperatorError
from duckstring_cli.stores.places import Place, Sum, scratch, sum_of

FORMAT = 1
BACKUP, CUT, NAMES, CONTENTS = "backup.json", "cut.json", "names.gz", "contents.gz"
_PART = 5000
"""Items of a file."""

Json = dict[str, Any]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    name: str
    items: int
    sha256: _Sha256


class _Names(BaseModel):
    count: int
    sha256: _Sha256


class _Objects(_Names):
    bytes: int


class _Secret(BaseModel):
    names: list[str]
    values: Json = {}


class _Cut(BaseModel):
    id: str
    catchment: str
    version: str
    cut: str
    lines: int
    items: int
    parts: list[_Part]
    names: _Names


class _Backup(_Cut):
    objects: _Objects
    secret: _Secret


_FORMS: Mapping[str, type[_Cut]] = {BACKUP: _Backup, CUT: _Cut}


def part_name(number: int) -> str:
    """The file of the items' ``number``-th part."""
    return f"items/{number:06d}.gz"


def object_name(key: str) -> str:
    """The file of an object."""
    return f"objects/{key}"


def write_lines(place: Place, name: str, rows: Iterable[object]) -> tuple[int, Sum]:
    """Write rows as JSON, one a line. Answers how many, and the file's checksum."""
    count = 0
    with scratch() as path:
        # Without a name and a time inside: the same rows are the same file.
        with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
            for row in rows:
                text = json.dumps(row, separators=(",", ":"), default=_base64)
                file.write(text.encode() + b"\n")
                count += 1
        summed = sum_of(path)
        place.write(name, path, summed)
    return count, summed


def _base64(value: object) -> str:
    """Binary values of items, as DynamoDB's JSON has them.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} in an item")


def read_items(place: Place, name: str, sha256: str) -> Iterator[Json]:
    """The items of a part, as boto3 takes them.

    Raises:
        OperatorError: the part is missing, or it is not what was written.
    """
    for item in read_lines(place, name, sha256):
        yield {attribute: _binary(value) for attribute, value in item.items()}


def _binary(value: Json) -> Json:
    """An attribute, with its binary values as bytes."""
    ((kind, held),) = value.items()
    match kind:
        case "B":
            return {kind: base64.b64decode(held)}
        case "BS":
            return {kind: [base64.b64decode(one) for one in held]}
        case "L":
            return {kind: [_binary(one) for one in held]}
        case "M":
            return {kind: {name: _binary(one) for name, one in held.items()}}
        case _:
            return value


def write_parts(place: Place, items: Iterable[Json]) -> list[Json]:
    """Write items in files of some thousands. Answers their names, counts and checksums."""
    parts: list[Json] = []
    rest = iter(items)
    for first in rest:
        name = part_name(len(parts) + 1)
        count, summed = write_lines(place, name, _some(first, rest))
        parts.append({"name": name, "items": count, "sha256": summed.sha256})
    return parts


def _some(first: Json, rest: Iterator[Json]) -> Iterator[Json]:
    yield first
    for number, item in enumerate(rest, 2):
        yield item
        if number >= _PART:
            return


def read_lines(place: Place, name: str, sha256: str = "") -> Iterator[Any]:
    """The rows of a file.

    Raises:
        OperatorError: it is missing, or it is not what was written.
    """
    with scratch() as path:
        read_checked(place, name, path, sha256)
        with gzip.open(path, "rb") as file:
            for line in file:
                yield json.loads(line)


def read_checked(place: Place, name: str, path: Path, sha256: str = "") -> None:
    """Copy a file of the backup to ``path``.

    Raises:
        OperatorError: it is missing, or it is not what was written.
    """
    with path.open("wb") as file:
        if not place.read(name, file):
            raise OperatorError(f"The backup {place.name} has no {name}: it is damaged.")
    if sha256 and sum_of(path).sha256 != sha256:
        raise OperatorError(
            f"The backup {place.name} is damaged: {name} is not what was written.",
            hint="Take another backup.",
        )


def write_json(place: Place, name: str, value: Mapping[str, object]) -> None:
    """Write one object."""
    with scratch() as path:
        path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        place.write(name, path, sum_of(path))


def read_json(place: Place, name: str) -> Json | None:
    """Read ``backup.json`` or ``cut.json``; None: the file is not there.

    Raises:
        OperatorError: it holds something else.
    """
    with scratch() as path:
        with path.open("wb") as file:
            if not place.read(name, file):
                return None
        try:
            value = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise OperatorError(f"{name} of {place.name} cannot be read: {error}") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        found = value.get("format") if isinstance(value, dict) else type(value).__name__
        raise OperatorError(
            f"{name} of {place.name} has the form {found!r}; this command reads {FORMAT}.",
            hint="Was it written by a newer duckstring?",
        )
    try:
        _FORMS[name].model_validate(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise OperatorError(
            f"{name} of {place.name} is damaged: {where}: {first['msg']}.",
            hint="Take another backup.",
        ) from None
    return value
