"""What a store must be set to, looked at and set.

CloudFormation sets it on stores that it makes. On a store that was attached, or restored by AWS,
nothing is set: a table restored to a point in time has no expiry, no recovery and no protection.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from duckstring_cli.errors import aws_code
from duckstring_cli.stores.held import Found, Stores

EXPIRES, INDEX, REST_INDEX = "expires", "gsi1", "gsi2"
KEPT_DAYS = 30
_UPLOAD_DAYS = 2
_RULES = (
    {
        "ID": "duckstring-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _UPLOAD_DAYS},
    },
    {
        "ID": "duckstring-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_DAYS},
    },
)
_CLOSED = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the table or the bucket. ``lack`` says what is wrong where it is not set."""

    store: str
    name: str
    lack: str
    is_set: Callable[[Stores], bool]
    set: Callable[[Stores], object]


def lacking(stores: Stores) -> Iterator[Setting]:
    """The settings that the stores do not have."""
    return (one for one in SETTINGS if not one.is_set(stores))


def has_index(stores: Stores) -> bool:
    """Whether the table has the index of runs. It cannot be a Catchment's without it."""
    return INDEX in _indexes(stores)


def _indexes(stores: Stores) -> set[str]:
    return {one["IndexName"] for one in _table(stores).get("GlobalSecondaryIndexes", [])}


def _lists_what_moves(stores: Stores) -> bool:
    return REST_INDEX in _indexes(stores)


def _set_rest_index(stores: Stores) -> object:
    """The index is there some minutes later. DynamoDB makes one at a time."""
    names = ("gsi2pk", "gsi2sk")
    keys = zip(names, ("HASH", "RANGE"), strict=True)
    made = {
        "IndexName": REST_INDEX,
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["unrest"]},
    }
    # DynamoDB refuses it while another setting is taking effect.
    stores.open("dynamodb").get_waiter("table_exists").wait(TableName=stores.table)
    held = {one["AttributeName"]: one["AttributeType"] for one in _attributes(stores)}
    all_of_them = held | dict.fromkeys(names, "S")
    return stores.open("dynamodb").update_table(
        TableName=stores.table,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in all_of_them.items()
        ],
        GlobalSecondaryIndexUpdates=[{"Create": made}],
    )


def _attributes(stores: Stores) -> list[dict[str, str]]:
    attributes: list[dict[str, str]] = _table(stores)["AttributeDefinitions"]
    return attributes


def _table(stores: Stores) -> dict[str, Any]:
    table: dict[str, Any] = stores.open("dynamodb").describe_table(TableName=stores.table)["Table"]
    return table


def _expires(stores: Stores) -> bool:
    held = stores.open("dynamodb").describe_time_to_live(TableName=stores.table)[
        "TimeToLiveDescription"
    ]
    is_on = held.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    return is_on and held.get("AttributeName", EXPIRES) == EXPIRES


def _set_expiry(stores: Stores) -> object:
    return stores.open("dynamodb").update_time_to_live(
        TableName=stores.table,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRES},
    )


def _recovers(stores: Stores) -> bool:
    held = stores.open("dynamodb").describe_continuous_backups(TableName=stores.table)
    recovery = held["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def _set_recovery(stores: Stores) -> object:
    return stores.open("dynamodb").update_continuous_backups(
        TableName=stores.table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )


def _is_protected(stores: Stores) -> bool:
    return bool(_table(stores).get("DeletionProtectionEnabled"))


def _set_protection(stores: Stores) -> object:
    return stores.open("dynamodb").update_table(
        TableName=stores.table, DeletionProtectionEnabled=True
    )


def _is_versioned(stores: Stores) -> bool:
    held = stores.open("s3").get_bucket_versioning(Bucket=stores.bucket)
    return bool(held.get("Status") == "Enabled")


def _set_versioning(stores: Stores) -> object:
    return stores.open("s3").put_bucket_versioning(
        Bucket=stores.bucket, VersioningConfiguration={"Status": "Enabled"}
    )


def _rules(stores: Stores) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = _found(
        lambda: stores.open("s3").get_bucket_lifecycle_configuration(Bucket=stores.bucket)["Rules"],
        "NoSuchLifecycleConfiguration",
        [],
    )
    return rules


def _forgets(stores: Stores) -> bool:
    rules = [one for one in _rules(stores) if one.get("Status") == "Enabled"]
    return all(
        any(wanted in one for one in rules)
        for wanted in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    )


def _set_rules(stores: Stores) -> object:
    """Add what is missing; the user's own rules stay."""
    ours = {one["ID"] for one in _RULES}
    kept = [one for one in _rules(stores) if one.get("ID") not in ours]
    return stores.open("s3").put_bucket_lifecycle_configuration(
        Bucket=stores.bucket, LifecycleConfiguration={"Rules": [*kept, *_RULES]}
    )


def _is_closed(stores: Stores) -> bool:
    held: dict[str, bool] = _found(
        lambda: stores.open("s3").get_public_access_block(Bucket=stores.bucket)[
            "PublicAccessBlockConfiguration"
        ],
        "NoSuchPublicAccessBlockConfiguration",
        {},
    )
    return held == _CLOSED


def _close(stores: Stores) -> object:
    return stores.open("s3").put_public_access_block(
        Bucket=stores.bucket, PublicAccessBlockConfiguration=_CLOSED
    )


def _policy(stores: Stores) -> dict[str, Any]:
    text: str = _found(
        lambda: stores.open("s3").get_bucket_policy(Bucket=stores.bucket)["Policy"],
        "NoSuchBucketPolicy",
        "",
    )
    return dict(json.loads(text)) if text else {"Version": "2012-10-17", "Statement": []}


def _refuses_http(stores: Stores) -> bool:
    return any(
        one.get("Effect") == "Deny" and "aws:SecureTransport" in json.dumps(one.get("Condition"))
        for one in _policy(stores)["Statement"]
    )


def _refuse_http(stores: Stores) -> object:
    policy, partition = _policy(stores), "aws"
    if stores.secret.startswith("arn:"):
        partition = stores.secret.split(":")[1]
    bucket = f"arn:{partition}:s3:::{stores.bucket}"
    policy["Statement"].append(
        {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": [bucket, f"{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )
    return stores.open("s3").put_bucket_policy(Bucket=stores.bucket, Policy=json.dumps(policy))


def _found(ask: Callable[[], Found], absent: str, default: Found) -> Found:
    """The answer, or the default where S3 says that nothing is configured."""
    try:
        return ask()
    except ClientError as error:
        if aws_code(error) != absent:
            raise
        return default


SETTINGS = (
    Setting("table", "expiry", "keeps items that have expired", _expires, _set_expiry),
    Setting("table", "recovery", "cannot be restored to a point in time", _recovers, _set_recovery),
    Setting("table", "protection", "can be deleted by mistake", _is_protected, _set_protection),
    Setting(
        "table",
        "index",
        "has no index gsi2, so the status of many lines reads them all",
        _lists_what_moves,
        _set_rest_index,
    ),
    Setting(
        "bucket",
        "versions",
        "forgets deleted objects at once, so a restored table would not find them",
        _is_versioned,
        _set_versioning,
    ),
    Setting(
        "bucket",
        "lifecycle",
        f"keeps unfinished uploads, or deleted objects for more than {KEPT_DAYS} days",
        _forgets,
        _set_rules,
    ),
    Setting("bucket", "privacy", "could be made public", _is_closed, _close),
    Setting("bucket", "TLS", "takes requests that are not encrypted", _refuses_http, _refuse_http),
)
