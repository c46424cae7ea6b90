"""What the alerts of ``duckstring alert add`` need of the stack. The alerts themselves are made by
the command: rules of the Catchment's bus, API destinations, topics.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from duckstring.model.alert_names import ALERTS
from infra.accepted import accept_wildcards

_WILDCARDS = {r"_alert_\*": "One for each alert, and the id that EventBridge puts after its name."}


class Alerts(Construct):
    """The role with which EventBridge calls the destinations of alerts, and its right to keep what
    they did not take in ``dead_events``.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bus: events.IEventBus,
        name: str,
        dead_events: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self.prefix = prefix = f"{name}{ALERTS}"
        rules = stack.format_arn(
            service="events", resource="rule", resource_name=f"{bus.event_bus_name}/{prefix}*"
        )
        destinations = stack.format_arn(
            service="events", resource="api-destination", resource_name=f"{prefix}*"
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": rules},
                },
            ),
            description="With it EventBridge calls the API destinations of alerts.",
        )
        self.role.add_to_principal_policy(
            iam.PolicyStatement(actions=["events:InvokeApiDestination"], resources=[destinations])
        )
        accept_wildcards(self.role, [destinations], _WILDCARDS)
        dead_events.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                resources=[dead_events.queue_arn],
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                conditions={"ArnLike": {"aws:SourceArn": rules}},
            )
        )
