"""Connects ports and adapters. Each function calls its part once, at cold start, and pays for its
own imports only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from duckstring.adapters.aws.arrivals import DynamoArrivals
from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.clock import SystemClock
from duckstring.adapters.aws.limits import DynamoLimits
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.adapters.aws.operated import DynamoOperated
from duckstring.adapters.aws.schemas import DeployedSchema
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.model.access import Level, covers
from duckstring.model.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from duckstring.adapters.aws.bus import EventBus
    from duckstring.adapters.aws.lake_tables import BucketTables
    from duckstring.adapters.aws.openlineage import HttpReceiver
    from duckstring.adapters.aws.overrides import EcsOverrides
    from duckstring.adapters.aws.tokens import StepTokens
    from duckstring.api.ports import ApiPorts
    from duckstring.exporter.iceberg_ports import IcebergPorts
    from duckstring.exporter.openlineage_ports import OpenLineagePorts
    from duckstring.exporter.ports import ExporterPorts
    from duckstring.orchestrator.alert import AlertPorts
    from duckstring.orchestrator.ports import Audits, EffectPorts, Ends, Gates, RunNews
    from duckstring.ports import Arrivals, Clock
    from duckstring.sweep.ports import SweepPorts
    from duckstring.vendor.ports import VendorPorts


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """Everything that the orchestrator function needs."""

    settings: Settings
    clients: Clients
    store: DynamoStateStore
    limits: DynamoLimits
    schema: DeployedSchema
    catalog: DynamoCatalog
    arrivals: Arrivals
    gates: Gates
    ends: Ends
    ports: EffectPorts
    tokens: StepTokens
    overrides: EcsOverrides
    clock: Clock
    bus: EventBus


def audits(app: Orchestrator) -> Audits:
    """Where changes that events ask for are written down. Few deliveries need it."""
    from duckstring.adapters.aws.audit import DynamoAudits  # noqa: PLC0415 - see the top

    return DynamoAudits(app.clients, app.settings.need("table"), app.settings.history_kept)


def alerts(app: Orchestrator) -> AlertPorts:
    """What tells people of root causes. Few deliveries need it."""
    from duckstring.adapters.aws.incidents import DynamoIncidents  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.reader import DynamoStateReader  # noqa: PLC0415
    from duckstring.orchestrator.alert import AlertPorts  # noqa: PLC0415

    table = app.settings.need("table")
    return AlertPorts(
        app.settings.need("catchment"),
        app.catalog,
        DynamoStateReader(app.clients, table),
        DynamoIncidents(app.clients, table),
        app.bus,
        app.clock,
    )


@dataclass(frozen=True, slots=True)
class OpenLineage:
    """Everything that the openlineage function needs."""

    ports: OpenLineagePorts
    receiver: HttpReceiver


def orchestrator(env: Mapping[str, str]) -> Orchestrator:
    """The orchestrator of the Catchment that ``env`` describes."""
    from duckstring.adapters.aws.alarms import TimedAlarms  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.attempts import AttemptRows  # noqa: PLC0415
    from duckstring.adapters.aws.bus import EventBus  # noqa: PLC0415
    from duckstring.adapters.aws.executions import Machine, TokenGates  # noqa: PLC0415
    from duckstring.adapters.aws.history import DynamoHistory  # noqa: PLC0415
    from duckstring.adapters.aws.overrides import EcsOverrides  # noqa: PLC0415
    from duckstring.adapters.aws.permits import Permits  # noqa: PLC0415
    from duckstring.adapters.aws.schedules import WindowSchedules  # noqa: PLC0415
    from duckstring.adapters.aws.tokens import StepTokens  # noqa: PLC0415
    from duckstring.adapters.aws.workers import FargateWorkers  # noqa: PLC0415
    from duckstring.orchestrator.ports import EffectPorts  # noqa: PLC0415

    settings, clients, clock = Settings.from_env(env), Clients(), SystemClock()
    # What every run uses is made while the function starts: Lambda gives that phase more processor
    # than it bills.
    _ = clients.dynamodb, clients.sqs, clients.stepfunctions, clients.events
    table = settings.need("table")
    permits = Permits(clients, table)
    gates = TokenGates(clients, table, permits)
    schema = DeployedSchema(clients, table)
    bus = EventBus(clients, settings)
    ports = EffectPorts(
        mailbox=SqsMailbox(clients, settings.need("mailbox"), schema),
        executions=Machine(clients, settings.need("machine"), permits),
        gates=gates,
        history=DynamoHistory(clients, table, settings.need("bucket")),
        bus=bus,
        alarms=TimedAlarms(clients, settings, clock),
        schedules=WindowSchedules(clients, settings, clock),
        workers=FargateWorkers(
            clients,
            table,
            permits,
            cluster=settings.need("cluster"),
            function=settings.need("ripple_function"),
        ),
        news=_run_news(clients, settings),
    )
    store, catalog, arrivals = (
        DynamoStateStore(clients, table, settings.journal_kept),
        DynamoCatalog(clients, table),
        DynamoArrivals(clients, table),
    )
    tokens, overrides = StepTokens(clients), EcsOverrides(clients, settings.need("cluster"))
    ends = AttemptRows(clients, table, settings.need("bucket"))
    return Orchestrator(
        settings,
        clients,
        store,
        DynamoLimits(clients, table),
        schema,
        catalog,
        arrivals,
        gates,
        ends,
        ports,
        tokens,
        overrides,
        clock,
        bus,
    )


def _run_news(clients: Clients, settings: Settings) -> RunNews | None:
    if not settings.run_news:
        return None
    from duckstring.adapters.aws.run_news import SqsRunNews  # noqa: PLC0415 - see the top

    return SqsRunNews(clients, settings.run_news)


def api(env: Mapping[str, str], level: Level = "deployer") -> ApiPorts:
    """The api of the Catchment that ``env`` describes, for a function that serves ``level``: it
    was not told where the parts are that this level does not use.
    """
    from duckstring.adapters.aws.arrived import DynamoBacklog  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.audit import DynamoAudits  # noqa: PLC0415
    from duckstring.adapters.aws.callers import StsCallers  # noqa: PLC0415
    from duckstring.adapters.aws.deployment import BucketArtifacts, LambdaDiscovery  # noqa: PLC0415
    from duckstring.adapters.aws.history import DynamoHistoryReader  # noqa: PLC0415
    from duckstring.adapters.aws.iceberg_kept import IcebergDatabases  # noqa: PLC0415
    from duckstring.adapters.aws.journal import DynamoJournal  # noqa: PLC0415
    from duckstring.adapters.aws.lake_kept import BucketLakes, ExportQueues  # noqa: PLC0415
    from duckstring.adapters.aws.lineage import DynamoLineage  # noqa: PLC0415
    from duckstring.adapters.aws.published import DynamoPublished  # noqa: PLC0415
    from duckstring.adapters.aws.reader import BucketFiles, DynamoStateReader  # noqa: PLC0415
    from duckstring.adapters.aws.rest_index import DynamoRestIndex  # noqa: PLC0415
    from duckstring.adapters.aws.sweeper import AttemptRowReader, MachineReader  # noqa: PLC0415
    from duckstring.adapters.aws.worker import PondSecrets  # noqa: PLC0415
    from duckstring.api.ports import ApiPorts  # noqa: PLC0415

    settings, clients = Settings.from_env(env), Clients()
    table, bucket = settings.need("table"), settings.need("bucket")
    mailbox = settings.need("mailbox") if covers(level, "operator") else ""
    discovery = settings.need("discovery_function") if covers(level, "deployer") else ""
    catalog = DynamoCatalog(clients, table)
    return ApiPorts(
        settings=settings,
        catalog=catalog,
        removals=catalog,
        arrivals=DynamoArrivals(clients, table),
        backlog=DynamoBacklog(clients, table),
        states=DynamoStateReader(clients, table),
        rest=DynamoRestIndex(clients, table),
        limits=DynamoLimits(clients, table),
        history=DynamoHistoryReader(clients, table, bucket),
        snapshots=DynamoStateStore(clients, table),
        published=DynamoPublished(clients, table),
        lineage=DynamoLineage(clients, table),
        journal=DynamoJournal(clients, table),
        lakes=BucketLakes(clients, table, bucket),
        iceberg=IcebergDatabases(clients, table, bucket),
        repairs=ExportQueues(
            clients,
            lake=settings.lake if covers(level, "operator") else "",
            iceberg=settings.iceberg if covers(level, "operator") else "",
        ),
        attempts=AttemptRowReader(clients, table),
        files=BucketFiles(bucket),
        artifacts=BucketArtifacts(clients, bucket),
        discovery=LambdaDiscovery(
            clients,
            discovery,
            bucket=bucket,
            secrets=PondSecrets(clients, settings.secret),
        ),
        executions=MachineReader(clients, settings.need("machine")),
        # Of the levels, only a deployer's function may write which schema is deployed.
        mailbox=SqsMailbox(clients, mailbox, DeployedSchema(clients, table) if discovery else None),
        clock=SystemClock(),
        operated=DynamoOperated(clients, table),
        audits=DynamoAudits(clients, table, settings.history_kept),
        callers=StsCallers(env.get("AWS_ENDPOINT_URL_STS") or env.get("AWS_ENDPOINT_URL", "")),
    )


def vendor(env: Mapping[str, str], clients: Clients | None = None) -> VendorPorts:
    """The vendor of the Catchment that ``env`` describes. ``clients``: its own, if somebody counts
    what they send.
    """
    from duckstring.adapters.aws.permits import PermitKeys  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.roles import AttemptRole  # noqa: PLC0415
    from duckstring.adapters.aws.session_policy import Places  # noqa: PLC0415
    from duckstring.adapters.aws.worker import DynamoStates, PondSecrets  # noqa: PLC0415
    from duckstring.vendor.ports import VendorPorts  # noqa: PLC0415

    settings, clients = Settings.from_env(env), clients or Clients()
    # What every request uses is made while the function starts.
    _ = clients.dynamodb, clients.sts, clients.secretsmanager
    table = settings.need("table")
    store = DynamoStateStore(clients, table)
    places = Places(settings.need("table_arn"), settings.need("mailbox_arn"), settings.kms_key)
    policies = tuple(filter(None, settings.policies.split(",")))
    return VendorPorts(
        states=DynamoStates(store),
        snapshots=store,
        secrets=PondSecrets(clients, settings.secret),
        keys=PermitKeys(clients, table),
        roles=AttemptRole(clients, settings.need("attempt_role"), places, policies=policies),
        rules=DynamoArrivals(clients, table),
    )


def sweep(env: Mapping[str, str]) -> SweepPorts:
    """The sweep of the Catchment that ``env`` describes."""
    from duckstring.adapters.aws.arrived import DynamoBacklog  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.expiry import DynamoExpiry  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.iceberg_kept import SweptIceberg  # noqa: PLC0415
    from duckstring.adapters.aws.lake_kept import SweptLake  # noqa: PLC0415
    from duckstring.adapters.aws.reader import DynamoStateReader  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.residence import DynamoResidence  # noqa: PLC0415
    from duckstring.adapters.aws.rest_index import DynamoRestIndex  # noqa: PLC0415
    from duckstring.adapters.aws.sweeper import AttemptRowReader, AwsGarbageStore, MachineReader  # noqa: PLC0415
    from duckstring.sweep.ports import SweepPorts  # noqa: PLC0415

    settings, clients = Settings.from_env(env), Clients()
    table = settings.need("table")
    catalog = DynamoCatalog(clients, table)
    return SweepPorts(
        catalog=catalog,
        removals=catalog,
        states=DynamoStateReader(clients, table),
        rest=DynamoRestIndex(clients, table),
        limits=DynamoLimits(clients, table),
        executions=MachineReader(clients, settings.need("machine")),
        attempts=AttemptRowReader(clients, table),
        garbage=AwsGarbageStore(clients, table, settings.need("bucket")),
        residence=DynamoResidence(clients, table, settings.need("machine")),
        history=DynamoExpiry(clients, table),
        operated=DynamoOperated(clients, table),
        backlog=DynamoBacklog(clients, table),
        lake=SweptLake(clients, table, settings.need("bucket"), settings.lake),
        iceberg=SweptIceberg(
            clients,
            table,
            settings.need("bucket"),
            catchment=settings.catchment,
            queue=settings.iceberg,
        ),
        lake_after=timedelta(seconds=settings.lake_after or 0),
        history_kept=settings.history_kept,
        retention=settings.retention,
        mailbox=SqsMailbox(clients, settings.need("mailbox"), DeployedSchema(clients, table)),
        clock=SystemClock(),
    )


def exporter(env: Mapping[str, str], scratch: Path) -> ExporterPorts:
    """The exporter of the Catchment that ``env`` describes. ``scratch``: a folder for its files."""
    from duckstring.adapters.aws.lake_kept import BucketLakes  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.reader import DynamoStateReader  # noqa: PLC0415
    from duckstring.exporter.ports import ExporterPorts  # noqa: PLC0415

    settings, clients = Settings.from_env(env), Clients()
    table, bucket = settings.need("table"), settings.need("bucket")
    return ExporterPorts(
        catalog=DynamoCatalog(clients, table),
        states=DynamoStateReader(clients, table),
        lakes=BucketLakes(clients, table, bucket),
        tables=_tables(env, clients, bucket, scratch),
        clock=SystemClock(),
        bucket=bucket,
        scratch=scratch,
    )


def iceberg(env: Mapping[str, str], scratch: Path) -> IcebergPorts:
    """What exports to Iceberg, of the Catchment that ``env`` describes. ``scratch``: a folder for
    copies.
    """
    from duckstring.adapters.aws.glue import GlueWarehouse  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.iceberg_kept import IcebergDatabases  # noqa: PLC0415
    from duckstring.adapters.aws.reader import DynamoStateReader  # noqa: PLC0415
    from duckstring.exporter.iceberg_ports import IcebergPorts  # noqa: PLC0415

    settings, clients = Settings.from_env(env), Clients()
    table, bucket = settings.need("table"), settings.need("bucket")
    catchment = settings.need("catchment")
    return IcebergPorts(
        catalog=DynamoCatalog(clients, table),
        states=DynamoStateReader(clients, table),
        databases=IcebergDatabases(clients, table, bucket),
        warehouse=GlueWarehouse(clients, bucket, catchment),
        tables=_tables(env, clients, bucket, scratch),
        clock=SystemClock(),
        catchment=catchment,
        scratch=scratch,
    )


def openlineage(env: Mapping[str, str], scratch: Path) -> OpenLineage:
    """What tells of lineage, of the Catchment that ``env`` describes. ``scratch``: a folder for
    DuckDB.
    """
    from duckstring.adapters.aws.history import DynamoHistoryReader  # noqa: PLC0415 - see the top
    from duckstring.adapters.aws.openlineage import HttpReceiver  # noqa: PLC0415
    from duckstring.adapters.aws.worker import PondSecrets  # noqa: PLC0415
    from duckstring.exporter.openlineage_ports import OpenLineagePorts, Place  # noqa: PLC0415

    settings, clients = Settings.from_env(env), Clients()
    table, bucket = settings.need("table"), settings.need("bucket")
    receiver = HttpReceiver(
        settings.need("openlineage"), PondSecrets(clients, settings.secret).entries
    )
    ports = OpenLineagePorts(
        past=DynamoHistoryReader(clients, table, bucket),
        snapshots=DynamoStateStore(clients, table),
        schemas=_tables(env, clients, bucket, scratch),
        receiver=receiver,
        place=Place(settings.need("openlineage_namespace"), bucket),
    )
    return OpenLineage(ports, receiver)


def _tables(env: Mapping[str, str], clients: Clients, bucket: str, scratch: Path) -> BucketTables:
    from functools import partial  # noqa: PLC0415 - see the top

    from duckstring.adapters.aws.duck import S3Storage, keys_of  # noqa: PLC0415
    from duckstring.adapters.aws.lake_tables import BucketTables  # noqa: PLC0415

    storage = S3Storage(
        bucket,
        clients.s3.meta.region_name,
        int(env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")),
        env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL", ""),
    )
    return BucketTables(storage, partial(keys_of, clients), scratch)
