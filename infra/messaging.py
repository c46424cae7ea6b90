"""The queues and the bus: the mailbox, the delays, the Catchment's events."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.accepted import accept

LETTER_RECEIVES = 1000
"""SQS's maximum. An outage of a minute must not make dead letters: a line's waits are capped at
60 s, so this is some 16 hours.
"""
DELAY_RECEIVES = 100
"""A delay is only passed on; 100 visibility timeouts outlive an outage too."""
_KEPT = Duration.days(14)


class Messaging(Construct):
    """The mailbox (FIFO, one group for each line), the delay queue (standard) and the bus, each
    with a dead-letter queue.

    ``past`` is in the mailbox's id: another one makes another mailbox.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        consumer_timeout: Duration,
        past: str = "",
    ) -> None:
        super().__init__(scope, construct_id)
        # AWS asks for six timeouts: a batch may be throttled several times before it is handled.
        visibility = Duration.seconds(6 * int(consumer_timeout.to_seconds()))
        self.dead_letters = sqs.Queue(
            self, "DeadLetters", fifo=True, retention_period=_KEPT, enforce_ssl=True
        )
        self.mailbox = sqs.Queue(
            self,
            f"Mailbox{past}",
            fifo=True,
            content_based_deduplication=True,
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
            visibility_timeout=visibility,
            retention_period=_KEPT,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=LETTER_RECEIVES
            ),
            enforce_ssl=True,
        )
        self.dead_delays = sqs.Queue(self, "DeadDelays", retention_period=_KEPT, enforce_ssl=True)
        self.delays = sqs.Queue(
            self,
            "Delays",
            visibility_timeout=visibility,
            retention_period=_KEPT,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_delays, max_receive_count=DELAY_RECEIVES
            ),
            enforce_ssl=True,
        )
        # Not the queue above: that one's letters go back to the delays, these go back to the
        # orchestrator as events.
        self.dead_events = sqs.Queue(self, "DeadEvents", retention_period=_KEPT, enforce_ssl=True)
        accept(
            self.dead_events,
            "SQS3",
            "It is a dead-letter queue: of the rules and of the orchestrator's invocations.",
        )
        self.bus = events.EventBus(self, "Bus", event_bus_name=name)
