"""AWS as the ripple worker needs it: its line's state, packages, rows of attempts, and the Catchment's secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError, TransientError
from duckstring.model.attempts import TAKEN, AttemptFinished, AttemptStarted
from duckstring.model.instants import to_text
from duckstring.model.names import Line, run_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_LONG_TEXT, _KEPT_TEXT = 60_000, 20_000
_OPEN_ROW = "attribute_not_exists(pk) OR #status = :running"


class DynamoStates:
    """``run_ripple.StateReader``: the orchestrator's items, read only."""

    def __init__(self, store: DynamoStateStore) -> None:
        """Read what ``store`` keeps."""
        self._store = store

    def read(self, line: Line) -> PondState:
        """A strongly consistent read."""
        return self._store.load(line).state


class S3Artifacts:
    """``run_ripple.Artifacts``."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        """Packages of the Catchment with this bucket."""
        self._clients, self._bucket = clients, bucket

    def fetch(self, key: str) -> bytes:
        """The package under ``key``.

        Raises:
            TransientError: S3 has no such object (yet).
        """
        try:
            return self._clients.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                raise TransientError(f"The package {key} is not in the Catchment's bucket.", hint="Deploy the Pond again.") from error
            raise


class SecretEntries:
    """``run_ripple.Secrets``: read at each attempt, so that what was set counts at once."""

    def __init__(self, clients: Clients, arn: str) -> None:
        """The secret ``arn``; empty: this Catchment has none."""
        self._clients, self._arn = clients, arn

    def entries(self) -> Mapping[str, str]:
        """The JSON object in the secret.

        Raises:
            OperatorError: the secret holds something else.
        """
        if not self._arn:
            return {}
        text = self._value()
        try:
            found = json.loads(text) if text.strip() else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise OperatorError(
                "The Catchment's secret is no JSON object.", hint="Put one: aws secretsmanager put-secret-value (docs/aws.md)."
            )
        return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}

    def _value(self) -> str:
        """A secret that nobody has put a value into is there, and holds nothing."""
        try:
            return self._clients.secretsmanager.get_secret_value(SecretId=self._arn).get("SecretString", "")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return ""


class AttemptRows:
    """``run_ripple.AttemptHistory``: rows in DynamoDB, long texts in S3."""

    def __init__(self, clients: Clients, table: str, bucket: str) -> None:
        """Rows in ``table``, what is too long for them in ``bucket``."""
        self._clients, self._table, self._bucket = clients, table, bucket

    def started(self, line: Line, row: AttemptStarted) -> bool:
        """Write that an attempt runs, unless it was taken."""
        site = row.site
        values: dict[str, str | int] = {
            "run": run_key(line, row.run),
            "ripple": row.ripple,
            "attempt": row.attempt,
            "status": "running",
            "started": to_text(row.started),
            "where": site.where,
            "memory_mib": site.memory_mib,
            "log_group": site.log_group,
            "log_stream": site.log_stream,
            "request_id": site.request_id,
        }
        return self._update(line, row, values)

    def finished(self, line: Line, row: AttemptFinished) -> bool:
        """Complete its row, unless it was taken."""
        sizes = {name: {"rows": table.rows, "bytes": table.bytes} for name, table in sorted(row.tables.items())}
        values: dict[str, str | int] = {
            "status": row.status,
            "finished": to_text(row.finished),
            "rows": sum(table.rows for table in row.tables.values()),
            "bytes": sum(table.bytes for table in row.tables.values()),
            "tables": json.dumps(sizes, separators=(",", ":")),
        }
        if row.status == "failed":
            values |= {"error": row.error, "message": row.message, "traceback": row.traceback} | self._overflow(line, row)
        return self._update(line, row, values)

    def taken(self, line: Line, *, run: int, ripple: str, attempt: int) -> str | None:
        """A cheap read, which may be a moment behind."""
        return self._taken(_attempt_key(line, run, ripple, attempt), consistent=False)

    def _taken(self, key: Mapping[str, AttributeValueTypeDef], *, consistent: bool) -> str | None:
        found = self._clients.dynamodb.get_item(
            TableName=self._table,
            Key=key,
            ConsistentRead=consistent,
            ProjectionExpression="#status",
            ExpressionAttributeNames={"#status": "status"},
        )
        status = found.get("Item", {}).get("status", {}).get("S", "")
        return status if status in TAKEN else None

    def _overflow(self, line: Line, row: AttemptFinished) -> dict[str, str | int]:
        if len(row.message) + len(row.traceback) <= _LONG_TEXT:
            return {}
        key = f"errors/{line}/{row.run}-{row.ripple}-{row.attempt}.txt"
        text = row.traceback if row.message in row.traceback else f"{row.message}\n\n{row.traceback}"
        self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="text/plain; charset=utf-8")
        return {"message": row.message[:_KEPT_TEXT], "traceback": row.traceback[:_KEPT_TEXT], "overflow": key}

    def _update(self, line: Line, row: AttemptStarted | AttemptFinished, values: Mapping[str, str | int]) -> bool:
        """Set attributes of a row, unless it is closed: a worker that was given up does not reopen it. False: it was taken."""
        key = _attempt_key(line, row.run, row.ripple, row.attempt)
        written: dict[str, AttributeValueTypeDef] = {
            f":{name}": {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in values.items()
        }
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
                ConditionExpression=_OPEN_ROW,
                ExpressionAttributeNames={"#status": "status"} | {f"#{name}": name for name in values},
                ExpressionAttributeValues={":running": {"S": "running"}, **written},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return self._taken(key, consistent=True) is None
        return True


def _attempt_key(line: Line, run: int, ripple: str, attempt: int) -> dict[str, AttributeValueTypeDef]:
    return {"pk": {"S": f"LINE#{line}"}, "sk": {"S": f"ATTEMPT#{run:010d}#{ripple}#{attempt:04d}"}}
