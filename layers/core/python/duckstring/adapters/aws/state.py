"""Lines' states in DynamoDB: one item for each line, replaced only at the revision that was
read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.arrived import items_of, kept_of
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.journal import JournalWriter, read_tail, tail_attributes
from duckstring.adapters.aws.rest_index import attributes
from duckstring.adapters.aws.schemas import STAMP, readable, schema_of
from duckstring.engine.effects import AnswerGate, Effect, KeepArrival, PublishSnapshot
from duckstring.engine.journal import Entry
from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError, StateTooLargeError
from duckstring.model.arrivals import ArrivedObject
from duckstring.model.costs import from_text as used_from_text
from duckstring.model.costs import to_text as used_to_text
from duckstring.model.instants import NEVER, Instant, from_text, to_text
from duckstring.model.limits import MOST_ITEM_BYTES
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.ports import Held
from duckstring.ports import Mark

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        PutTypeDef,
        TransactWriteItemTypeDef,
    )

    Item = dict[str, AttributeValueTypeDef]

_RACE = {
    "ConditionalCheckFailedException",
    "TransactionCanceledException",
    "TransactionConflictException",
}


class DynamoStateStore:
    """``ports.StateStore``, and ``ports.Snapshots``: manifests are written by the commit that
    makes them current.
    """

    def __init__(self, clients: Clients, table: str, journal_kept: timedelta | None = None) -> None:
        """Keep states in ``table``, and journals for ``journal_kept`` (None: none)."""
        self._clients, self._table = clients, table
        self._journal = JournalWriter(self._put, journal_kept) if journal_kept else None

    def load(self, line: Line) -> Held:
        """A strongly consistent read.

        Raises:
            NewerSchemaError: a newer release wrote it.
        """
        got = self._clients.dynamodb.get_item(
            TableName=self._table, Key=state_key(line), ConsistentRead=True
        )
        item = got.get("Item")
        return read_held(item) if item else Held(PondState(line))

    def commit(
        self,
        held: Held,
        state: PondState,
        outbox: tuple[Effect, ...],
        mark: Mark,
        now: Instant = NEVER,
        entry: Entry | None = None,
    ) -> Held:
        """One conditional write; a transaction where a snapshot is published or an arrival kept.
        Now and then a chapter of the journal is written before it.
        """
        new = Held(replace(state, revision=held.state.revision + 1), outbox, mark, now, held.used)
        item = checked(_item(new), state.line)
        if self._journal is not None and entry is not None:
            tail = self._journal.add(held, entry, size=size_of(item))
            new, item = replace(new, tail=tail), {**item, **tail_attributes(tail)}
        put: PutTypeDef = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk) OR revision = :held"
            if held.state.revision == 0
            else "revision = :held",
            "ExpressionAttributeValues": {":held": {"N": str(held.state.revision)}},
        }
        more: list[TransactWriteItemTypeDef] = [
            {"Put": one} for effect in outbox for one in self._written_with(state.line, effect)
        ]
        try:
            if more:
                self._clients.dynamodb.transact_write_items(TransactItems=[{"Put": put}, *more])
            else:
                self._clients.dynamodb.put_item(**put)
        except ClientError as error:
            if _is_race(error):
                raise StateConflictError(
                    f"{state.line} was committed by another delivery since revision "
                    f"{held.state.revision}."
                ) from error
            raise
        return new

    def _put(self, item: Mapping[str, AttributeValueTypeDef]) -> None:
        self._clients.dynamodb.put_item(TableName=self._table, Item=item)

    def clear(self, held: Held) -> None:
        """Remove the outbox, unless a newer commit has replaced it."""
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=state_key(held.state.line),
                UpdateExpression="REMOVE outbox",
                ConditionExpression="revision = :held",
                ExpressionAttributeValues={":held": {"N": str(held.state.revision)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _RACE:
                raise

    def read(self, line: Line, number: int) -> PublishSnapshot | None:
        """The manifest that run ``number`` of ``line`` published.

        Raises:
            NewerSchemaError: a newer release wrote it.
        """
        got = self._clients.dynamodb.get_item(
            TableName=self._table, Key=manifest_key(line, number), ConsistentRead=True
        )
        item = got.get("Item")
        if item is None:
            return None
        return read_manifest(item)[1]

    def schema(self, line: Line) -> int:
        """The schema of a line's item, which may be newer than ours; 0: it has none."""
        got = self._clients.dynamodb.get_item(
            TableName=self._table, Key=state_key(line), ConsistentRead=True
        )
        return schema_of(got.get("Item", {}))

    def kept(self, line: Line, found: Collection[ArrivedObject]) -> Collection[str]:
        """Those of which the line has kept the arrival before."""
        return kept_of(self._clients, self._table, line, {one.identity for one in found})

    def _written_with(self, line: Line, effect: Effect) -> Iterator[PutTypeDef]:
        match effect:
            case PublishSnapshot():
                yield self._manifest(line, effect)
            case KeepArrival():
                for item in items_of(line, effect):
                    yield {"TableName": self._table, "Item": item}
            case _:
                pass

    def _manifest(self, line: Line, snapshot: PublishSnapshot) -> PutTypeDef:
        item: Item = {
            **manifest_key(line, snapshot.run),
            **STAMP,
            "f": {"S": to_text(snapshot.f)},
            "tables": {"S": codec.tables_to_text(snapshot.tables)},
        }
        if snapshot.dropped:
            item["dropped"] = {"S": codec.dropped_to_text(snapshot.dropped)}
        if snapshot.warnings:
            item["warnings"] = {"S": codec.warnings_to_text(snapshot.warnings)}
        if snapshot.positions is not None:
            item["positions"] = {"S": codec.positions_to_text(snapshot.positions)}
        if snapshot.held_f != NEVER:
            item["held_f"] = {"S": to_text(snapshot.held_f)}
        return {"TableName": self._table, "Item": checked(item, line)}


