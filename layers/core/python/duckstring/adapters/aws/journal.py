"""The journals of lines in DynamoDB.

The newest entries lie in the line's own item, so that a commit writes them with the state, in the
same request. When they have become long, the next commit first moves them to a chapter of their
own, with the state that they led to. The chapter is made of what was committed only. So a delivery
that dies after writing it, or that loses the race, loses nothing. The next one writes the same; or
it has shorter letters and goes on, and a later chapter has these entries once more.

A write is billed by the kilobyte, and the item is written with each commit. So entries are
compressed, and few of them lie in it (docs/cost.md has the arithmetic).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

import msgspec

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.batches import items
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import to_item
from duckstring.adapters.aws.layout import journal_partition, line_partition
from duckstring.adapters.aws.schemas import STAMP, readable
from duckstring.engine.journal import Chapter, Entry
from duckstring.model.instants import NEVER, Instant, from_text, to_text
from duckstring.model.limits import MOST_ITEM_BYTES
from duckstring.model.names import Line
from duckstring.model.wire import storable
from duckstring.orchestrator.ports import Held, Tail

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

ENOUGH, FULL = 300, 900
"""Bytes of packed entries. From the first number on, they are moved when they make the line's item
a kilobyte longer, which is billed with each of its writes. From the second on, always.
"""
_KILOBYTE = 1024
_START = "0"
"""What a new line's entries follow. It sorts before all keys of chapters."""
_LAST = "~"
_MARGIN = 4
"""A chapter is also ended after this part of the time that journals are kept, and is kept so much
longer: entries that are still kept must have the chapter before them.
"""
_ROOM = 200
"""For the names and the key that go with the entries."""
_encoder = msgspec.json.Encoder()


class JournalWriter:
    """Adds entries to journals. The store of states writes what ``add`` returns."""

    def __init__(
        self, put: Callable[[Mapping[str, Any]], None], kept: timedelta, full: int = 0
    ) -> None:
        """``put`` stores the item of a chapter, which is ``kept`` for so long. ``full``: in the
        place of FULL.
        """
        self._put, self._kept, self._full = put, kept, full or FULL

    def add(self, held: Held, entry: Entry, *, size: int) -> Tail:
        """The entries that the line's item is to have after a commit from ``held``. ``size``: of
        the rest of that item, in bytes.

        An entry for which there is no room is left out, and the journal says so: no commit fails
        for its journal.
        """
        line, tail = _line(entry), Tail(_START) if held.state.revision == 0 else held.tail
        packed = _pack(_unpack(tail.packed) + line)
        if self._is_over(tail, entry.now) or self._is_long(tail, packed, line, size):
            tail = self._end_chapter(held, entry.now)
            packed = _pack(line)
        if size + len(packed) <= MOST_ITEM_BYTES - _ROOM:
            return Tail(tail.after, packed)
        return self._left_out(entry, size)

    def _is_over(self, tail: Tail, now: Instant) -> bool:
        """Whether entries do not go on from a chapter that will still be there."""
        if tail.after == _START:
            return False
        return not tail.after or now - at_of(tail.after) > self._kept / _MARGIN

    def _is_long(self, tail: Tail, packed: bytes, line: bytes, size: int) -> bool:
        if len(tail.packed) >= self._full or size + len(packed) > MOST_ITEM_BYTES - _ROOM:
            return bool(tail.packed)
        is_enough = len(tail.packed) >= min(ENOUGH, self._full)
        return is_enough and _units(size + len(packed)) > _units(size + len(_pack(line)))

    def _left_out(self, entry: Entry, size: int) -> Tail:
        """Without what the letters said. The next commit begins a chapter, because of ``after``."""
        packed = _pack(_line(Entry(entry.revision, entry.now, left_out=len(entry.signals))))
        return Tail("", packed if size + len(packed) <= MOST_ITEM_BYTES - _ROOM else b"")

    def _end_chapter(self, held: Held, now: Instant) -> Tail:
        """Write what the item of ``held`` has of the journal, and its state, as a chapter."""
        line, state = held.state.line, codec.state_to_text(held.state).encode()
        key = _key(held)
        for entries in (_unpack(held.tail.packed), b""):
            whole = b'{"state":' + state + b',"entries":[' + entries.rstrip(b",") + b"]}"
            packed = _pack(whole)
            if len(packed) <= MOST_ITEM_BYTES - _ROOM:
                expires = int((now + self._kept + self._kept / _MARGIN).timestamp())
                key_of = to_item({"pk": journal_partition(line), "sk": key, "expires": expires})
                self._put({**key_of, **STAMP, "chapter": {"B": packed}})
                return Tail(key)
        return Tail()


