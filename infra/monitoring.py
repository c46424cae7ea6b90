"""The dashboard and the alarms. Per-Pond detail comes from the logs, so that 1,000 Ponds cost the
same as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.doors import Doors
from infra.messaging import Messaging
from infra.run_news import RunNews

_STEP = Duration.minutes(5)
_OLD_LETTER = Duration.minutes(15)
_OLD_NEWS = Duration.hours(1)
_NO_SWEEP = Duration.minutes(15)
_AGAIN = 3
"""Of ``_STEP``: one failure is tried again, and needs nobody."""
_OFTEN = 10
"""Receives of a letter, which take some six minutes (``adapters.aws.inbox.wait_after``)."""
_WIDE = 24
_HALF = 12
_OVER = 'filter message = "run over"'
"""As ``orchestrator/run_log.py`` has it. A run may be logged twice."""
_OUTCOMES = (
    f"{_OVER} | fields strcontains(status, 'success') as success, "
    "strcontains(status, 'pass') as pass, strcontains(status, 'failed') as failed, "
    "strcontains(status, 'killed') as killed | stats sum(success) as succeeded, "
    "sum(pass) as passed, sum(failed) as fail, sum(killed) as kill by bin(1h)"
)
_BOUND = 'filter message = "bound"'
"""As the sweep logs it (``sweep/bounds.py``), every five minutes."""
_PAST = (
    f"{_BOUND} and ispresent(outlets) | stats max(past) as outlets_past_their_bound, "
    "max(late_seconds) / 60 as worst_minutes by bin(15m)"
)
_LEFT = (
    f"{_BOUND} and ispresent(left_seconds) | stats latest(left_seconds) / 60 as minutes_left, "
    "latest(lag_seconds) / 60 as age_in_minutes, latest(bound) as its_bound, "
    "max(@timestamp) as seen by line | sort minutes_left asc | limit 20"
)
_QUERIES = {
    "Ponds that fail most": (
        f'{_OVER} and status = "failed" | stats count_distinct(run) as failed, '
        "latest(run) as newest by line | sort failed desc | limit 20"
    ),
    "Slowest Ponds": (
        f"{_OVER} | stats count_distinct(run) as runs, pct(seconds, 50) as median, "
        "max(seconds) as longest by line | sort longest desc | limit 20"
    ),
    "Age of the data when it was published (s)": (
        f"{_OVER} and ispresent(lag_seconds) | stats latest(lag_seconds) as newest, "
        "pct(lag_seconds, 50) as median, max(lag_seconds) as most by line | sort newest desc | "
        "limit 20"
    ),
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


class Recipients(Construct):
    """Who is told when an alarm rings, and when it is over: topics of SNS."""

    def __init__(
        self, scope: Construct, construct_id: str, *, topic: str, emails: Sequence[str]
    ) -> None:
        super().__init__(scope, construct_id)
        self.topics: list[sns.ITopic] = []
        if topic:
            self.topics.append(sns.Topic.from_topic_arn(self, "Given", topic))
        if emails:
            made = sns.Topic(self, "Topic", enforce_ssl=True)
            # A topic with a policy of its own has no longer the one that lets its account publish.
            made.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["sns:Publish"],
                    resources=[made.topic_arn],
                    principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                    conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
                )
            )
            for email in emails:
                made.add_subscription(subscriptions.EmailSubscription(email))
            self.topics.append(made)

    def hear_of(self, alarm: cloudwatch.Alarm) -> None:
        """Tell them of this alarm."""
        for topic in self.topics:
            alarm.add_alarm_action(actions.SnsAction(topic))
            alarm.add_ok_action(actions.SnsAction(topic))


class Monitoring(Construct):
    """The alarms of the Catchment itself, and one dashboard, if it is wanted."""

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
        recipients: Recipients,
        run_news: RunNews | None = None,
        has_dashboard: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dashboard: cloudwatch.Dashboard | None = None
        dead = {
            "DeadLettersAlarm": messaging.dead_letters,
            "DeadDelaysAlarm": messaging.dead_delays,
            "DeadEventsAlarm": messaging.dead_events,
        }
        alarms = [
            self._late(messaging.mailbox),
            self._stuck(doors.orchestrator, name),
            *(self._dead(alarm, queue) for alarm, queue in dead.items()),
            self._fails("OrchestratorFailsAlarm", doors.orchestrator),
            self._fails("SweepFailsAlarm", doors.sweep),
            self._throttled("OrchestratorThrottledAlarm", doors.orchestrator),
            self._throttled("RippleThrottledAlarm", doors.ripple),
            self._missing(doors.sweep),
            *([self._fails("ExporterFailsAlarm", doors.exporter)] if doors.exporter else []),
            *([self._fails("IcebergFailsAlarm", doors.iceberg)] if doors.iceberg else []),
            *(self._untold(run_news, doors.openlineage) if run_news and doors.openlineage else ()),
        ]
        for alarm in alarms:
            recipients.hear_of(alarm)
        if has_dashboard:
            groups = [doors.orchestrator.log_group, doors.ripple.log_group, task_logs]
            self.dashboard = self._shown(name, alarms)
            self.dashboard.add_widgets(_queues(messaging), _runs(machine))
            self.dashboard.add_widgets(*_functions(doors))
            self.dashboard.add_widgets(*_bounds(doors.sweep.log_group))
            self.dashboard.add_widgets(_outcomes(doors.orchestrator.log_group))
            for query in _queries(groups):
                self.dashboard.add_widgets(query)

    def _shown(self, name: str, alarms: Sequence[cloudwatch.Alarm]) -> cloudwatch.Dashboard:
        # A dashboard's name is the account's, not the region's.
        dashboard = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=f"{name}-{Stack.of(self).region}"
        )
        dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=[*alarms], width=_WIDE, height=2)
        )
        return dashboard

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

    def _stuck(self, orchestrator: lambda_.Function, name: str) -> cloudwatch.Alarm:
        """The age of the oldest letter leaves out letters that were received again and again."""
        received = logs.MetricFilter(
            self,
            "StuckLetters",
            log_group=orchestrator.log_group,
            metric_namespace="Duckstring",
            metric_name=f"{name}-stuck-letters",
            filter_pattern=logs.FilterPattern.literal(f"{{ $.received > {_OFTEN} }}"),
            metric_value="1",
        )
        return self._alarm(
            "StuckLettersAlarm",
            received.metric(period=_STEP, statistic="sum"),
            periods=1,
            words=(
                f"A letter was delivered more than {_OFTEN} times, and its line stands still: the "
                "orchestrator's log says why (delivery failed)."
            ),
        )

    def _dead(self, construct_id: str, queue: sqs.IQueue) -> cloudwatch.Alarm:
        return self._alarm(
            construct_id,
            queue.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="max"
            ),
            periods=1,
            words=(
                "Letters that no delivery could handle: read them, repair the cause, then "
                "redrive the queue."
            ),
        )

    def _untold(
        self, run_news: RunNews, function: lambda_.Function
    ) -> tuple[cloudwatch.Alarm, ...]:
        """Lineage that nobody gets: nothing of the Catchment stands still for it."""
        late = run_news.queue.metric_approximate_age_of_oldest_message(
            period=Duration.minutes(1), statistic="max"
        ).create_alarm(
            self,
            "OldRunNewsAlarm",
            threshold=_OLD_NEWS.to_seconds(),
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=(
                "The receiver of OpenLineage has not taken an event for an hour: the openlineage "
                "function's log says why. It is tried again for a day."
            ),
        )
        return (
            late,
            self._dead("DeadRunNewsAlarm", run_news.dead),
            self._fails("OpenLineageFailsAlarm", function),
        )

    def _fails(self, construct_id: str, function: lambda_.Function) -> cloudwatch.Alarm:
        return self._alarm(
            construct_id,
            function.metric_errors(period=_STEP),
            periods=_AGAIN,
            words="The function fails again and again: its log says why.",
        )

    def _throttled(self, construct_id: str, function: lambda_.Function) -> cloudwatch.Alarm:
        return self._alarm(
            construct_id,
            function.metric_throttles(period=_STEP),
            periods=_AGAIN,
            words=(
                "The function is refused again and again: the account's limit of concurrent "
                "executions is used up. Ask for more (Service Quotas), or reserve some for the "
                "orchestrator: -c reserved=N."
            ),
        )

    def _missing(self, sweep: lambda_.Function) -> cloudwatch.Alarm:
        return self._alarm(
            "SweepMissingAlarm",
            sweep.metric_invocations(period=_NO_SWEEP),
            periods=2,
            least=False,
            words=(
                "No sweep for half an hour: what letters do not report is not repaired. Look for "
                "its schedule and its function: duckstring doctor."
            ),
        )

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.Metric,
        *,
        periods: int,
        words: str,
        least: bool = True,
    ) -> cloudwatch.Alarm:
        """One that rings if there is at least one in each of the last ``periods``; or, without
        ``least``, none in all of them.
        """
        compared, missing = cloudwatch.ComparisonOperator, cloudwatch.TreatMissingData
        return metric.create_alarm(
            self,
            construct_id,
            threshold=1,
            evaluation_periods=periods,
            comparison_operator=compared.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            if least
            else compared.LESS_THAN_THRESHOLD,
            treat_missing_data=missing.NOT_BREACHING if least else missing.BREACHING,
            alarm_description=words,
        )


def _queues(messaging: Messaging) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title="Queues: age of the oldest message (s), dead letters",
        left=[
            messaging.mailbox.metric_approximate_age_of_oldest_message(
                period=_STEP, statistic="max", label="mailbox: oldest letter"
            ),
            messaging.delays.metric_approximate_age_of_oldest_message(
                period=_STEP, statistic="max", label="delays: oldest, of up to 15 min meant"
            ),
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


def _bounds(group: logs.ILogGroup) -> tuple[cloudwatch.LogQueryWidget, ...]:
    """How Outlets are against their bounds: over time, and those with the least time left."""
    names = [group.log_group_name]
    return (
        cloudwatch.LogQueryWidget(
            title="Outlets whose data has passed its bound, and by how much (min)",
            log_group_names=names,
            query_string=_PAST,
            view=cloudwatch.LogQueryVisualizationType.LINE,
            width=_HALF,
            height=6,
        ),
        cloudwatch.LogQueryWidget(
            title="Outlets: age against bound, least time left first (min)",
            log_group_names=names,
            query_string=_LEFT,
            width=_HALF,
            height=6,
        ),
    )


def _outcomes(group: logs.ILogGroup) -> cloudwatch.LogQueryWidget:
    return cloudwatch.LogQueryWidget(
        title="Pond Runs by outcome, each hour",
        log_group_names=[group.log_group_name],
        query_string=_OUTCOMES,
        view=cloudwatch.LogQueryVisualizationType.STACKEDAREA,
        width=_WIDE,
        height=6,
    )


def _queries(groups: Sequence[logs.ILogGroup]) -> list[cloudwatch.LogQueryWidget]:
    names = [group.log_group_name for group in groups]
    return [
        cloudwatch.LogQueryWidget(
            title=title, log_group_names=names, query_string=query, width=_WIDE, height=6
        )
        for title, query in _QUERIES.items()
    ]


def _functions(doors: Doors) -> tuple[cloudwatch.GraphWidget, cloudwatch.GraphWidget]:
    functions: Mapping[str, lambda_.Function] = {
        "orchestrator": doors.orchestrator,
        "ripple": doors.ripple,
        "api": doors.api,
        "operators": doors.operators,
        "viewers": doors.viewers,
        "sweep": doors.sweep,
        "discovery": doors.discovery,
        **({"vendor": doors.vendor} if doors.vendor else {}),
        **({"exporter": doors.exporter} if doors.exporter else {}),
        **({"iceberg": doors.iceberg} if doors.iceberg else {}),
        **({"openlineage": doors.openlineage} if doors.openlineage else {}),
    }
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
