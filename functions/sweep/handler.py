"""The sweep function: one round every few minutes, and at a local start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.clock import SystemClock
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.adapters.aws.reader import DynamoStateReader
from duckstring.adapters.aws.sweeper import AwsCellar, MachineReader
from duckstring.model.settings import Settings
from duckstring.service.sweep import Rounds, sweep

logger = Logger(service="sweep")


def wire(settings: Settings) -> Rounds:
    """The sweep's share of the world."""
    clients, table = Clients(), settings.need("table")
    return Rounds(
        catalog=DynamoCatalog(clients, table),
        states=DynamoStateReader(clients, table),
        executions=MachineReader(clients, settings.need("machine")),
        cellar=AwsCellar(clients, table=table, bucket=settings.need("bucket")),
        mailbox=SqsMailbox(clients, settings.need("mailbox")),
        clock=SystemClock(),
    )


rounds = wire(Settings.from_env(os.environ))


@logger.inject_lambda_context
def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, object]:
    """Go round once. An error escapes: the schedule's next round is the retry, and the alarm on errors sees it."""
    report = sweep(rounds)
    logger.info("swept", **report)
    return report
