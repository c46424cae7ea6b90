"""What carries words between the parts: the mailbox, the delays, the bus."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

RECEIVES = 5
_KEPT = Duration.days(14)


class Messaging(Construct):
    """The mailbox (FIFO, a group is a line), the delay queue (standard) with a dead-letter queue each, and the bus."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, consumer_timeout: Duration) -> None:
        super().__init__(scope, construct_id)
        # AWS asks for six timeouts: a batch may be throttled several times before it is handled.
        visibility = Duration.seconds(6 * int(consumer_timeout.to_seconds()))
        self.dead_letters = sqs.Queue(self, "DeadLetters", fifo=True, retention_period=_KEPT, enforce_ssl=True)
        self.mailbox = sqs.Queue(
            self,
            "Mailbox",
            fifo=True,
            content_based_deduplication=True,
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
            visibility_timeout=visibility,
            retention_period=_KEPT,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=RECEIVES),
            enforce_ssl=True,
        )
        self.dead_delays = sqs.Queue(self, "DeadDelays", retention_period=_KEPT, enforce_ssl=True)
        self.delays = sqs.Queue(
            self,
            "Delays",
            visibility_timeout=visibility,
            retention_period=_KEPT,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_delays, max_receive_count=RECEIVES),
            enforce_ssl=True,
        )
        self.bus = events.EventBus(self, "Bus", event_bus_name=name)
