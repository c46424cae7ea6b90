"""What lies in ``puddles/in``: the tables of Sources, and where each is from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import field

from duckstring.errors import OperatorError
from duckstring.model.catalog import TableVersion
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import line, table_key
from duckstring.model.values import Value, replace
from duckstring.puddles.project import LocalPond

_FILE = "puddles.json"
_DIGITS = 32


class Input(Value, frozen=True):
    """One table in the place of a Source's.

    ``hydrated`` is when it was written, ``changed`` when its rows were last other ones than before.
    ``catchment``: it was taken from that Catchment, from the snapshot ``snapshot`` of ``line``, at
    the freshness ``f``, by ``version``; otherwise a Puddle made it, of ``files`` (relative to the
    project).
    """

    rows: int
    bytes: int
    fingerprint: str
    hydrated: Instant
    changed: Instant
    f: Instant = NEVER
    catchment: str = ""
    snapshot: int = 0
    version: str = ""
    files: tuple[str, ...] = ()


class Inputs(Value, frozen=True):
    """All of them, by ``source.table``. ``hydrated``: when all Puddles were last executed,
    ``made`` what they made then, and ``seen`` the files that they were made of, each with its size
    and time.
    """

    tables: Mapping[str, Input] = field(default_factory=dict)
    hydrated: Instant = NEVER
    made: tuple[str, ...] = ()
    seen: Mapping[str, str] = field(default_factory=dict)

    def of(self, source: str) -> dict[str, Input]:
        """One Source's, by table."""
        return {
            ref.partition(".")[2]: one
            for ref, one in self.tables.items()
            if ref.partition(".")[0] == source
        }


def read_inputs(pond: LocalPond) -> Inputs:
    """What is there. A table whose file is gone is not.

    Raises:
        OperatorError: the list of them cannot be read.
    """
    path = pond.inputs / _FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Inputs, strict=False)
    except FileNotFoundError:
        return Inputs()
    except msgspec.DecodeError as error:
        raise OperatorError(
            f"{path} cannot be read: {error}.",
            hint="Delete it, and hydrate again: duckstring pond hydrate",
        ) from error
    there = {ref: one for ref, one in found.tables.items() if file_of(pond.inputs, ref).is_file()}
    return replace(found, tables=there)


def add_inputs(
    pond: LocalPond,
    new: Mapping[str, Input],
    *,
    removed: frozenset[str] = frozenset(),
    all_made: Instant | None = None,
    seen: Mapping[str, str] | None = None,
) -> Inputs:
    """Replace the entries of these tables. A table with the same rows keeps the instant of its last
    change.

    Args:
        pond: the project.
        new: the tables.
        removed: those that are forgotten.
        all_made: when all Puddles were executed, if they were.
        seen: files that Puddles were made of, with their sizes and times.
    """
    before = read_inputs(pond)
    kept = {ref: one for ref, one in before.tables.items() if ref not in removed}
    tables = dict(sorted({**kept, **_unchanged(before.tables, new)}.items()))
    after = replace(before, tables=tables, seen={**before.seen, **(seen or {})})
    if all_made is not None:
        after = replace(after, hydrated=all_made, made=tuple(sorted(new)), seen=dict(seen or {}))
    pond.inputs.mkdir(parents=True, exist_ok=True)
    write_whole(pond.inputs / _FILE, msgspec.json.format(msgspec.json.encode(after)))
    return after


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole, or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def file_of(inputs: Path, ref: str) -> Path:
    """The Parquet file of ``source.table``."""
    source, _, table = ref.partition(".")
    return inputs / source / f"{table}.parquet"


def input_key(owner: str, major: int, table: str, snapshot: int = 0, *, content: str = "") -> str:
    """The key of a Source's table here. It bears the number of the run that wrote it, if that is
    known, and ``content``, its fingerprint: other rows lie under another key.
    """
    return table_key(
        line(owner, major),
        table,
        run=max(snapshot, 1),
        ripple="puddle",
        attempt=1,
        invocation=content[:_DIGITS] or "local",
    )


def as_version(key: str, table: str, one: Input) -> TableVersion:
    """The table as a Ripple finds it."""
    f = one.changed if one.f == NEVER else one.f
    return TableVersion(table, key, one.rows, one.bytes, one.fingerprint, f, one.version)


def _unchanged(before: Mapping[str, Input], new: Mapping[str, Input]) -> dict[str, Input]:
    return {
        ref: replace(one, changed=before[ref].changed)
        if ref in before and before[ref].fingerprint == one.fingerprint
        else one
        for ref, one in new.items()
    }
