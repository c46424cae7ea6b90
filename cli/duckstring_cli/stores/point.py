"""Going back to a moment in an AWS account: DynamoDB restores the table into a new one, and the
objects that it names are undeleted. The table that is in use stays as it is.

It may be repeated from the top.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from duckstring.errors import OperatorError
from duckstring.model.instants import Instant, to_text
from duckstring_cli.errors import aws_code
from duckstring_cli.render import OnStep, Part
from duckstring_cli.stores import cut, settings
from duckstring_cli.stores.backup import last_version
from duckstring_cli.stores.held import Stores, found_or

_HELD = timedelta(days=2)
"""The sweep of the table in use must not delete again what was undeleted, until the restored table
is in its place.
"""
_POLL_SECONDS = 10
_LONGEST = 220


@dataclass(frozen=True, slots=True)
class Back:
    """What was restored. ``gone``: objects that the restored table names, and that are no more."""

    table: str
    at: Instant
    undeleted: int
    gone: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "table": self.table,
            "at": to_text(self.at),
            "undeleted": self.undeleted,
            "gone": list(self.gone),
        }


def check_moment(stores: Stores, at: Instant) -> None:
    """Whether the table can go back to a moment.

    Raises:
        OperatorError: it cannot, or not so far.
    """
    found = stores.open("dynamodb").describe_continuous_backups(TableName=stores.table)
    recovery = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        raise OperatorError(
            f"The table {stores.table} does not keep its past.",
            hint=f"From now on: duckstring catchment protect {stores.catchment.name}",
        )
    first, last = recovery["EarliestRestorableDateTime"], recovery["LatestRestorableDateTime"]
    if not first <= at <= last:
        raise OperatorError(
            f"The table {stores.table} cannot go back to {to_text(at)}.",
            hint=f"From {_utc(first)} to {_utc(last)} it can.",
        )


def _utc(at: datetime) -> str:
    return to_text(at.astimezone(UTC))


def restored_name(table: str, at: Instant) -> str:
    """The name of the table as of that moment; the name of one that was restored itself does not
    grow.
    """
    base = table.partition("--at-")[0][:_LONGEST]
    return f"{base}--at-{at:%Y%m%dT%H%M%SZ}"


def go_back(stores: Stores, at: Instant, on_step: OnStep) -> Back:
    """Restore the table as of ``at`` into a new one, set it up, and undelete what it names."""
    _hold_sweep(stores)
    target = replace(stores, table=restored_name(stores.table, at))
    on_step(f"Restoring the table as of {to_text(at)} (some ten minutes or more)")
    _restore_table(stores, target.table, at)
    _wait(target, on_step)
    for one in settings.lacking(target):
        if one.store == "table":
            one.set(target)
    # Its lines must hear that it comes from elsewhere.
    target.open("dynamodb").delete_item(TableName=target.table, Key=cut.HOME)
    _forget_exports(target)
    on_step("Undeleting the objects that it names")
    undeleted, gone = _undelete(target, on_step)
    return Back(target.table, at, undeleted, gone)


def _forget_exports(target: Stores) -> None:
    """The lake is made anew, as of that moment. Iceberg tables are compared with it."""
    dynamodb = target.open("dynamodb")
    pages = dynamodb.get_paginator("query").paginate(
        TableName=target.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": cut.ICEBERG}},
        ProjectionExpression="pk, sk",
    )
    known = [item for page in pages for item in page["Items"]]
    for key in (cut.LATEST, *known):
        dynamodb.delete_item(TableName=target.table, Key=key)


def _hold_sweep(stores: Stores) -> None:
    until = to_text(datetime.now(UTC) + _HELD)
    stores.open("dynamodb").put_item(TableName=stores.table, Item=cut.TIDIED | {"at": {"S": until}})


def _restore_table(stores: Stores, target: str, at: Instant) -> None:
    try:
        stores.open("dynamodb").restore_table_to_point_in_time(
            SourceTableName=stores.table,
            TargetTableName=target,
            RestoreDateTime=at,
            BillingModeOverride="PAY_PER_REQUEST",
        )
    except ClientError as error:
        if aws_code(error) not in {"TableAlreadyExistsException", "ResourceInUseException"}:
            raise  # otherwise it was begun before


def _wait(target: Stores, on_step: OnStep) -> None:
    while True:
        table: dict[str, Any] = found_or(
            lambda: target.open("dynamodb").describe_table(TableName=target.table)["Table"], {}
        )
        if (status := table.get("TableStatus", "CREATING")) == "ACTIVE":
            return
        on_step(Part(str(status).lower()))
        time.sleep(_POLL_SECONDS)


def _undelete(target: Stores, on_step: OnStep) -> tuple[int, tuple[str, ...]]:
    undeleted, gone = 0, []
    for seen, (key, needed) in enumerate(_names(target), 1):
        if seen % 1000 == 0:
            on_step(Part(f"{seen:,} objects"))
        match _bring_back(target, key):
            case True:
                undeleted += 1
            case None if needed:
                gone.append(key)
    return undeleted, tuple(gone)


def _names(target: Stores) -> Iterator[tuple[str, bool]]:
    """Each object that the table names, once."""
    known: set[str] = set()
    pages = (
        target.open("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=target.table, ConsistentRead=True)
    )
    for page in pages:
        for item in page["Items"]:
            for key, needed in cut.names_in(item):
                if key not in known:
                    known.add(key)
                    yield key, needed


def _bring_back(target: Stores, key: str) -> bool | None:
    """True: it was deleted, and is there again. False: it was there. None: it is no more."""
    s3 = target.open("s3")
    try:
        s3.head_object(Bucket=target.bucket, Key=key)
    except ClientError as error:
        if aws_code(error) not in {"404", "NoSuchKey", "NotFound"}:
            raise
    else:
        return False
    if not last_version(target, key):
        return None
    found = s3.list_object_versions(Bucket=target.bucket, Prefix=key, MaxKeys=10)
    for marker in found.get("DeleteMarkers", []):
        if marker["Key"] == key:
            s3.delete_object(Bucket=target.bucket, Key=key, VersionId=marker["VersionId"])
    return True
