"""What is known of the Catchment's databases in Glue: items of the table, and listings in the
bucket.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of, to_item, update
from duckstring.adapters.aws.schemas import STAMP, readable
from duckstring.model.iceberg import FOLDER, Database, Listing, databases, listing_key
from duckstring.model.instants import Instant, to_text
from duckstring.model.lake import ALL_LINES, LOOK
from duckstring.model.names import Line

if TYPE_CHECKING:
    from duckstring.adapters.aws.items import Item

PARTITION = "ICEBERG"
_EVERY = timedelta(hours=1)
_GONE = frozenset({"NoSuchKey", "404"})


class IcebergDatabases:
    """``exporter.iceberg_ports.DatabaseStore``, and ``api.ports.IcebergReader``."""

    def __init__(self, clients: Clients, table: str, bucket: str) -> None:
        """Nothing is read yet."""
        self._clients, self._table, self._bucket = clients, table, bucket

    def all(self) -> Mapping[str, Database]:
        """All of them, by name.

        Raises:
            NewerSchemaError: a newer release wrote one.
        """
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": PARTITION}),
            ConsistentRead=True,
        )
        found = [_database(item) for page in pages for item in page["Items"]]
        return {one.name: one for one in found}

    def read(self, name: str) -> Database | None:
        """One as it is now. None: nothing is known of it."""
        got = self._clients.dynamodb.get_item(
            TableName=self._table, Key=_key(name), ConsistentRead=True
        )
        return _database(got["Item"]) if "Item" in got else None

    def listing(self, database: Database) -> Listing | None:
        """What its tables name. None: that is gone (it was of a bucket before), or broken."""
        try:
            got = self._clients.s3.get_object(Bucket=self._bucket, Key=database.listing)
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            return None
        try:
            return msgspec.json.decode(zlib.decompress(got["Body"].read()), type=Listing)
        except (zlib.error, msgspec.MsgspecError):
            return None

    def keep(self, database: Database, listing: Listing, *, over: Database | None) -> bool:
        """Store it in the place of ``over``, the listing first."""
        key = listing_key(database.name, database.stamp)
        body = zlib.compress(msgspec.json.encode(listing))
        self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=body)
        told = msgspec.json.encode(msgspec.structs.replace(database, listing=key)).decode()
        item = {**_key(database.name), **STAMP}
        item |= to_item({"stamp": database.stamp, "database": told})
        return self._is_done("put_item", over, Item=item)

    def forget(self, database: Database) -> bool:
        """Delete it."""
        return self._is_done("delete_item", database, Key=_key(database.name))

    def _is_done(self, operation: str, over: Database | None, **request: object) -> bool:
        condition: dict[str, object] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if over is not None:
            condition = {
                "ConditionExpression": "stamp = :stamp",
                "ExpressionAttributeValues": to_item({":stamp": over.stamp}),
            }
        try:
            getattr(self._clients.dynamodb, operation)(
                TableName=self._table, **request, **condition
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True


class SweptIceberg:
    """``sweep.ports.Iceberg``."""

    def __init__(
        self, clients: Clients, table: str, bucket: str, *, catchment: str, queue: str
    ) -> None:
        """``queue``: where exports are asked for; empty: the Catchment has no Iceberg tables."""
        self._clients, self._bucket, self._queue = clients, bucket, queue
        self._catchment, self._table = catchment, table
        self._databases = IcebergDatabases(clients, table, bucket)

    @property
    def is_there(self) -> bool:
        """Whether the Catchment has Iceberg tables."""
        return bool(self._queue)

    def names(self, lines: Collection[Line]) -> Mapping[Line, str]:
        """What the database of each line is called."""
        return databases(self._catchment, lines)

    def databases(self) -> Collection[Database]:
        """What is known of the databases."""
        return list(self._databases.all().values()) if self._queue else []

    def named(self) -> set[str]:
        """The keys of all that their tables name, and of the listings that say so.

        What an export names meanwhile is younger than what the sweep deletes. A listing that is
        gone is asked for.
        """
        found: set[str] = set()
        for one in self.databases():
            listing = self._databases.listing(one)
            if listing is None:
                self.ask([one.line])
            else:
                found |= {one.listing, *listing.keys}
        return found

    def ask(self, lines: Collection[Line]) -> None:
        """Ask for an export of these lines; of none: of all."""
        body = json.dumps({"lines": sorted(lines) or ALL_LINES})
        self._clients.sqs.send_message(QueueUrl=self._queue, MessageBody=body)

    def claim_look(self, now: Instant) -> bool:
        """Whether an hour has gone by since the last look, and nobody else looks."""
        condition = "attribute_not_exists(#looked) OR #looked <= :due"
        values = {"now": to_text(now), "due": to_text(now - _EVERY)}
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                # Beside the sweep's other notes: copies of a Catchment leave this item out.
                Key=to_item({"pk": "CATALOG", "sk": "TIDIED"}),
                **update("SET #looked = :now", condition, values),
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def look(self) -> None:
        """Ask for an export of all lines, and for a look at what was exported before."""
        self._clients.sqs.send_message(QueueUrl=self._queue, MessageBody=LOOK)

    def outdated(self, before: Instant, named: Collection[str]) -> Iterator[str]:
        """The keys of Iceberg's files, of copies and of listings that were stored before an instant
        and that are not ``named``.

        An export that has not come to its end may have named more than it could say.
        """
        unfinished = tuple(
            f"{FOLDER}{one.name}/"
            for one in self.databases()
            if not one.shown or one.listing not in named
        )
        pages = self._clients.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=FOLDER):
            for one in page.get("Contents", []):
                key = one["Key"]
                is_needed = key in named or key.startswith(unfinished)
                if one["LastModified"] < before and not is_needed:
                    yield key


def _key(name: str) -> Item:
    return to_item({"pk": PARTITION, "sk": name})


def _database(item: Mapping[str, Any]) -> Database:
    readable(item, f"what is known of {item['sk']['S']}")
    return msgspec.json.decode(item["database"]["S"], type=Database)
