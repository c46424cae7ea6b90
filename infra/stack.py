"""A Catchment as one stack: its parts, their environment, and the stack's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version

from aws_cdk import CfnOutput, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from duckstring.model.settings import Settings
from infra.alerts import Alerts
from infra.clock import Alarms, Sweep
from infra.code import Code
from infra.config import Config
from infra.doors import ORCHESTRATOR_TIMEOUT, Doors
from infra.encryption import encrypt
from infra.grants import Grants
from infra.isolation import Isolation
from infra.lake import Lake
from infra.machine import PondRuns
from infra.messaging import Messaging
from infra.monitoring import Monitoring, Recipients
from infra.people import People
from infra.routing import Routing
from infra.run_news import RunNews
from infra.storage import Storage
from infra.tasks import Tasks

_BATCH = 10


class CatchmentStack(Stack):
    """All parts of a Catchment."""

    def __init__(self, scope: Construct, *, config: Config, code: Code) -> None:
        super().__init__(
            scope,
            f"Duckstring-{config.catchment}",
            description=f"Duckstring Catchment {config.catchment}",
            termination_protection=not config.ephemeral,
        )
        name = f"duckstring-{config.catchment}"
        Tags.of(self).add("duckstring:catchment", config.catchment)
        self._name, self._arrivals = config.catchment, config.arrivals
        named = enumerate(config.policies)
        self._policies = [
            iam.ManagedPolicy.from_managed_policy_arn(self, f"Policy{number}", arn)
            for number, arn in named
        ]
        self._function = {
            "function_memory_mib": str(config.memory_mib),
            "function_timeout_seconds": str(config.function_timeout_seconds),
        }
        self._ephemeral = config.ephemeral
        self._storage = Storage(
            self,
            "Storage",
            name=config.catchment,
            attached=config.attached,
            ephemeral=config.ephemeral,
            history_days=config.history_days,
        )
        self._history = str(config.history_days or "")
        self._journal = str(config.journal_days or "")
        self._retention = {
            "retention_snapshots": str(config.retention.snapshots),
            "retention_days": str(config.retention.days),
        }
        past = _past(config.attached.table)
        self._messaging = Messaging(
            self, "Messaging", name=name, consumer_timeout=ORCHESTRATOR_TIMEOUT, past=past
        )
        self._doors = Doors(self, "Doors", config=config, code=code)
        self._tasks = Tasks(self, "Tasks", name=name, config=config, code=code)
        self._runs = PondRuns(
            self,
            f"Runs{past}",
            ripple=self._doors.ripple,
            memory_mib=config.memory_mib,
            mailbox=self._messaging.mailbox,
            task=self._tasks.substitutions(),
        )
        self._alarms = Alarms(
            self, "Alarms", name=name, posts_to=(self._messaging.mailbox, self._messaging.delays)
        )
        self._lake = self._told("Lake", self._doors.exporter, config)
        self._iceberg = self._told("Iceberg", self._doors.iceberg, config)
        self._secret = self._storage.secret
        self._isolation = (
            Isolation(self, "Isolation", vendor=self._doors.vendor, policies=self._policies)
            if self._doors.vendor
            else None
        )
        self._alerts = Alerts(
            self,
            "Alerts",
            bus=self._messaging.bus,
            name=name,
            dead_events=self._messaging.dead_events,
        )
        self._wire(config)
        monitoring = Monitoring(
            self,
            "Monitoring",
            name=name,
            doors=self._doors,
            messaging=self._messaging,
            machine=self._runs.machine,
            task_logs=self._tasks.log_group,
            run_news=self._run_news,
            recipients=Recipients(
                self, "Recipients", topic=config.alarm_topic, emails=config.alarm_emails
            ),
            has_dashboard=config.dashboard,
        )
        board = monitoring.dashboard
        self._write_outputs({"Dashboard": board.dashboard_name} if board else {})
        if config.people:
            self._write_policies()
        self._apply_options(config)

    def _told(
        self, construct_id: str, exporter: lambda_.Function | None, config: Config
    ) -> Lake | None:
        """What tells an exporter that Ponds have published."""
        if exporter is None or not config.lake_seconds:
            return None
        bus, seconds = self._messaging.bus, config.lake_seconds
        return Lake(self, construct_id, exporter=exporter, bus=bus, seconds=seconds)

    def _apply_options(self, config: Config) -> None:
        """What concerns each resource or each role. Comes last: it looks at what there is."""
        for key, value in config.tags.items():
            Tags.of(self).add(key, value)
        if given := config.permissions_boundary:
            boundary = (
                iam.ManagedPolicy.from_managed_policy_arn(self, "Boundary", given)
                if given.startswith("arn:")
                else iam.ManagedPolicy.from_managed_policy_name(self, "Boundary", given)
            )
            iam.PermissionsBoundary.of(self).apply(boundary)
        if config.kms_key:
            encrypt(self, config.kms_key)

    def _wire(self, config: Config) -> None:
        teller = self._doors.openlineage
        self._run_news = RunNews(self, "RunNews", function=teller) if teller else None
        self._settings(config)
        Grants(
            doors=self._doors,
            storage=self._storage,
            messaging=self._messaging,
            machine=self._runs.machine,
            alarms=self._alarms,
            secret=self._secret,
            tasks=self._tasks,
            lake=self._lake,
            iceberg=self._iceberg,
            run_news=self._run_news,
            isolation=self._isolation,
            policies=self._policies,
            arrivals=self._arrivals,
        ).apply()
        for queue in (self._messaging.mailbox, self._messaging.delays):
            self._doors.orchestrator.add_event_source(
                sources.SqsEventSource(queue, batch_size=_BATCH, report_batch_item_failures=True)
            )
        Routing(
            self,
            "Routing",
            orchestrator=self._doors.orchestrator,
            bus=self._messaging.bus,
            machine=self._runs.machine,
            cluster=self._tasks.cluster_arn,
            dead_events=self._messaging.dead_events,
            arrivals=self._arrivals,
        )
        Sweep(self, "Sweep", function=self._doors.sweep)

    def _settings(self, config: Config) -> None:
        everyone = Settings(
            catchment=self._name,
            table=self._storage.table.table_name,
            bucket=self._storage.bucket.bucket_name,
            mailbox=self._messaging.mailbox.queue_url,
        )
        delays = self._messaging.delays.queue_url
        machine = self._runs.machine.state_machine_arn
        orchestrator = replace(
            everyone,
            bus=self._messaging.bus.event_bus_name,
            delays=delays,
            delays_arn=self._messaging.delays.queue_arn,
            machine=machine,
            schedules=self._alarms.group.schedule_group_name,
            scheduler_role=self._alarms.role.role_arn,
            mailbox_arn=self._messaging.mailbox.queue_arn,
            cluster=self._tasks.cluster_arn,
            ripple_function=self._doors.ripple.function_name,
            attempt_role_id=self._isolation.role_id if self._isolation else "",
            journal_days=self._journal,
            history_days=self._history,
            run_news=self._run_news.queue.queue_url if self._run_news else "",
            **self._function,
        )
        _configure(self._doors.orchestrator, orchestrator)
        worker = replace(everyone, **self._function)
        if self._doors.vendor and self._isolation:
            worker = replace(worker, vendor_function=self._doors.vendor.function_name)
            _configure(self._doors.vendor, self._vendor_settings(self._isolation, config.kms_key))
        else:
            worker = replace(worker, secret=self._secret.secret_arn)
        _configure(self._doors.ripple, worker)
        self._tasks.configure(worker)
        people = replace(everyone, machine=machine, history_days=self._history)
        self._settings_of_people(config, people)
        _configure(self._doors.discovery, Settings(catchment=self._name))
        lake = self._lake.queue.queue_url if self._lake else ""
        iceberg = self._iceberg.queue.queue_url if self._iceberg else ""
        sweep = replace(everyone, delays=delays, machine=machine, history_days=self._history)
        sweep = replace(sweep, lake=lake, iceberg=iceberg, lake_seconds=_paced(config))
        _configure(self._doors.sweep, replace(sweep, **self._retention))
        for exporter in filter(None, (self._doors.exporter, self._doors.iceberg)):
            _configure(exporter, replace(everyone, mailbox=""))
        if self._doors.openlineage:
            place = f"duckstring://{self.account}/{self.region}/{self._name}"
            telling = replace(everyone, mailbox="", secret=self._secret.secret_arn)
            telling = replace(telling, openlineage=config.openlineage, openlineage_namespace=place)
            _configure(self._doors.openlineage, telling)

    def _settings_of_people(self, config: Config, everyone: Settings) -> None:
        """What serves the command and the page."""
        operators = replace(everyone, **self._function, **self._retention)
        operators = replace(
            operators,
            lake=self._lake.queue.queue_url if self._lake else "",
            lake_seconds=_paced(config),
            iceberg=self._iceberg.queue.queue_url if self._iceberg else "",
        )
        _configure(self._doors.operators, operators)
        has_iceberg = "true" if self._iceberg else ""
        viewers = replace(operators, mailbox="", history_days="", lake="", iceberg=has_iceberg)
        _configure(self._doors.viewers, viewers)
        api = replace(
            operators,
            discovery_function=self._doors.discovery.function_name,
            secret=self._secret.secret_arn,
            arrivals=",".join(self._arrivals),
        )
        _configure(self._doors.api, api)

    def _vendor_settings(self, isolation: Isolation, kms_key: str) -> Settings:
        return Settings(
            catchment=self._name,
            table=self._storage.table.table_name,
            table_arn=self._storage.table.table_arn,
            mailbox_arn=self._messaging.mailbox.queue_arn,
            secret=self._secret.secret_arn,
            attempt_role=isolation.role.role_arn,
            kms_key=kms_key,
            policies=",".join(policy.managed_policy_arn for policy in self._policies),
        )

    def _write_outputs(self, more: Mapping[str, str]) -> None:
        outputs = {
            "Catchment": self._name,
            "Table": self._storage.table.table_name,
            "Bucket": self._storage.bucket.bucket_name,
            "Ephemeral": "true" if self._ephemeral else "false",
            "ApiFunction": self._doors.api.function_name,
            "OperatorFunction": self._doors.operators.function_name,
            "ViewerFunction": self._doors.viewers.function_name,
            "RippleFunction": self._doors.ripple.function_name,
            "DiscoveryFunction": self._doors.discovery.function_name,
            "Mailbox": self._messaging.mailbox.queue_url,
            "DeadLetters": self._messaging.dead_letters.queue_url,
            "Delays": self._messaging.delays.queue_url,
            "DeadDelays": self._messaging.dead_delays.queue_url,
            "DeadEvents": self._messaging.dead_events.queue_url,
            "Machine": self._runs.machine.state_machine_arn,
            "Bus": self._messaging.bus.event_bus_name,
            "AlertRole": self._alerts.role.role_arn,
            "Cluster": self._tasks.cluster.ref,
            "TaskLogs": self._tasks.log_group.log_group_name,
            "OrchestratorFunction": self._doors.orchestrator.function_name,
            "RippleLogs": self._doors.ripple.log_group.log_group_name,
            "SweepFunction": self._doors.sweep.function_name,
            **({"VendorFunction": self._doors.vendor.function_name} if self._doors.vendor else {}),
            **self._lake_outputs(),
            **self._lineage_outputs(),
            "Secret": self._secret.secret_arn,
            "Version": version("duckstring-aws"),
            **more,
        }
        if self._isolation:
            outputs["AttemptRole"] = self._isolation.role.role_arn
        for key, value in outputs.items():
            CfnOutput(self, f"Output{key}", value=value).override_logical_id(key)

    def _lake_outputs(self) -> Mapping[str, str]:
        if self._lake is None or self._doors.exporter is None:
            return {}
        found = {
            "ExporterFunction": self._doors.exporter.function_name,
            "LakeQueue": self._lake.queue.queue_url,
        }
        if self._doors.iceberg and self._iceberg:
            found["IcebergFunction"] = self._doors.iceberg.function_name
            found["IcebergQueue"] = self._iceberg.queue.queue_url
        return found

    def _lineage_outputs(self) -> Mapping[str, str]:
        if self._run_news is None or self._doors.openlineage is None:
            return {}
        return {
            "OpenLineageFunction": self._doors.openlineage.function_name,
            "RunNews": self._run_news.queue.queue_url,
            "DeadRunNews": self._run_news.dead.queue_url,
        }

    def _write_policies(self) -> None:
        people = People(
            self,
            "People",
            doors=self._doors,
            storage=self._storage,
            messaging=self._messaging,
            tasks=self._tasks,
            alerts=self._alerts,
            run_news=self._run_news,
        )
        for name, policy in people.policies.items():
            key = f"{name.title()}Policy"
            CfnOutput(self, f"Output{key}", value=policy.managed_policy_arn).override_logical_id(
                key
            )


def _past(table: str) -> str:
    """What tells the mailbox and the state machine of an attached table from those of another
    table.

    A restored table is at another point in time. Letters and executions of the table before would
    be of runs that it does not know, or that it is going to number the same.
    """
    return sha256(table.encode()).hexdigest()[:8] if table else ""


def _paced(config: Config) -> str:
    return str(config.lake_seconds or "")


def _configure(function: lambda_.Function, settings: Settings) -> None:
    for key, value in settings.to_env().items():
        function.add_environment(key, value)
