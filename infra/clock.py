"""The schedules of a Catchment: the group of its Windows and alarms, the role that may post them,
and the sweep.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.accepted import accept_wildcards

SWEEP_EVERY = Duration.minutes(5)


class Alarms(Construct):
    """A schedule group for Windows and the lines' alarms, which is deleted with the stack, and the
    role with which Scheduler posts them.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, posts_to: Sequence[sqs.IQueue]
    ) -> None:
        super().__init__(scope, construct_id)
        # By default CDK would keep the group, and its schedules would go on posting to a deleted
        # queue.
        self.group = scheduler.ScheduleGroup(
            self, "Group", schedule_group_name=name, removal_policy=RemovalPolicy.DESTROY
        )
        account = Stack.of(self).account
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": account}},
            ),
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"], resources=[queue.queue_arn for queue in posts_to]
            )
        )

    @property
    def schedules_arn(self) -> str:
        """Every schedule of the group."""
        return Stack.of(self).format_arn(
            service="scheduler",
            resource="schedule",
            resource_name=f"{self.group.schedule_group_name}/*",
        )


class Sweep(Construct):
    """The recurring sweep."""

    def __init__(self, scope: Construct, construct_id: str, *, function: lambda_.IFunction) -> None:
        super().__init__(scope, construct_id)
        scheduler.Schedule(
            self,
            "Every",
            schedule=scheduler.ScheduleExpression.rate(SWEEP_EVERY),
            target=targets.LambdaInvoke(
                function,
                retry_attempts=0,
                input=scheduler.ScheduleTargetInput.from_object({"op": "sweep"}),
            ),
        )
        accept_wildcards(
            Stack.of(self),
            [f"{function.function_arn}:*"],
            {r"\.Arn>:\*": "The CDK lets schedules invoke versions of a function. It has none."},
        )
