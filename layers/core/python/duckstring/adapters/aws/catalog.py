"""The catalog in DynamoDB: versions, the selected release of each line, what was removed, and
the revision that orders changes. A release that a newer Duckstring has recorded is refused
(``model/schema.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.arrivals import DynamoArrivals
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import Item, code_of, to_item, update
from duckstring.adapters.aws.operated import DynamoOperated
from duckstring.adapters.aws.schemas import readable
from duckstring.errors import StateConflictError
from duckstring.model.catalog import Release, Removal
from duckstring.model.instants import from_text, to_text
from duckstring.model.names import Line, parse_line
from duckstring.model.said import Hold
from duckstring.model.schema import SCHEMA

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

T = TypeVar("T")
_CATALOG = "CATALOG"
_REVISION = {"pk": {"S": _CATALOG}, "sk": {"S": "REVISION"}}
_MOST = 100
"""Items of one transaction."""


class DynamoCatalog:
    """``ports.Catalog`` and ``ports.Removals``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Keep the catalog in ``table``."""
        self._clients, self._table = clients, table
        self._known: tuple[int, Mapping[Line, Release]] = (0, {})

    def revision(self) -> int:
        """Grows with every change."""
        found = self._clients.dynamodb.get_item(
            TableName=self._table, Key=_REVISION, ConsistentRead=True
        ).get("Item", {})
        return int(found["revision"]["N"]) if found else 0

    def releases(self, pond: str | None = None) -> Mapping[Line, Release]:
        """The selected release of every line, or of one Pond's lines.

        All are read again only if the catalog has changed since: they are many, and asked for every
        second or two while somebody watches.
        """
        if pond:
            return self._selected(f"LINE#{pond}@")
        known, found = self._known
        # Read before the releases, so that a change in between is seen the next time.
        if not (revision := self.revision()) or revision != known:
            found = self._selected("LINE#")
            self._known = revision, found
        return found

    def _selected(self, prefix: str) -> Mapping[Line, Release]:
        items = self._items(_CATALOG, prefix)
        return {release.line: release for item in items for release in (_release(item),)}

    def version(self, pond: str, version: str) -> Release | None:
        """One version, if it was ever deployed."""
        key = to_item({"pk": f"POND#{pond}", "sk": f"VERSION#{version}"})
        item = self._clients.dynamodb.get_item(
            TableName=self._table, Key=key, ConsistentRead=True
        ).get("Item")
        return _release(item) if item else None

    def select(self, releases: Sequence[Release], *, overwrite: bool, revision: int) -> None:
        """Record the versions and select them.

        Up to 49 go in one transaction. If there are more, the versions go first, which nobody sees,
        and then the selections in one transaction of up to 99. More than 99 selections go in
        chunks, Sources before Sinks, each conditional on the one before it. A reader may then see a
        part, which is a valid graph. A crash between two chunks leaves a part, which a repeat
        completes.

        Raises:
            StateConflictError: somebody else deployed since ``revision`` was read.
        """
        versions = [self._version(release, overwrite=overwrite) for release in releases]
        selections = [self._selection(release) for release in releases]
        if len(versions) + len(selections) < _MOST:
            self._transact([*versions, *selections, self._advance(revision)])
            return
        for chunk in _batched(versions, _MOST):
            self._transact(list(chunk))
        for later, chunk in enumerate(_batched(selections, _MOST - 1)):
            self._transact([*chunk, self._advance(revision + later)])

    def versions(self, pond: str) -> Mapping[str, Release]:
        """Every version of a Pond that is deployed."""
        items = self._items(f"POND#{pond}", "VERSION#")
        return {item["sk"]["S"].removeprefix("VERSION#"): _release(item) for item in items}

    def forget(self, pond: str, version: str, *, revision: int) -> None:
        """Forget one version.

        Raises:
            StateConflictError: somebody else changed the catalog since ``revision`` was read.
        """
        self._transact(
            [self._delete(f"POND#{pond}", f"VERSION#{version}"), self._advance(revision)]
        )

    def remove(self, removal: Removal, versions: Collection[str], *, revision: int) -> None:
        """Forget a line, versions of it and its arrival rules, in one transaction.

        A line with more than some dozens of versions loses the first of them beforehand, which
        nobody sees.

        Raises:
            StateConflictError: somebody else changed the catalog since ``revision`` was read.
        """
        line, pond = removal.line, parse_line(removal.line)[0]
        keys = DynamoArrivals(self._clients, self._table).keys_of(line)
        item = {"pk": _CATALOG, "sk": f"REMOVED#{line}", "line": line, "at": to_text(removal.at)}
        items: list[TransactWriteItemTypeDef] = [
            self._advance(revision),
            self._delete(_CATALOG, f"LINE#{line}"),
            {"Put": {"TableName": self._table, "Item": to_item(item)}},
            *(self._delete(*key) for key in keys),
        ]
        rows = [self._delete(f"POND#{pond}", f"VERSION#{version}") for version in versions]
        left = max(0, len(rows) - (_MOST - len(items)))
        for chunk in _batched(rows[:left], _MOST):
            self._transact(list(chunk))
        self._transact([*items, *rows[left:]])

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        """The lines that were ever removed, or those of one Pond."""
        items = self._items(_CATALOG, f"REMOVED#{pond}@" if pond else "REMOVED#")
        return [
            Removal(Line(item["line"]["S"]), from_text(item["at"]["S"]), "cleared" in item)
            for item in items
        ]

    def hold(self) -> Hold:
        """Whether new runs are held, for ``orchestrator.ports.Register``."""
        return DynamoOperated(self._clients, self._table).hold()

    def mark_cleared(self, removal: Removal) -> None:
        """Record that this removal is finished."""
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"pk": _CATALOG, "sk": f"REMOVED#{removal.line}"}),
                **update(
                    "SET #cleared = :yes", "#at = :at", {"yes": True, "at": to_text(removal.at)}
                ),
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise

    def _items(self, partition: str, prefix: str) -> Iterator[Item]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": partition}, ":prefix": {"S": prefix}},
        )
        return (item for page in pages for item in page["Items"])

    def _delete(self, pk: str, sk: str) -> TransactWriteItemTypeDef:
        return {"Delete": {"TableName": self._table, "Key": to_item({"pk": pk, "sk": sk})}}

    def _version(self, release: Release, *, overwrite: bool) -> TransactWriteItemTypeDef:
        keys = {"pk": f"POND#{parse_line(release.line)[0]}", "sk": f"VERSION#{release.version}"}
        values = {
            "sha256": release.sha256,
            "release": codec.release_to_text(release),
            "deployed": to_text(release.deployed),
            "schema": SCHEMA,
        }
        put: PutTypeDef = {"TableName": self._table, "Item": to_item(keys | values)}
        if not overwrite:
            put["ConditionExpression"] = "attribute_not_exists(pk) OR sha256 = :sha256"
            put["ExpressionAttributeValues"] = {":sha256": {"S": release.sha256}}
        return {"Put": put}

    def _selection(self, release: Release) -> TransactWriteItemTypeDef:
        values = {
            "pk": _CATALOG,
            "sk": f"LINE#{release.line}",
            "release": codec.release_to_text(release),
            "schema": SCHEMA,
        }
        return {"Put": {"TableName": self._table, "Item": to_item(values)}}

    def _advance(self, revision: int) -> TransactWriteItemTypeDef:
        condition = "revision = :held" if revision else "attribute_not_exists(pk)"
        values = {":next": {"N": str(revision + 1)}} | (
            {":held": {"N": str(revision)}} if revision else {}
        )
        return {
            "Update": {
                "TableName": self._table,
                "Key": _REVISION,
                "UpdateExpression": "SET revision = :next",
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
            }
        }

    def _transact(self, items: list[TransactWriteItemTypeDef]) -> None:
        try:
            self._clients.dynamodb.transact_write_items(TransactItems=items)
        except ClientError as error:
            if code_of(error) not in (
                "TransactionCanceledException",
                "TransactionInProgressException",
            ):
                raise
            raise StateConflictError(
                "Somebody else changed what is deployed here at the same time.", hint="Do it again."
            ) from error


def _release(item: Mapping[str, Any]) -> Release:
    """The release in an item of the catalog.

    Raises:
        NewerSchemaError: a newer release of Duckstring wrote it.
    """
    readable(item, f"{item['sk']['S']} of {item['pk']['S']}")
    return codec.release_from_text(item["release"]["S"])


def _batched(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
