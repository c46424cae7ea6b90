"""The Lambda handler that tells of lineage: a batch of messages about runs that began or ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring import wiring
from duckstring.exporter.openlineage import News, tell_all
from duckstring.model.foreign import Redactor
from duckstring.model.names import parse_run
from functions.json_log import json_logger

logger = json_logger("openlineage", Redactor(os.environ))
_FOR_ONE_MS = 120_000
"""Milliseconds for the events of one run. SQS gives what is not begun to another invocation."""
parts = wiring.openlineage(os.environ, Path(gettempdir()))


@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Tell of these runs. Answers which messages have to come again: SQS gives those up after a
    day, into a dead-letter queue.
    """
    parts.receiver.refresh()
    news = [one for record in event.get("Records", ()) if (one := _news(record)) is not None]
    report = tell_all(
        parts.ports, news, lambda: context.get_remaining_time_in_millis() > _FOR_ONE_MS
    )
    logger.info("told", messages=len(news), events=report.posted, again=len(report.again))
    for message, why in report.again.items():
        logger.warning("not told: %s", why, extra={"message_id": message})
    return {"batchItemFailures": [{"itemIdentifier": one} for one in report.again]}


def _news(record: Mapping[str, Any]) -> News | None:
    """What a message says. The orchestrator alone may send any."""
    try:
        body = json.loads(record["body"])
        parse_run(body["run"])
        return News(str(record["messageId"]), body["run"], str(body["status"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("not understood: %s", type(error).__name__)
        return None
