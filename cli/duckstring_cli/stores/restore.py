"""Putting a backup into a Catchment: the objects, then the items. It may be repeated from the top.

While it works, the table says so, and the sweep does nothing (``sweep/sweep.py``). At its end the
sweep finds a table that came from elsewhere, and lets each line say again what it wants.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from botocore.exceptions import ClientError

from duckstring.errors import OperatorError
from duckstring.model.secret_entries import listed, with_all
from duckstring_cli.errors import aws_code
from duckstring_cli.render import OnStep, Part
from duckstring_cli.stores import archive, cut
from duckstring_cli.stores.archive import Json
from duckstring_cli.stores.backup import secret_of, secret_text
from duckstring_cli.stores.cut import ICEBERG, LAKE
from duckstring_cli.stores.held import Stores
from duckstring_cli.stores.places import Place, Sum, put, scratch

_AT_ONCE = 8
_BATCH = 64
_OURS = ("data/", "artifacts/", "errors/")
_WRITES = 25
"""Items of one request."""
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0
"""Between requests, where DynamoDB leaves items unwritten: it is asked for too much."""
_OWN = {"HOME", "TIDIED", "INDEXED", "REVISION"}
"""What every Catchment has in its catalog, also an empty one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore would do. ``holds``: the target has lines or history of its own. ``begun``:
    this restore was interrupted; ``is_replacing``: it was told to delete them. ``ahead``: the
    highest number of a run that the target has had: its executions have these numbers.
    """

    backup: Json
    holds: bool
    begun: bool
    is_replacing: bool
    ahead: int
    missing_secrets: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """For programs."""
        one = self.backup
        return {
            "backup": {name: one[name] for name in ("id", "catchment", "version", "cut", "lines")},
            "items": one["items"],
            "objects": one["objects"]["count"],
            "bytes": one["objects"]["bytes"],
            "is_empty": not self.holds,
            "goes_on": self.begun,
            "missing_secrets": list(self.missing_secrets),
        }


def plan(stores: Stores, place: Place) -> Plan:
    """Look at the backup and at the target. Changes nothing.

    Raises:
        OperatorError: there is no whole backup.
    """
    backup = archive.read_json(place, archive.BACKUP)
    if backup is None:
        if archive.read_json(place, archive.CUT):
            raise OperatorError(
                f"The backup in {place.name} is not finished.",
                hint="Finish it: duckstring catchment backup, with the same --to.",
            )
        raise OperatorError(
            f"There is no backup in {place.name}.", hint="It would have a file backup.json."
        )
    begun, is_replacing, ahead = _begun(stores)
    values = json.dumps(backup["secret"].get("values", {}))
    held = {one.path for one in listed(with_all(secret_text(stores), values))}
    return Plan(
        backup,
        holds=_holds_anything(stores),
        begun=begun == backup["id"],
        is_replacing=is_replacing,
        ahead=max(ahead, _highest(stores)),
        missing_secrets=tuple(sorted(set(backup["secret"]["names"]) - held)),
    )


def restore(stores: Stores, place: Place, planned: Plan, *, replace: bool, on_step: OnStep) -> None:
    """Carry it out.

    Raises:
        OperatorError: the target holds something and ``replace`` is not given, or the backup is
            damaged.
    """
    if planned.holds and not planned.begun and not replace:
        raise OperatorError(
            f"Catchment {stores.catchment.name!r} is not empty.",
            hint="Restore into a new one, or let it be emptied first: --replace",
        )
    replace = replace or planned.is_replacing
    ahead = planned.ahead if replace else 0
    _begin(stores, planned.backup["id"], replace=replace, ahead=ahead)
    # The sweep finds out whether all lines that come have what the index needs.
    stores.open("dynamodb").delete_item(TableName=stores.table, Key=cut.INDEXED)
    revision = _revision(stores)
    if planned.holds and replace:
        on_step("Emptying the table")
        _write(stores, _deletions(stores))
    on_step("Restoring the objects")
    _put_objects(stores, place, planned.backup, on_step)
    on_step("Restoring the table")
    for part in planned.backup["parts"]:
        rows = archive.read_items(place, part["name"], part["sha256"])
        _write(stores, ({"PutRequest": {"Item": _ahead(item, revision, ahead)}} for item in rows))
    values = planned.backup["secret"].get("values")
    if values and (secret := secret_of(stores)):
        on_step("Restoring the secret")
        secret.change(lambda text: with_all(text, json.dumps(values)))
    for key in (cut.INDEXED, cut.HOME):
        stores.open("dynamodb").delete_item(TableName=stores.table, Key=key)


def _begun(stores: Stores) -> tuple[str, bool, int]:
    """The backup that is being restored (empty: none), whether it replaces what is there, and the
    highest number of a run that was there.
    """
    found = stores.open("dynamodb").get_item(
        TableName=stores.table, Key=cut.HOME, ConsistentRead=True
    )
    item = found.get("Item", {})
    return (
        str(item.get("restoring", {}).get("S", "")),
        "replacing" in item,
        int(item.get("replacing", {}).get("N", 0)),
    )


def _begin(stores: Stores, backup: str, *, replace: bool, ahead: int) -> None:
    """Note it, unless another one is at work.

    Raises:
        OperatorError: another one is.
    """
    try:
        stores.open("dynamodb").put_item(
            TableName=stores.table,
            Item=cut.HOME
            | {"restoring": {"S": backup}}
            | ({"replacing": {"N": str(ahead)}} if replace else {}),
            ConditionExpression="attribute_not_exists(restoring) OR restoring = :backup",
            ExpressionAttributeValues={":backup": {"S": backup}},
        )
    except ClientError as error:
        if aws_code(error) != "ConditionalCheckFailedException":
            raise
        raise OperatorError(
            f"Catchment {stores.catchment.name!r} is being restored from {_begun(stores)[0]}.",
            hint="Finish that restore first: repeat it.",
        ) from error


def _holds_anything(stores: Stores) -> bool:
    pages = (
        stores.open("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=stores.table, ConsistentRead=True, ProjectionExpression="pk, sk")
    )
    return any(not _is_own(item) for page in pages for item in page["Items"])


def _is_own(item: cut.Item) -> bool:
    partition = item["pk"]["S"]
    return partition in {LAKE, ICEBERG} or (partition == "CATALOG" and item["sk"]["S"] in _OWN)


def _deletions(stores: Stores) -> Iterator[Json]:
    pages = (
        stores.open("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=stores.table, ConsistentRead=True, ProjectionExpression="pk, sk")
    )
    for page in pages:
        for item in page["Items"]:
            if not _is_own(item):
                yield {"DeleteRequest": {"Key": {"pk": item["pk"], "sk": item["sk"]}}}


def _revision(stores: Stores) -> int:
    """The catalog's revision in the target: functions that know the catalog ask by it."""
    key = {"pk": {"S": "CATALOG"}, "sk": {"S": "REVISION"}}
    found = stores.open("dynamodb").get_item(TableName=stores.table, Key=key, ConsistentRead=True)
    return int(found.get("Item", {}).get("revision", {}).get("N", 0))


