"""What an attempt has read: which tables, and which attempts wrote them. It is kept with the
attempt, so that it can be told after the Source's snapshots are gone.

What follows from it is not kept again: the Source's snapshot is in its run's pins, the version and
the freshness of a run in the run's row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from duckstring.model.catalog import Part, TableVersion
from duckstring.model.names import POND_NAME, Line, parse_line, parse_table_key
from duckstring.model.parts import MOST_ADOPTED, MOST_PARTS
from duckstring.model.permits import AttemptName

if TYPE_CHECKING:
    from duckstring.model.answers.runs import LineageTold

MOST_BYTES = 16_000
"""Of one attempt's lineage as text."""
_LONGEST = 4 * MOST_BYTES
"""What is longer was not written by ``to_text``."""
_SHORT = (",", ":")
_EARLIER = "*"
_WRITER = re.compile(r"([1-9][0-9]{0,14})-([a-z][a-z0-9_]{0,47})-([1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TableRead:
    """A table that an attempt has read. ``line``: whose it is; empty: of the attempt's own Pond.

    ``writers``: ``RUN-RIPPLE-ATTEMPT`` for each attempt that wrote objects of the version, in the
    order of writing: the last one wrote it last. Where only what is new was read (``read_delta``),
    these objects alone; none: nothing was new. ``is_sure``: it was read. Otherwise it may have
    been: the code names it, and could reach it. ``and_earlier``: rows of earlier attempts lie in
    it, too, which are not named: of parts that were folded, or for which there was no room.
    """

    line: str
    table: str
    writers: tuple[str, ...]
    is_sure: bool = True
    and_earlier: bool = False

    @property
    def ref(self) -> str:
        """``orders``, or ``sales@1.orders``."""
        return f"{self.line}.{self.table}" if self.line else self.table


@dataclass(frozen=True, slots=True)
class Lineage:
    """What an attempt has read. ``is_open``: beside that it may have read any table that it could
    see. ``left_off``: so many more, for which there was no room.
    """

    reads: tuple[TableRead, ...] = ()
    is_open: bool = False
    left_off: int = 0


def writers_of(version: TableVersion, parts: Sequence[Part] | None = None) -> tuple[str, ...]:
    """Who wrote the objects that a version's rows lie in, each once, in order. ``parts``: or these
    objects of it.
    """
    wanted = version.live if parts is None else parts
    keys = (parse_table_key(version.key_of(part)) for part in wanted)
    return tuple(
        dict.fromkeys(f"{key.run}-{key.ripple}-{key.attempt}" for key in keys if key is not None)
    )


def has_earlier(version: TableVersion, parts: Sequence[Part] | None = None) -> bool:
    """Whether rows of attempts that ``writers_of`` does not name may lie in these objects. What
    another engine has written is of one attempt.
    """
    wanted = version.live if parts is None else parts
    return any(part.use == "base" and not part.is_adopted for part in wanted)


def writer_name(of: Line, writer: str) -> AttemptName | None:
    """The attempt that a text of ``writers_of`` names. None: it names none."""
    if not (found := _WRITER.fullmatch(writer)):
        return None
    return AttemptName(of, int(found[1]), found[2], int(found[3]))


def to_text(lineage: Lineage) -> str:
    """As text of at most ``MOST_BYTES``. First the earlier writers of tables go, then tables: those
    that were read for sure stay longest.
    """
    kept = replace(lineage, reads=tuple(sorted(lineage.reads, key=_by_certainty)))
    if len(text := _text(kept)) > MOST_BYTES:
        kept = replace(kept, reads=tuple(map(_with_last_writer, kept.reads)))
        text = _text(kept)
    while len(text) > MOST_BYTES:
        fewer = max(1, len(kept.reads) * (len(text) - MOST_BYTES) // len(text))
        kept = replace(kept, reads=kept.reads[:-fewer], left_off=kept.left_off + fewer)
        text = _text(kept)
    return text


def from_text(text: str) -> Lineage | None:
    """What ``to_text`` wrote. None: it is something else. Every worker may write any text here."""
    if len(text) > _LONGEST:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    reads: list[TableRead] = []
    for name, is_sure in (("read", True), ("may", False)):
        if (some := _reads(found.get(name, {}), is_sure=is_sure)) is None:
            return None
        reads += some
    left_off = found.get("left_off", 0)
    if isinstance(left_off, bool) or not isinstance(left_off, int) or left_off < 0:
        return None
    return Lineage(tuple(reads), found.get("open") is True, left_off)


def to_object(lineage: Lineage) -> LineageTold:
    """As answers have it."""
    return {
        "reads": [
            {
                "table": one.ref,
                "sure": one.is_sure,
                "writers": list(one.writers),
                "earlier": one.and_earlier,
            }
            for one in lineage.reads
        ],
        "open": lineage.is_open,
        "left_off": lineage.left_off,
    }


def _with_last_writer(read: TableRead) -> TableRead:
    some = read.and_earlier or len(read.writers) > 1
    return replace(read, writers=read.writers[-1:], and_earlier=some)


def _by_certainty(read: TableRead) -> tuple[bool, str]:
    return not read.is_sure, read.ref


def _text(lineage: Lineage) -> str:
    values: dict[str, object] = {
        name: {
            one.ref: [*([_EARLIER] if one.and_earlier else []), *one.writers]
            for one in lineage.reads
            if one.is_sure is sure
        }
        for name, sure in (("read", True), ("may", False))
    }
    if lineage.is_open:
        values["open"] = True
    if lineage.left_off:
        values["left_off"] = lineage.left_off
    return json.dumps({name: value for name, value in values.items() if value}, separators=_SHORT)


def _reads(found: object, *, is_sure: bool) -> list[TableRead] | None:
    if not isinstance(found, Mapping):
        return None
    reads = [_read(ref, writers, is_sure=is_sure) for ref, writers in found.items()]
    known = [one for one in reads if one is not None]
    return known if len(known) == len(reads) else None


def _read(ref: str, writers: object, *, is_sure: bool) -> TableRead | None:
    line, _, table = ref.rpartition(".")
    if not POND_NAME.fullmatch(table) or not (line == "" or _is_line(line)):
        return None
    if not isinstance(writers, list):
        return None
    named = writers[1:] if writers[:1] == [_EARLIER] else writers
    if len(named) > MOST_PARTS + MOST_ADOPTED or not _are_writers(named):
        return None
    return TableRead(line, table, tuple(named), is_sure, len(named) < len(writers))


def _is_line(text: str) -> bool:
    try:
        parse_line(text)
    except ValueError:
        return False
    return True


def _are_writers(found: Sequence[Any]) -> bool:
    return all(isinstance(one, str) and _WRITER.fullmatch(one) for one in found)
