"""The schemas of SQL over all Ponds: ``sales`` is the Pond's highest major, ``sales_v1`` its major
1, and ``"sales@1"`` the same.

A Pond may be called ``sales_v1`` itself. Then that name means this Pond.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from duckstring.model.catalog import Release
from duckstring.model.find import PondNotFoundError, find
from duckstring.model.names import Line, line, parse_line

_MAJOR = re.compile(r"(.+)(?:_v|@)(0|[1-9][0-9]{0,5})", re.ASCII)


def ponds_of(schema: str) -> tuple[str, ...]:
    """The Ponds that a schema's name may be about."""
    found = _MAJOR.fullmatch(schema)
    if found is None:
        return (schema,)
    return (found[1],) if "@" in schema else (schema, found[1])


def find_schema(releases: Mapping[Line, Release], schema: str) -> Release:
    """The selected release of the line that a schema means.

    Raises:
        PondNotFoundError: there is none. It names the nearest.
    """
    ponds = {parse_line(one)[0] for one in releases}
    found = _MAJOR.fullmatch(schema)
    if schema not in ponds and found is not None and found[1] in ponds:
        return find(releases, found[1], int(found[2]))
    if schema not in ponds:
        raise PondNotFoundError(schema, known={*ponds, *all_schemas(releases).values()})
    return find(releases, schema)


def all_schemas(lines: Collection[Line]) -> Mapping[Line, str]:
    """The shortest schema of each line."""
    highest: dict[str, int] = {}
    for pond, major in map(parse_line, lines):
        highest[pond] = max(major, highest.get(pond, major))
    return {
        one: pond if highest[pond] == major else _of_major(pond, major, highest)
        for one in sorted(lines)
        for pond, major in (parse_line(one),)
    }


def _of_major(pond: str, major: int, ponds: Collection[str]) -> str:
    schema = f"{pond}_v{major}"
    return line(pond, major) if schema in ponds else schema