def _highest(stores: Stores) -> int:
    """The highest number of a run that a line of the target has had."""
    pages = (
        stores.open("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=stores.table,
            ConsistentRead=True,
            FilterExpression="sk = :state",
            ExpressionAttributeValues={":state": {"S": "STATE"}},
        )
    )
    states = (json.loads(item["state"]["S"]) for page in pages for item in page["Items"])
    return max((int(state.get("runs_started", 0)) for state in states), default=0)


def _ahead(item: cut.Item, revision: int, run: int) -> cut.Item:
    """The item, ahead of what was in the target. No function may believe that it knows this
    catalog, and no run may have the name of an execution that there was.
    """
    if item["pk"]["S"] == "CATALOG" and item["sk"]["S"] == "REVISION":
        return item | {"revision": {"N": str(max(int(item["revision"]["N"]), revision) + 1)}}
    if item["sk"]["S"] == "STATE" and run:
        state = json.loads(item["state"]["S"])
        state["runs_started"] = max(int(state.get("runs_started", 0)), run)
        text = json.dumps(state, separators=(",", ":"), ensure_ascii=False)
        # No letter has led to this state. The line's next commit begins a chapter with it.
        rest = {name: one for name, one in item.items() if not name.startswith("journal")}
        return rest | {"state": {"S": text}}
    return item


def _write(stores: Stores, requests: Iterable[Json]) -> None:
    rest = iter(requests)
    while batch := list(islice(rest, _WRITES)):
        left, tries = {stores.table: batch}, 0
        while left:
            time.sleep(min(tries * _PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS))
            left = stores.open("dynamodb").batch_write_item(RequestItems=left)["UnprocessedItems"]
            tries += 1


def _put_objects(stores: Stores, place: Place, backup: Json, on_step: OnStep) -> None:
    rows = archive.read_lines(place, archive.CONTENTS, backup["objects"]["sha256"])
    done = 0
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        while batch := list(islice(rows, _BATCH)):
            for _ in pool.map(lambda row: _put_object(stores, place, row), batch):
                done += 1
            on_step(Part(f"{done:,} of {backup['objects']['count']:,} objects"))


def _put_object(stores: Stores, place: Place, row: Json) -> None:
    """Unless it is there: a key is of one content only."""
    s3, summed = stores.open("s3"), Sum(row["bytes"], row["sha256"])
    if not str(row["key"]).startswith(_OURS):
        raise OperatorError(
            f"The backup {place.name} is damaged: {row['key']!a} is no object's key."
        )
    try:
        there = s3.head_object(Bucket=stores.bucket, Key=row["key"])
    except ClientError as error:
        if aws_code(error) not in {"404", "NoSuchKey", "NotFound"}:
            raise
    else:
        if there["ContentLength"] == summed.bytes:
            return
    with scratch() as path:
        archive.read_checked(place, archive.object_name(row["key"]), path, summed.sha256)
        put(s3, path, stores.bucket, row["key"], summed)