class DynamoJournal:
    """``ports.JournalReader``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Read journals in ``table``."""
        self._clients, self._table = clients, table

    def open_chapters(self, lines: Collection[Line]) -> Mapping[Line, Chapter]:
        """What the items of these lines have: their newest entries, and their states.

        Raises:
            NewerSchemaError: a newer release wrote one of them.
        """
        keys = (to_item({"pk": line_partition(line), "sk": "STATE"}) for line in sorted(set(lines)))
        found = map(_open_chapter, items(self._clients, self._table, keys))
        return {chapter.state.line: chapter for chapter in found}

    def before(self, line: Line, at: Instant) -> Chapter | None:
        """The last chapter that ends at ``at`` or earlier."""
        found = self._query(line, _START, f"{to_text(at)}{_LAST}", newest_first=True)
        return next(found, None)

    def following(self, line: Line, chapter: Chapter | None) -> Iterator[Chapter]:
        """The chapters that come after one, or all, the oldest first."""
        return self._query(line, chapter.key + _LAST if chapter else _START, _LAST)

    def _query(
        self, line: Line, first: str, last: str, *, newest_first: bool = False
    ) -> Iterator[Chapter]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {":pk": journal_partition(line), ":first": first, ":last": last}
            ),
            ScanIndexForward=not newest_first,
            PaginationConfig={"PageSize": 1 if newest_first else 2},
        )
        return (ended_chapter(line, item) for page in pages for item in page["Items"])


def tail_attributes(tail: Tail) -> dict[str, AttributeValueTypeDef]:
    """What a line's item has of its journal."""
    found: dict[str, AttributeValueTypeDef] = {}
    if tail.packed:
        found["journal"] = {"B": tail.packed}
    if tail.after:
        found["journal_after"] = {"S": tail.after}
    return found


def read_tail(item: Item) -> Tail:
    """Read what ``tail_attributes`` gave."""
    after = item["journal_after"]["S"] if "journal_after" in item else ""
    return Tail(after, bytes(item["journal"]["B"]) if "journal" in item else b"")


def at_of(key: str) -> Instant:
    """The instant in a chapter's key."""
    return from_text(key.partition("#")[0])


def _key(held: Held) -> str:
    """Sorts as the revisions do, also if a clock was set back."""
    before = held.tail.after if held.tail.after not in ("", _START) else to_text(NEVER)
    at = max(to_text(held.committed), before.partition("#")[0])
    return f"{at}#{held.state.revision:012d}"


def _open_chapter(item: Item) -> Chapter:
    line = Line(item["pk"]["S"].partition("#")[2])
    readable(item, f"the state of {line}")
    at = from_text(item["committed"]["S"]) if "committed" in item else NEVER
    return Chapter(
        codec.state_from_text(item["state"]["S"]), at, entries=entries_of(read_tail(item))
    )


def entries_of(tail: Tail) -> tuple[Entry, ...]:
    """What a line's own item has of its journal."""
    return _entries(json.loads(b"[" + _unpack(tail.packed).rstrip(b",") + b"]"))


def ended_chapter(line: Line, item: Item) -> Chapter:
    """A chapter that was ended."""
    key = item["sk"]["S"]
    readable(item, f"the journal of {line}")
    whole = json.loads(_unpack(bytes(item["chapter"]["B"])))
    state = codec.state_from_text(json.dumps(whole["state"], separators=(",", ":")))
    return Chapter(state, at_of(key), key, _entries(whole["entries"]))


def _entries(found: list[dict[str, Any]]) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            one["revision"],
            from_text(one["now"]),
            tuple(map(codec.signal_of, one.get("signals", ()))),
            one.get("spent", 0),
            one.get("left_out", 0),
        )
        for one in found
    )


def _line(entry: Entry) -> bytes:
    """With a comma at its end: the entries of a chapter are a list."""
    try:
        text = _encoder.encode(entry)
    except UnicodeEncodeError:  # a lone surrogate: nothing can store it
        text = json.dumps(storable(codec.to_object(entry)), ensure_ascii=False).encode()
    return text + b","


def _units(size: int) -> int:
    return ceil(size / _KILOBYTE)


def _pack(text: bytes) -> bytes:
    return zlib.compress(text, 6)


def _unpack(packed: bytes) -> bytes:
    return zlib.decompress(packed) if packed else b""
