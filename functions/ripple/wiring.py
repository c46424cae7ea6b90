"""Connects the worker's ports with AWS. It is separate from ``duckstring.wiring`` because this
function's cold start delays every pipeline.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from duckstring.adapters.aws.admissions import (
    AttemptCredentials,
    VendedAdmissions,
    WorkerAdmissions,
)
from duckstring.adapters.aws.arrived import DynamoBacklog
from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.clock import SystemClock
from duckstring.adapters.aws.duck import keys_of
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.adapters.aws.memos import DynamoMemories
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.adapters.aws.vending import LambdaVendor
from duckstring.adapters.aws.worker import DynamoStates, PondSecrets, S3Artifacts
from duckstring.author import leftovers
from duckstring.model.attempts import Site
from duckstring.model.costs import SCRATCH_MIB, Used, plus
from duckstring.model.settings import Settings
from duckstring.worker.forkserver import ForkServer
from duckstring.worker.origin import Origin
from duckstring.worker.ports import Admissions, Function, Label, Worker
from duckstring.worker.processes import Processes
from duckstring.worker.usage import Books, process_age
from functions.json_log import counted
from functions.ripple.logs import redactor
from functions.ripple.origins import SITE, site_of

if TYPE_CHECKING:
    from duckstring.worker.on_kill import KillHistory

_STARTS = "AWS_LAMBDA_INITIALIZATION_TYPE"
"""Lambda sets it where this process is a function's, and no template of others."""
_ARM = ("aarch64", "arm64")


@dataclass(frozen=True, slots=True)
class App:
    """The worker, where it runs, and the rows of attempts for ``on_kill``."""

    worker: Worker
    site: Site
    kills: KillHistory


def from_env(env: Mapping[str, str], log: logging.Logger, *, label: Label, origin: Origin) -> App:
    """The worker of the Catchment that ``env`` describes.

    Args:
        env: of the function, or of the task's worker.
        log: its own.
        label: puts keys on each line of ``log``.
        origin: its attempts' processes come from there.
    """
    leftovers.clear()
    settings = Settings.from_env(env)
    own, clients, admissions = _admissions(settings, in_task=SITE in env)
    table, bucket = settings.need("table"), settings.need("bucket")
    site, forks = site_of(env), ForkServer(origin.fork_server)
    # What every attempt uses is made while the function starts: Lambda gives that phase more
    # processor than it bills.
    if _STARTS in env:
        forks.start()
    _ = clients.dynamodb, clients.sqs, clients.s3
    rows = AttemptRows(clients, table, bucket, redactor)
    worker = Worker(
        admissions=admissions,
        artifacts=S3Artifacts(clients, bucket),
        history=rows,
        memories=DynamoMemories(clients, table),
        backlog=DynamoBacklog(clients, table),
        mailbox=SqsMailbox(clients, settings.need("mailbox")),
        processes=Processes(forks, ahead=SITE not in env),
        clock=SystemClock(),
        log=log,
        catchment=settings.need("catchment"),
        function=Function(
            float(settings.function_timeout_seconds or 0), int(settings.function_memory_mib or 0)
        ),
        label=label,
        redactor=redactor,
        books=Books(
            partial(_counted, own, clients),
            is_arm=platform.machine() in _ARM,
            scratch_mib=0 if SITE in env else SCRATCH_MIB,
            start_seconds=process_age(),
        ),
    )
    return App(worker, site, rows)


def _admissions(settings: Settings, *, in_task: bool) -> tuple[Clients, Clients, Admissions]:
    """The worker's own clients, those for an attempt's requests, and how attempts come by their
    rights.
    """
    if not settings.vendor_function:
        clients = Clients()
        _ = clients.secretsmanager
        store = DynamoStateStore(clients, settings.need("table"))
        secrets = PondSecrets(clients, settings.secret)
        admissions = WorkerAdmissions(
            DynamoStates(store), store, secrets, partial(keys_of, clients)
        )
        return clients, clients, admissions
    credentials, own = AttemptCredentials(), Clients()
    _ = own.vendor
    vendor = LambdaVendor(own, settings.vendor_function)
    return own, Clients(credentials), VendedAdmissions(vendor, credentials, renewed=in_task)


def _counted(own: Clients, clients: Clients) -> Used:
    tallies = [one.tally.so_far() for one in dict.fromkeys((own, clients))]
    return plus(*tallies, {"log_bytes": counted.written})
