"""Audit rows in DynamoDB: by Pond, and by month for the whole Catchment.

A row says who asked for a change before it is made, so no change is without one. A refusal is
added to it. A row expires by itself, as old history does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from duckstring.adapters.aws.history import months_back
from duckstring.adapters.aws.items import from_item, to_item, update
from duckstring.model.audits import Audit, AuditFilter
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.said import Said

if TYPE_CHECKING:
    from duckstring.adapters.aws.clients import Clients
    from duckstring.adapters.aws.layout import Key

_AT_ONCE = 8
_LAST = "~"
_PAGE = 100
PARTITION = "AUDIT#"


class DynamoAudits:
    """``ports.Audits``."""

    def __init__(self, clients: Clients, table: str, kept: timedelta | None) -> None:
        """Rows lie in ``table``, and are ``kept`` so long; None: for ever."""
        self._clients, self._table, self._kept = clients, table, kept

    def record(self, audit: Audit) -> None:
        """Write it down, for each Pond."""
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for _ in pool.map(lambda pond: self._put(audit, pond), audit.ponds):
                pass

    def refused(self, audit: Audit) -> None:
        """Add that it was refused, and why."""
        for pond in audit.ponds:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=_key(audit, pond),
                **update("SET #refused = :refused", "attribute_exists(pk)",
                         {"refused": audit.refused}),
            )  # fmt: skip

    def of_pond(self, pond: str, only: AuditFilter) -> Sequence[Audit]:
        """What was asked of a Pond, newest first."""
        query = self._between(only) | {
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :a AND :z"
        }
        return self._found([_of(query, f"{PARTITION}{pond}")], only)

    def of_all(self, now: Instant, only: AuditFilter) -> Sequence[Audit]:
        """What was asked of anything, newest first."""
        query = self._between(only) | {
            "IndexName": "gsi1",
            "KeyConditionExpression": "gsi1pk = :pk AND gsi1sk BETWEEN :a AND :z",
        }
        first = to_text(only.since)[:7] if only.since else ""
        last = to_text(only.before)[:7] if only.before else _LAST
        months = [month for month in months_back(now) if first <= month <= last]
        return self._found([_of(query, f"{PARTITION}{month}") for month in months], only)

    def at(self, epochs: Sequence[Instant]) -> Sequence[Audit]:
        """What was asked at exactly these instants."""
        found: list[Audit] = []
        for epoch in epochs:
            text = to_text(epoch)
            query: Any = {
                "TableName": self._table,
                "IndexName": "gsi1",
                "Limit": _PAGE,
                "KeyConditionExpression": "gsi1pk = :pk AND begins_with(gsi1sk, :at)",
                "ExpressionAttributeValues": to_item(
                    {":pk": f"{PARTITION}{text[:7]}", ":at": text}
                ),
            }
            found += _each_once(map(_audit, self._clients.dynamodb.query(**query)["Items"]))
        return found

    def _put(self, audit: Audit, pond: str) -> None:
        at = to_text(audit.said.at)
        values = {
            "at": at,
            "by": audit.said.by or None,
            "note": audit.said.note or None,
            "what": audit.what,
            "ponds": list(audit.ponds),
            "request": audit.request,
            "via": audit.via or None,
            "gsi1pk": f"{PARTITION}{at[:7]}",
            "gsi1sk": f"{at}#{audit.request}#{pond}",
            "expires": int((audit.said.at + self._kept).timestamp()) if self._kept else None,
        }
        self._clients.dynamodb.put_item(
            TableName=self._table, Item={**_key(audit, pond), **to_item(values)}
        )

    def _between(self, only: AuditFilter) -> dict[str, Any]:
        """Newest first; the keys that are given belong to it."""
        first = to_text(only.since) if only.since else ""
        last = to_text(only.before) if only.before else _LAST
        return {
            "TableName": self._table,
            "ScanIndexForward": False,
            "Limit": _PAGE,
            "ExpressionAttributeValues": to_item({":a": first or "0", ":z": max(first, last)}),
        }

    def _found(self, queries: Sequence[dict[str, Any]], only: AuditFilter) -> Sequence[Audit]:
        rows = (
            _audit(item)
            for query in queries
            for page in self._clients.dynamodb.get_paginator("query").paginate(**query)
            for item in page["Items"]
        )
        wanted = (row for row in rows if only.by.lower() in row.said.by.lower())
        return list(islice(_each_once(wanted), only.limit))


def _each_once(rows: Iterator[Audit]) -> Iterator[Audit]:
    """A change of several Ponds has a row for each: they follow one another."""
    last: tuple[Instant, str] | None = None
    for row in rows:
        which = row.said.at, row.request
        if which != last:
            yield row
        last = which


def _of(query: dict[str, Any], partition: str) -> dict[str, Any]:
    values = {**query["ExpressionAttributeValues"], ":pk": {"S": partition}}
    return {**query, "ExpressionAttributeValues": values}


def _key(audit: Audit, pond: str) -> Key:
    sort_key = f"{to_text(audit.said.at)}#{audit.request}"
    return {"pk": {"S": f"{PARTITION}{pond}"}, "sk": {"S": sort_key}}


def _audit(item: Any) -> Audit:  # noqa: ANN401 - an item of DynamoDB
    held = from_item(item)
    ponds = held.get("ponds")
    return Audit(
        Said(from_text(str(held["at"])), str(held.get("by", "")), str(held.get("note", ""))),
        str(held.get("what", "")),
        tuple(map(str, ponds)) if isinstance(ponds, list) else (),
        str(held.get("request", "")),
        str(held.get("via", "")),
        str(held.get("refused", "")),
    )