def checked(
    item: Item, of: str, hint: str = "Divide the Pond, or write fewer, larger tables."
) -> Item:
    """The item, if DynamoDB takes it: a request that it refuses would be made again for hours.

    Raises:
        StateTooLargeError: it has no room for all of it. ``of``: whose it is; ``hint``: what to do.
    """
    size = size_of(item)
    if size > MOST_ITEM_BYTES:
        raise StateTooLargeError(
            f"{item['sk']['S']} of {of} would have {size:,} bytes; there is room for "
            f"{MOST_ITEM_BYTES:,}.",
            hint=hint,
        )
    return item


def size_of(item: Mapping[str, AttributeValueTypeDef]) -> int:
    """The bytes of an item of texts and numbers."""
    return sum(
        len(name) + len(text.encode())
        for name, value in item.items()
        for text in value.values()
        if isinstance(text, str)
    )


def _is_race(error: ClientError) -> bool:
    """A transaction is also cancelled for reasons that no other delivery made."""
    reasons = {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])}
    return error.response["Error"]["Code"] in _RACE and reasons <= {
        "None",
        "ConditionalCheckFailed",
        "TransactionConflict",
    }


def state_key(line: Line) -> Item:
    """The key of a line's state item."""
    return {"pk": {"S": f"LINE#{line}"}, "sk": {"S": "STATE"}}


def manifest_key(line: Line, number: int) -> Item:
    """The key of a manifest."""
    return {"pk": {"S": f"LINE#{line}"}, "sk": {"S": f"MANIFEST#{number:010d}"}}


def read_manifest(item: Mapping[str, AttributeValueTypeDef]) -> tuple[Line, PublishSnapshot]:
    """The line and the values of a manifest item.

    Raises:
        NewerSchemaError: a newer release wrote it.
    """
    line, number = item["pk"]["S"].removeprefix("LINE#"), int(item["sk"]["S"].partition("#")[2])
    readable(item, f"the manifest of run {number} of {line}")
    dropped = codec.dropped_from_text(item["dropped"]["S"]) if "dropped" in item else {}
    warnings = codec.warnings_from_text(item["warnings"]["S"]) if "warnings" in item else ()
    tables = codec.tables_from_text(item["tables"]["S"])
    f = from_text(item["f"]["S"])
    positions = codec.positions_from_text(item["positions"]["S"]) if "positions" in item else None
    held_f = from_text(item["held_f"]["S"]) if "held_f" in item else NEVER
    return Line(line), PublishSnapshot(number, f, tables, dropped, warnings, positions, held_f)


def _item(held: Held) -> Item:
    item: Item = {
        **state_key(held.state.line),
        **STAMP,
        "revision": {"N": str(held.state.revision)},
        "state": {"S": codec.state_to_text(held.state)},
        "mark": {"S": f"{held.mark[0]}:{held.mark[1]}"},
        "committed": {"S": to_text(held.committed)},
        **attributes(held.state),
    }
    if held.used:
        item["used"] = {"S": used_to_text(held.used)}
    if held.outbox:
        item["outbox"] = {"S": codec.outbox_to_text(tuple(map(_owed, held.outbox)))}
    return item


def _owed(effect: Effect) -> Effect:
    """As much of an effect as is needed to perform it once more. One failure may dismiss hundreds
    of branches.

    A manifest is written by the commit itself, and the reason of a failed run is in history, so a
    repeated effect leaves it out.
    """
    if isinstance(effect, PublishSnapshot):
        return replace(effect, tables={}, dropped={}, warnings=(), positions=None)
    if isinstance(effect, KeepArrival):
        return replace(effect, found=ArrivedObject("", ""))
    return (
        replace(effect, failure=None)
        if isinstance(effect, AnswerGate) and effect.failure
        else effect
    )


def read_held(item: Item) -> Held:
    """The values of a state item.

    Raises:
        NewerSchemaError: a newer release wrote it.
    """
    state = read_state(item)
    outbox = codec.outbox_from_text(item["outbox"]["S"], state.line) if "outbox" in item else ()
    used = used_from_text(item["used"]["S"]) if "used" in item else None
    return Held(state, outbox, *read_when(item), used or {}, read_tail(item))


def read_state(item: Mapping[str, AttributeValueTypeDef]) -> PondState:
    """The state in a state item.

    Raises:
        NewerSchemaError: a newer release wrote it.
    """
    readable(item, f"the state of {item['pk']['S'].removeprefix('LINE#')}")
    return codec.state_from_text(item["state"]["S"])


def read_when(item: Mapping[str, AttributeValueTypeDef]) -> tuple[Mark, Instant]:
    """The last letter that a state item's line has consumed, and when it was committed."""
    sent, _, sequence = item["mark"]["S"].partition(":")
    return (int(sent), sequence), from_text(
        item["committed"]["S"]
    ) if "committed" in item else NEVER
