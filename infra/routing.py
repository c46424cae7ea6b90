"""Which events reach the orchestrator."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from duckstring.model.events import POND_TYPE, SOURCE, TRIGGER_TYPE
from duckstring.orchestrator.alert import STATES

ENDED_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")
"""A run that succeeds tells its line itself, through its Ripples."""


class Routing(Construct):
    """Triggers from the Catchment's bus; from the account's, executions that ended badly, tasks
    that stopped, and objects that arrived in ``arrivals``.

    Events that do not reach the orchestrator, or that it could not take, are kept in
    ``dead_events``.
    """

    def __init__(  # noqa: PLR0913 - constructs are composed by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        orchestrator: lambda_.IFunction,
        bus: events.IEventBus,
        machine: sfn.IStateMachine,
        cluster: str,
        dead_events: sqs.IQueue,
        arrivals: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        target = targets.LambdaFunction(orchestrator, dead_letter_queue=dead_events)
        orchestrator.configure_async_invoke(
            on_failure=destinations.SqsDestination(dead_events), retry_attempts=2
        )
        events.Rule(
            self,
            "Triggers",
            event_bus=bus,
            event_pattern=events.EventPattern(detail_type=[TRIGGER_TYPE]),
            targets=[target],
        )
        events.Rule(
            self,
            "Troubles",
            event_bus=bus,
            event_pattern=events.EventPattern(
                source=[SOURCE], detail_type=[POND_TYPE], detail={"state": list(STATES)}
            ),
            targets=[target],
        )
        events.Rule(
            self,
            "RunsEnded",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [machine.state_machine_arn],
                    "status": list(ENDED_BADLY),
                },
            ),
            targets=[target],
        )
        events.Rule(
            self,
            "TasksStopped",
            event_pattern=events.EventPattern(
                source=["aws.ecs"],
                detail_type=["ECS Task State Change"],
                detail={"clusterArn": [cluster], "lastStatus": ["STOPPED"]},
            ),
            targets=[target],
        )
        if arrivals:
            events.Rule(
                self,
                "Arrivals",
                event_pattern=events.EventPattern(
                    source=["aws.s3"],
                    detail_type=["Object Created"],
                    detail={"bucket": {"name": sorted(arrivals)}},
                ),
                targets=[target],
            )
