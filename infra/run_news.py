"""OpenLineage: what tells its function of runs that begin or end, and keeps what it could not
tell.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.doors import OPENLINEAGE_TIMEOUT

_RECEIVES = 240
"""With a visibility timeout of six minutes, a day."""
_BATCH = 10
_AT_ONCE = 5
_KEPT = Duration.days(14)


class RunNews(Construct):
    """A queue with one message group a run, so that a START is told before its end, and its
    dead-letter queue.
    """

    def __init__(self, scope: Construct, construct_id: str, *, function: lambda_.Function) -> None:
        super().__init__(scope, construct_id)
        self.dead = sqs.Queue(self, "Dead", fifo=True, retention_period=_KEPT, enforce_ssl=True)
        self.queue = sqs.Queue(
            self,
            "Queue",
            fifo=True,
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
            # Longer than the function's timeout. It is also how soon a failure is tried again.
            visibility_timeout=OPENLINEAGE_TIMEOUT.plus(Duration.minutes(1)),
            retention_period=_KEPT,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=_RECEIVES),
            enforce_ssl=True,
        )
        function.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=_BATCH,
                max_concurrency=_AT_ONCE,
                report_batch_item_failures=True,
            )
        )
