"""What the sweep looks at and clears away: executions, manifests, table versions, uploads.
Everything by pages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.executions import execution_arn, stop_execution
from duckstring.adapters.aws.items import code_of, to_item, update
from duckstring.adapters.aws.layout import (
    MEMO,
    attempt_key,
    former_key,
    parse_memo_key,
    work_partition,
)
from duckstring.adapters.aws.published import dropped_key, read_dropped
from duckstring.adapters.aws.rows import attempt_row, complete
from duckstring.adapters.aws.state import manifest_key, read_manifest
from duckstring.engine.pins import objects_of
from duckstring.errors import TransientError
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line, execution_name

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow

_DATA = "data/"
_ARTIFACTS = "artifacts/"
_BATCH = 1000
_EVERY = timedelta(hours=6)
_PREFIX = "MANIFEST#"


class MachineReader:
    """``ports.ExecutionReader``."""

    def __init__(self, clients: Clients, machine: str) -> None:
        """Look at executions of the state machine with ARN ``machine``."""
        self._clients, self._machine = clients, machine

    def describe(self, line: Line, *, run: int, launch: int) -> tuple[str, str] | None:
        """(status, cause); None if there is no such execution.

        Raises:
            TransientError: so many executions are in flight that Step Functions puts the question
                off.
        """
        arn = execution_arn(self._machine, execution_name(line, run, launch))
        try:
            found = self._clients.stepfunctions.describe_execution(executionArn=arn)
        except ClientError as error:
            if code_of(error) == "ThrottlingException":
                raise TransientError(
                    "Step Functions is asked too much at once.", hint="The next sweep asks again."
                ) from error
            if code_of(error) != "ExecutionDoesNotExist":
                raise
            return None
        words = [word for word in (found.get("error"), found.get("cause")) if word]
        return found["status"], ": ".join(words)

    def stop(self, line: Line, *, run: int, launch: int) -> None:
        """Stop it; one that is over is success."""
        name = execution_name(line, run, launch)
        stop_execution(self._clients, execution_arn(self._machine, name))


class AttemptRowReader:
    """``ports.AttemptReader``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Rows lie in ``table``."""
        self._clients, self._table = clients, table

    def attempt(self, line: Line, *, run: int, ripple: str, attempt: int) -> AttemptRow | None:
        """Its row as it lies there; None: nobody has begun or ended it."""
        key = attempt_key(line, run, ripple, attempt)
        for place in (key, former_key(line, key)):
            if found := self._clients.dynamodb.get_item(
                TableName=self._table, Key=place, ConsistentRead=True
            ).get("Item"):
                row = attempt_row(line, found)
                return complete(row) if row else None
        return None


class AwsGarbageStore:
    """``ports.GarbageStore``."""

    def __init__(self, clients: Clients, table: str, bucket: str) -> None:
        """Manifests lie in ``table``, objects in ``bucket``."""
        self._clients, self._table, self._bucket = clients, table, bucket

    def claim(self, now: Instant) -> bool:
        """Whether it is time to tidy and nobody else does."""
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"pk": "CATALOG", "sk": "TIDIED"}),
                **update(
                    "SET #at = :now",
                    "attribute_not_exists(#at) OR #at <= :due",
                    {"now": to_text(now), "due": to_text(now - _EVERY)},
                ),
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def manifests(self, line: Line) -> Mapping[int, tuple[Instant, frozenset[str]]]:
        """Each manifest kept of a line.

        Raises:
            NewerSchemaError: a newer release wrote one of them.
        """
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": f"LINE#{line}", ":prefix": _PREFIX}),
        )
        found = [read_manifest(item)[1] for page in pages for item in page["Items"]]
        return {one.run: (one.f, objects_of(one)) for one in found}

    def dropped(self, lines: Collection[Line]) -> Mapping[Line, int]:
        """The greatest number of a manifest that was forgotten, of each line for which that is
        recorded.
        """
        return read_dropped(self._clients, self._table, lines)

    def record_dropped(self, line: Line, number: int) -> None:
        """Record that manifests up to this number were forgotten, unless a greater one is
        recorded.
        """
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=dropped_key(line),
                **update(
                    "SET #number = :number",
                    "attribute_not_exists(#number) OR #number < :number",
                    {"number": number},
                ),
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise

    def drop_manifests(self, line: Line, numbers: Collection[int]) -> None:
        """Forget manifests."""
        for number in numbers:
            self._clients.dynamodb.delete_item(
                TableName=self._table, Key=manifest_key(line, number)
            )

    def memos(self, line: Line, before: Instant) -> Mapping[str, int]:
        """What a line's Ripples remember that nobody has looked at since: its name to the number
        of its run.
        """
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ProjectionExpression="sk, looked",
            ExpressionAttributeValues=to_item({":pk": work_partition(line), ":prefix": MEMO}),
        )
        # Workers write them, and so may whatever code they run.
        looked = {
            item["sk"]["S"]: item.get("looked", {}).get("S")
            for page in pages
            for item in page["Items"]
        }
        old = [name for name, at in looked.items() if at is not None and at < to_text(before)]
        return {name: run for name in old if (run := parse_memo_key(name)) is not None}

    def drop_memos(self, line: Line, names: Collection[str]) -> None:
        """Forget what Ripples remembered."""
        for name in names:
            self._clients.dynamodb.delete_item(
                TableName=self._table, Key=to_item({"pk": work_partition(line), "sk": name})
            )

    def objects(self, before: Instant) -> Iterator[str]:
        """The keys of all table versions written before an instant."""
        return self._older(_DATA, before)

    def packages(self, before: Instant) -> Iterator[str]:
        """The keys of all packages uploaded before an instant, a Pond's together: keys are
        listed in order.
        """
        return self._older(_ARTIFACTS, before)

    def _older(self, prefix: str, before: Instant) -> Iterator[str]:
        for page in self._clients.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        ):
            yield from (
                found["Key"] for found in page.get("Contents", []) if found["LastModified"] < before
            )

    def drop_objects(self, keys: Collection[str]) -> None:
        """Delete objects, a thousand a request."""
        rest = iter(keys)
        while batch := list(islice(rest, _BATCH)):
            self._clients.s3.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True},
            )

    def abort_uploads(self, before: Instant) -> int:
        """Abort uploads begun before an instant and never completed."""
        aborted = 0
        for page in self._clients.s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=_DATA
        ):
            for upload in page.get("Uploads", []):
                if upload["Initiated"] < before:
                    aborted += self._abort(upload["Key"], upload["UploadId"])
        return aborted

    def _abort(self, key: str, upload: str) -> int:
        try:
            self._clients.s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
        except ClientError as error:
            if code_of(error) != "NoSuchUpload":
                raise
            return 0
        return 1
