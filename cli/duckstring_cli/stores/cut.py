"""A consistent cut through a table at work: what it held at one moment, as far as lines can tell.

The states are read first. One line must not have heard what the other has not said yet, so lines
that are behind are read again until none is. All other items are read after that. What belongs to
runs that began later is left out, and runs that were in flight are so again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from duckstring.errors import OperatorError
from duckstring.model.names import key_of_file, table_of_key
from duckstring_cli.stores.held import Stores

Item = dict[str, Any]

HOME = {"pk": {"S": "CATALOG"}, "sk": {"S": "HOME"}}
LAKE = "LAKE"
ICEBERG = "ICEBERG"
"""What is known of Iceberg tables: they are the Catchment's own, not its copies'."""
LATEST = {"pk": {"S": LAKE}, "sk": {"S": "LATEST"}}
TIDIED = {"pk": {"S": "CATALOG"}, "sk": {"S": "TIDIED"}}
INDEXED = {"pk": {"S": "CATALOG"}, "sk": {"S": "INDEXED"}}
"""Since when the index of lines that are not at rest is whole: each table finds out for itself."""
_OF_THE_TABLE = {"HOME", "TIDIED", "INDEXED"}
_AT_ONCE = 10
"""DynamoDB reads 4 MB in one transaction: ten states, however large they are."""
_ROUNDS = 100
_NUMBERED = re.compile(r"(RUN|MANIFEST|ATTEMPT|MEMO)#([0-9]{10,15})(?:#([a-z0-9_]+)#([0-9]+))?")
_OF_THE_END = (
    *("finished", "changed", "overtaken_by", "ripple", "error", "message", "overflow"),
    "traceback",
)


@dataclass(frozen=True, slots=True)
class Held:
    """A line's state item, and what of it decides about other items."""

    item: Item
    state: Mapping[str, Any]

    @property
    def revision(self) -> int:
        """How often it was committed."""
        return int(self.item["revision"]["N"])

    @property
    def heard(self) -> Iterator[tuple[str, int]]:
        """Each other line, and the revision of its last word here."""
        for source, view in self.state.get("sources", {}).items():
            yield source, int((view.get("heard") or [0])[0])
        for sink, stamp in self.state.get("sinks", {}).items():
            yield sink, int(stamp[0])


def read_states(stores: Stores) -> dict[str, Held]:
    """All lines' states, consistent with each other.

    Raises:
        OperatorError: lines talk so much that no moment could be found.
    """
    held: dict[str, Held] = {}
    asked, wanted = set[str](), _lines(stores)
    for _ in range(_ROUNDS):
        if not wanted:
            return held
        held |= _read(stores, wanted)
        named = {other for one in held.values() for other, _ in one.heard}
        asked |= wanted
        wanted = (named - asked) | {
            other
            for one in held.values()
            for other, revision in one.heard
            if other in held and revision > held[other].revision
        }  # lines that have come since, and lines that are behind
    raise OperatorError(
        f"{len(wanted)} lines change faster than they can be read, among them "
        f"{', '.join(sorted(wanted)[:3])}.",
        hint="Do it again when less runs, or put some Ponds to sleep (duckstring control sleep).",
    )


