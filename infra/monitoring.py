"""The dashboard and the alarms. Per-Pond detail comes from the logs, so that 1,000 Ponds cost the
same as one.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.doors import Doors
from infra.messaging import Messaging

_STEP = Duration.minutes(5)
_OLD_LETTER = Duration.minutes(15)
_WIDE = 24
_HALF = 12
_QUERIES = {
    "Decisions, by line": (
        "filter ispresent(line) | stats count(*) as letters, max(@timestamp) as latest by line | "
        "sort latest desc"
    ),
    "Ripples that failed": (
        'filter level = "ERROR" or outcome = "failed" | '
        "fields @timestamp, line, run, ripple, attempt, error, message | "
        "sort @timestamp desc | limit 50"
    ),
    "Slowest Ripples": (
        "filter ispresent(ripple) and ispresent(seconds) | "
        "stats count(*) as attempts, avg(seconds) as mean, max(seconds) as longest by line, "
        "ripple | sort longest desc | limit 50"
    ),
}


class Monitoring(Construct):
    """One dashboard; an alarm for each dead-letter queue, and one for letters that are not
    handled.
    """

    def __init__(  # noqa: PLR0913 - constructs are composed by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        doors: Doors,
        messaging: Messaging,
        machine: sfn.StateMachine,
        task_logs: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        dead = {
            "DeadLettersAlarm": messaging.dead_letters,
            "DeadDelaysAlarm": messaging.dead_delays,
            "DeadEventsAlarm": messaging.dead_events,
        }
        alarms = [
            self._late(messaging.mailbox),
            *(self._dead(alarm, queue) for alarm, queue in dead.items()),
        ]
        # A dashboard's name is the account's, not the region's.
        self.dashboard = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=f"{name}-{Stack.of(self).region}"
        )
        functions = {
            "orchestrator": doors.orchestrator,
            "ripple": doors.ripple,
            "api": doors.api,
            "sweep": doors.sweep,
        }
        functions["discovery"] = doors.discovery
        self.dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(
                title="Letters late or given up", alarms=alarms, width=_WIDE, height=2
            )
        )
        self.dashboard.add_widgets(_queues(messaging), _runs(machine))
        self.dashboard.add_widgets(*_functions(functions))
        groups = [
            one.log_group_name
            for one in (doors.orchestrator.log_group, doors.ripple.log_group, task_logs)
        ]
        for title, query in _QUERIES.items():
            self.dashboard.add_widgets(
                cloudwatch.LogQueryWidget(
                    title=title, log_group_names=groups, query_string=query, width=_WIDE, height=6
                )
            )

    def _late(self, mailbox: sqs.IQueue) -> cloudwatch.Alarm:
        return mailbox.metric_approximate_age_of_oldest_message(
            period=Duration.minutes(1), statistic="max"
        ).create_alarm(
            self,
            "OldLettersAlarm",
            threshold=_OLD_LETTER.to_seconds(),
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=(
                "A letter has waited for more than 15 minutes: the orchestrator's log says why; "
                "it is tried again for hours."
            ),
        )

    def _dead(self, construct_id: str, queue: sqs.IQueue) -> cloudwatch.Alarm:
        return queue.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(1), statistic="max"
        ).create_alarm(
            self,
            construct_id,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=(
                "Letters that no delivery could handle: read them, repair the cause, then "
                "redrive the queue."
            ),
        )


def _queues(messaging: Messaging) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title="Mailbox: oldest letter (s), dead letters",
        left=[
            messaging.mailbox.metric_approximate_age_of_oldest_message(
                period=_STEP, statistic="max", label="oldest letter"
            )
        ],
        right=[
            messaging.dead_letters.metric_approximate_number_of_messages_visible(
                period=_STEP, statistic="max", label="dead letters"
            ),
            messaging.dead_delays.metric_approximate_number_of_messages_visible(
                period=_STEP, statistic="max", label="dead delays"
            ),
            messaging.dead_events.metric_approximate_number_of_messages_visible(
                period=_STEP, statistic="max", label="dead events"
            ),
        ],
        width=_HALF,
    )


def _runs(machine: sfn.StateMachine) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title="Pond Runs",
        left=[
            machine.metric_succeeded(period=_STEP),
            machine.metric_failed(period=_STEP),
            machine.metric_aborted(period=_STEP),
        ],
        right=[machine.metric_time(period=_STEP, statistic="p95", label="duration p95")],
        width=_HALF,
    )


def _functions(
    functions: Mapping[str, lambda_.Function],
) -> tuple[cloudwatch.GraphWidget, cloudwatch.GraphWidget]:
    return (
        cloudwatch.GraphWidget(
            title="Functions: errors, throttles",
            left=[
                function.metric_errors(period=_STEP, label=f"{name} errors")
                for name, function in functions.items()
            ],
            right=[
                function.metric_throttles(period=_STEP, label=f"{name} throttles")
                for name, function in functions.items()
            ],
            width=_HALF,
        ),
        cloudwatch.GraphWidget(
            title="Functions: duration p95",
            left=[
                function.metric_duration(period=_STEP, statistic="p95", label=name)
                for name, function in functions.items()
            ],
            width=_HALF,
        ),
    )
