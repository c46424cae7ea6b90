"""The lake's catalogs in the Catchment's bucket. The name of the newest is in the table."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypedDict

import msgspec
from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import Item, code_of, to_item
from duckstring.adapters.aws.schemas import STAMP, readable
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.lake import (
    ALL_LINES,
    FOLDER,
    LOOK,
    STABLE,
    Exported,
    Listing,
    listing_key,
    number_of,
)
from duckstring.model.names import Line

_GONE = frozenset({"NoSuchKey", "404"})
_TRIES = 3
_KEY = to_item({"pk": "LAKE", "sk": "LATEST"})
_SHOWN = "catalog"
"""The stable copy's metadata says which catalog it is a copy of."""


class _Condition(TypedDict, total=False):
    ConditionExpression: str
    ExpressionAttributeNames: dict[str, str]
    ExpressionAttributeValues: Item


class BucketLakes:
    """``exporter.ports.LakeStore``, and ``api.ports.LakeReader``."""

    def __init__(self, clients: Clients, table: str, bucket: str) -> None:
        """Nothing is read yet."""
        self._clients, self._table, self._bucket = clients, table, bucket

    def latest(self) -> Exported | None:
        """The newest catalog; None: nothing was ever exported.

        Raises:
            NewerSchemaError: a newer release wrote it.
        """
        got = self._clients.dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True)
        item = got.get("Item")
        if item is None:
            return None
        readable(item, "the lake's newest catalog")
        size, lines, tables = (int(item[name]["N"]) for name in ("bytes", "lines", "tables"))
        return Exported(
            number=int(item["number"]["N"]),
            key=item["key"]["S"],
            at=from_text(item["at"]["S"]),
            bytes=size,
            lines=lines,
            tables=tables,
            digest=item["digest"]["S"],
            expires=from_text(item["expires"]["S"]),
        )

    def fetch(self, exported: Exported, path: Path) -> bool:
        """Write a catalog to a file. False: it is gone."""
        content = self.read(exported.key)
        if content is not None:
            path.write_bytes(content)
        return content is not None

    def read(self, key: str) -> bytes | None:
        """An object; None: it is gone."""
        try:
            return self._clients.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            return None

    def keep(self, exported: Exported, path: Path, listing: Listing) -> None:
        """Store a catalog and its listing. This first: an object that is named without being listed
        could be deleted.
        """
        listed = zlib.compress(msgspec.json.encode(listing))
        for key, body in ((listing_key(exported.key), listed), (exported.key, path.read_bytes())):
            self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def commit(self, exported: Exported, *, over: Exported | None) -> bool:
        """Make it the newest one, in the place of ``over``."""
        item = {
            "number": exported.number,
            "key": exported.key,
            "at": to_text(exported.at),
            "bytes": exported.bytes,
            "lines": exported.lines,
            "tables": exported.tables,
            "digest": exported.digest,
            "expires": to_text(exported.expires),
        }
        condition: _Condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        if over is not None:
            condition = {
                "ConditionExpression": "#number = :over",
                "ExpressionAttributeNames": {"#number": "number"},
                "ExpressionAttributeValues": to_item({":over": over.number}),
            }
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table, Item={**_KEY, **STAMP, **to_item(item)}, **condition
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def show(self, exported: Exported) -> None:
        """Copy it to ``STABLE``. Another export may do the same at the same time, so each
        looks afterwards whether a newer one is there.
        """
        for _ in range(_TRIES):
            if self._shown() != exported.key:
                self._copy(exported.key)
            newest = self.latest()
            if newest is None or newest.key == exported.key:
                return
            exported = newest

    def _shown(self) -> str:
        try:
            found = self._clients.s3.head_object(Bucket=self._bucket, Key=STABLE)
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            return ""
        return found["Metadata"].get(_SHOWN, "")

    def _copy(self, key: str) -> None:
        try:
            self._clients.s3.copy_object(
                Bucket=self._bucket,
                Key=STABLE,
                CopySource={"Bucket": self._bucket, "Key": key},
                Metadata={_SHOWN: key},
                MetadataDirective="REPLACE",
            )
        except ClientError as error:
            if code_of(error) not in _GONE:  # a newer one has taken its place for a day
                raise


class ExportQueues:
    """``api.ports.Repairs``."""

    def __init__(self, clients: Clients, *, lake: str, iceberg: str) -> None:
        """The queues where exports are asked for; empty: there is none."""
        self._clients, self._lake, self._iceberg = clients, lake, iceberg

    def repair(self) -> None:
        """Ask each exporter for all lines, and for a look at what it exported."""
        for queue in filter(None, (self._lake, self._iceberg)):
            self._clients.sqs.send_message(QueueUrl=queue, MessageBody=LOOK)


class SweptLake:
    """``sweep.ports.Lake``."""

    def __init__(self, clients: Clients, table: str, bucket: str, queue: str) -> None:
        """``queue``: where exports are asked for; empty: the Catchment has no lake."""
        self._clients, self._bucket, self._queue = clients, bucket, queue
        self._lakes = BucketLakes(clients, table, bucket)

    @property
    def is_there(self) -> bool:
        """Whether the Catchment has a lake."""
        return bool(self._queue)

    def latest(self) -> Exported | None:
        """The newest catalog; None: there is none."""
        return self._lakes.latest() if self._queue else None

    def listing(self, exported: Exported) -> Listing | None:
        """What a catalog shows and names; None: it is gone."""
        listed = self._lakes.read(listing_key(exported.key))
        if listed is None:
            return None
        return msgspec.json.decode(zlib.decompress(listed), type=Listing)

    def ask(self, lines: Collection[Line]) -> None:
        """Ask for an export of these lines; of none: of all."""
        body = json.dumps({"lines": sorted(lines) or ALL_LINES})
        self._clients.sqs.send_message(QueueUrl=self._queue, MessageBody=body)

    def outdated(self, before: Instant) -> Iterator[str]:
        """The keys of catalogs and listings in whose place there was a newer one at an instant;
        without a lake, of all that were stored then.
        """
        newest = self.latest()
        stored = list(self._stored())
        if newest is None:
            yield from (key for key, at in stored if at < before)
            return
        kept = {newest.key, listing_key(newest.key), STABLE}
        numbers = {key: number for key, _ in stored if (number := number_of(key)) is not None}
        overtaken = max(
            (numbers[key] for key, at in stored if key in numbers and at < before), default=0
        )
        for key, at in stored:
            # An export that came second has left one of the newest's number, or of the next.
            is_left = at < before and numbers.get(key, 0) >= newest.number
            if key not in kept and (numbers.get(key, 0) < overtaken or is_left):
                yield key

    def _stored(self) -> Iterator[tuple[str, Instant]]:
        """Our objects, and when each was stored."""
        pages = self._clients.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=FOLDER):
            for one in page.get("Contents", []):
                if one["Key"] == STABLE or number_of(one["Key"]) is not None:
                    yield one["Key"], one["LastModified"]