def items_of(stores: Stores, held: Mapping[str, Held]) -> Iterator[Item]:
    """The items of the cut: the states, then all others, a page of the table at a time."""
    yield from (one.item for one in held.values())
    pages = (
        stores.open("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=stores.table, ConsistentRead=True)
    )
    for page in pages:
        for item in page["Items"]:
            if (kept := _kept(item, held)) is not None:
                yield kept


def _lines(stores: Stores) -> set[str]:
    """All lines that have a state. The catalog does not name those that others wait for."""
    pages = (
        stores.open("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=stores.table,
            ConsistentRead=True,
            FilterExpression="sk = :state",
            ProjectionExpression="pk",
            ExpressionAttributeValues={":state": {"S": "STATE"}},
        )
    )
    return {item["pk"]["S"].removeprefix("LINE#") for page in pages for item in page["Items"]}


def _read(stores: Stores, lines: Collection[str]) -> dict[str, Held]:
    rest, found = sorted(lines), {}
    while rest:
        batch, rest = rest[:_AT_ONCE], rest[_AT_ONCE:]
        answer = stores.open("dynamodb").transact_get_items(
            TransactItems=[
                {"Get": {"TableName": stores.table, "Key": _state_key(line)}} for line in batch
            ]
        )
        for line, one in zip(batch, answer["Responses"], strict=True):
            if item := one.get("Item"):
                found[line] = Held(item, json.loads(item["state"]["S"]))
    return found


def _state_key(line: str) -> Item:
    return {"pk": {"S": f"LINE#{line}"}, "sk": {"S": "STATE"}}


def _kept(item: Item, held: Mapping[str, Held]) -> Item | None:
    """The item as of the cut; None: it is none of it."""
    partition, _, line = item["pk"]["S"].partition("#")
    sort_key = item["sk"]["S"]
    if partition == "TOKEN" or sort_key == "STATE" or sort_key.startswith("TOKEN#"):
        return None  # tokens are of executions that a copy does not have
    if partition in {LAKE, ICEBERG} or (partition == "CATALOG" and sort_key in _OF_THE_TABLE):
        return None
    if partition in {"JOURNAL", "ARRIVED"}:
        return item if line in held and _is_counted(item, partition, held[line]) else None
    if partition not in {"LINE", "WORK"}:
        return item
    found = _NUMBERED.fullmatch(sort_key)
    if line not in held or found is None:
        return item if line in held else None
    return _of_run(item, found, held[line].state)


def _is_counted(item: Item, partition: str, held: Held) -> bool:
    """Whether a chapter, or an object that arrived, is one that the state knows of. An object that
    came later comes again as another.
    """
    sort_key = str(item["sk"]["S"])
    if partition == "JOURNAL":
        return int(sort_key.rpartition("#")[2]) <= held.revision
    told = item["number"]["N"] if "number" in item else sort_key.partition("#")[2]
    return int(told) <= int(held.state.get("arrived", 0))


def _of_run(item: Item, found: re.Match[str], state: Mapping[str, Any]) -> Item | None:
    kind, number, ripple, attempt = found.groups()
    if int(number) > int(state.get("runs_started", 0)):
        return None
    if kind == "MANIFEST" and int(number) > int(state.get("snapshot", 0)):
        return None
    run = state.get("runs", {}).get(str(int(number)))
    if run is None:
        return item
    if kind == "ATTEMPT" and int(attempt) > int(run.get("attempts", {}).get(ripple, 0)):
        return None
    if kind == "RUN" and item.get("status", {}).get("S") != "running":
        reopened = {name: value for name, value in item.items() if name not in _OF_THE_END}
        return reopened | {"status": {"S": "running"}}
    return item


def names_in(item: Item) -> Iterator[tuple[str, bool]]:
    """The keys of the objects that an item names, and whether it cannot do without them: the rest
    of a long text in history is no loss.
    """
    for attribute in ("state", "tables", "positions", "release"):
        if text := item.get(attribute, {}).get("S"):
            for key in _keys_in(json.loads(text)):
                yield key, True
    if key := item.get("overflow", {}).get("S"):
        yield key, False


def _keys_in(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _keys_in(one)
    if not isinstance(value, dict):
        return
    yield from _objects_of(value)
    for name, one in value.items():
        if name == "artifact" and isinstance(one, str) and one.startswith("artifacts/"):
            yield one
        else:
            yield from _keys_in(one)


def _objects_of(value: Mapping[str, Any]) -> Iterator[str]:
    """The objects of a table version, or the one that a position needs: a whole table. Any other
    position only says how far a Ripple has come.
    """
    key = value.get("key")
    if not isinstance(key, str) or not key.startswith("data/"):
        return
    if "table" in value or "whole" in value:
        yield key
    for file, *_ in value.get("parts", ()):
        if (part := key_of_file(table_of_key(key), file)) != key:
            yield part
