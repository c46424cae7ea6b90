"""The lake, and Iceberg tables: what tells an exporter that Ponds have published, and how long it
waits for more.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from duckstring.model.events import POND_TYPE, SOURCE
from infra.accepted import accept
from infra.doors import EXPORTER_TIMEOUT

_BATCH = 1_000
_AT_ONCE = 2
"""The fewest that Lambda takes. Of two exports at once, one begins again."""


class Lake(Construct):
    """A queue of what was published. The function takes what has come within ``seconds``, as one.

    A message says only that something is new. One that is lost is no harm: the sweep looks whether
    what is published is shown.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        exporter: lambda_.Function,
        bus: events.IEventBus,
        seconds: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Published",
            # AWS asks for six timeouts, and the time that a batch is waited for.
            visibility_timeout=Duration.seconds(6 * int(EXPORTER_TIMEOUT.to_seconds()) + seconds),
            retention_period=Duration.hours(4),
            enforce_ssl=True,
        )
        accept(
            self.queue,
            "SQS3",
            "Its messages say that something is new. If one is lost, the next sweep says so again.",
        )
        events.Rule(
            self,
            "Rule",
            event_bus=bus,
            event_pattern=events.EventPattern(
                source=[SOURCE], detail_type=[POND_TYPE], detail={"state": ["succeeded"]}
            ),
            targets=[targets.SqsQueue(self.queue)],
        )
        exporter.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=_BATCH,
                max_batching_window=Duration.seconds(seconds),
                max_concurrency=_AT_ONCE,
            )
        )
