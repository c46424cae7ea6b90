"""Counts the requests of AWS clients where they are sent: each try, since AWS bills each.

Of DynamoDB it also counts the units, as DynamoDB itself reports them with each answer.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from duckstring.model.costs import Kind, Used, kind_of_request

if TYPE_CHECKING:
    from botocore.client import BaseClient

_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"})
_MEASURED = (*sorted(_WRITES), "GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems")


class Tally:
    """What a process has used so far, and what the thread that asks has. It only grows."""

    def __init__(self) -> None:
        self._adding = threading.Lock()
        self._total: dict[Kind, float] = {}
        self._mine = threading.local()

    def add(self, kind: Kind, amount: float = 1) -> None:
        """Count."""
        mine = self._of_thread()
        mine[kind] = mine.get(kind, 0) + amount
        with self._adding:
            self._total[kind] = self._total.get(kind, 0) + amount

    def so_far(self) -> Used:
        """Of the whole process."""
        with self._adding:
            return dict(self._total)

    def of_this_thread(self) -> Used:
        """Of the thread that asks."""
        return dict(self._of_thread())

    def watch(self, client: BaseClient) -> None:
        """Count what ``client`` sends from here on."""
        service = client.meta.service_model.service_name
        events = client.meta.events
        events.register("before-send", self._sent)
        if service == "dynamodb":
            for operation in _MEASURED:
                events.register(f"provide-client-params.dynamodb.{operation}", _ask_capacity)
                events.register(f"after-call.dynamodb.{operation}", self._answered)

    def _of_thread(self) -> dict[Kind, float]:
        return cast("dict[Kind, float]", self._mine.__dict__)

    def _sent(self, request: Any, event_name: str, **_: object) -> None:  # noqa: ANN401 - botocore's
        _before_send, service, operation = event_name.split(".", 2)
        is_fifo = service == "sqs" and b".fifo" in (request.body or b"")
        self.add(kind_of_request(service, operation, is_fifo=is_fifo))

    def _answered(self, parsed: Mapping[str, Any], event_name: str, **_: object) -> None:
        kind: Kind = (
            "dynamodb_write_units"
            if event_name.rpartition(".")[2] in _WRITES
            else "dynamodb_read_units"
        )
        told = parsed.get("ConsumedCapacity") or []
        tables = told if isinstance(told, list) else [told]
        self.add(kind, sum(float(table.get("CapacityUnits", 0)) for table in tables))


def _ask_capacity(params: dict[str, Any], **_: object) -> None:
    """``params`` are the call's keywords, and the caller's no more."""
    params["ReturnConsumedCapacity"] = "TOTAL"
