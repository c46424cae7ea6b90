"""The api function: one request, one use case, one answer. IAM decides who may invoke it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.clock import SystemClock
from duckstring.adapters.aws.deployment import BucketArtifacts, EventDoor, LambdaDiscovery
from duckstring.adapters.aws.history import DynamoHistoryReader
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.adapters.aws.reader import BucketFiles, DynamoStateReader
from duckstring.model.settings import Settings
from duckstring.service.answer import Desk, answer

logger = Logger(service="api")


def wire(settings: Settings) -> Desk:
    """The api's share of the world."""
    clients, table, bucket = Clients(), settings.need("table"), settings.need("bucket")
    return Desk(
        settings=settings,
        catalog=DynamoCatalog(clients, table),
        states=DynamoStateReader(clients, table),
        history=DynamoHistoryReader(clients, table=table, bucket=bucket),
        files=BucketFiles(bucket),
        door=EventDoor(clients, settings),
        artifacts=BucketArtifacts(clients, bucket),
        discovery=LambdaDiscovery(clients, settings.need("ripple_function")),
        mailbox=SqsMailbox(clients, settings.need("mailbox")),
        clock=SystemClock(),
    )


desk = wire(Settings.from_env(os.environ))


@logger.inject_lambda_context
def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, object]:
    """Answer one request; a bug is told to the log in full and to the caller by the request's id."""
    try:
        told = answer(event, desk)
    except Exception:
        logger.exception("request broke", op=event.get("op"))
        return _broken(context.aws_request_id)
    logger.info("request answered", op=event.get("op"), ok=told["ok"], refused=told.get("error"))
    return told


def _broken(request: str) -> dict[str, object]:
    message = f"The Catchment failed on this request (id {request})."
    return {"ok": False, "error": {"type": "InternalError", "message": message, "hint": "Its log, searched for that id, says why."}}
