"""The rights of a worker: enough for all that it does, and nothing of what an author's code could
do with more.

Every request of the ports of a worker, a task's supervisor and discovery is recorded (moto) and
held against the template's policies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from duckstring.adapters.aws.arrivals import DynamoArrivals
from duckstring.adapters.aws.arrived import DynamoBacklog
from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.adapters.aws.memos import DynamoMemories
from duckstring.adapters.aws.permits import PermitKeys, Permits
from duckstring.adapters.aws.roles import AttemptRole
from duckstring.adapters.aws.session_policy import Places as Addresses
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.adapters.aws.tokens import StepTokens
from duckstring.adapters.aws.vending import LambdaVendor
from duckstring.adapters.aws.worker import DynamoStates, PondSecrets, S3Artifacts
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.letters import Letter
from duckstring.engine.signals import RippleSucceeded
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.errors import TransientError
from duckstring.model.attempts import (
    AttemptFinished,
    AttemptPaused,
    AttemptStarted,
    OnKillCalled,
    Site,
    Usage,
)
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line, location_of_key, table_key
from duckstring.model.permits import AttemptName
from duckstring.model.values import replace as renewed
from duckstring.orchestrator.ports import Held
from duckstring.vendor.ports import VendorPorts
from duckstring.vendor.vend import Request as Asked
from duckstring.vendor.vend import vend
from tests.infra.policies import Places, Request, allowing, requests_of
from tests.infra.template_kit import roles_of, statements
from tests.integration.aws import catchment

SALES, ORDERS = Line("sales@1"), Line("orders@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
TABLE = table_key(SALES, "orders", run=42, ripple="load", attempt=1, invocation="0a1b2c3d")
ORDERS_TABLE = table_key(ORDERS, "orders", run=7, ripple="load", attempt=1, invocation="0a1b2c3d")
ASKED = Asked(AttemptName(SALES, 42, "load", 1), "", launch=1)
ADDRESSES = Addresses(
    "arn:aws:dynamodb:eu-central-1:123456789012:table/catchment",
    "arn:aws:sqs:eu-central-1:123456789012:mailbox.fifo",
)

USED = {"dynamodb_requests": 4}

Calls = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def roles(template) -> dict[str, list[dict[str, Any]]]:
    return {name: statements(template, role) for name, role in roles_of(template).items()}


@pytest.fixture
def calls(monkeypatch) -> Iterator[tuple[Clients, Calls]]:
    """Clients of a Catchment, and all that is asked through them, by service and operation."""
    with catchment(monkeypatch) as here:
        clients, made = Clients(), []
        here.clients.s3.put_object(
            Bucket="catchment", Key="artifacts/sales/1.0.0/ab.zip", Body=b"zip"
        )
        here.clients.secretsmanager.create_secret(Name="secret", SecretString="{}")
        clients.session.register(
            "provide-client-params.*.*",
            lambda params, model, **_: made.append(
                (f"{model.service_model.service_id.hyphenize()}.{model.name}", dict(params))
            ),
        )
        yield clients, made


def attempt(clients: Clients) -> None:
    """All that the ports of an attempt ask of AWS through boto3."""
    S3Artifacts(clients, "catchment").fetch("artifacts/sales/1.0.0/ab.zip")
    rows = AttemptRows(clients, "catchment", "catchment")
    rows.started(SALES, AttemptStarted(42, "load", 1, NOON, Site(), pauses=1))
    rows.started(SALES, AttemptStarted(42, "load", 1, NOON, Site()))
    rows.paused(SALES, AttemptPaused(42, "load", 1, NOON, Usage(), USED))
    rows.finished(
        SALES, AttemptFinished(42, "load", 1, "failed", NOON, "ValueError", "long " * 20_000)
    )
    rows.finished(SALES, AttemptFinished(42, "load", 1, "success", NOON, used=USED))
    which = {"run": 42, "ripple": "load", "attempt": 1}
    rows.taken(SALES, **which)
    rows.left(SALES, **which, at=NOON, used=USED)
    rows.seen(SALES, **which)
    rows.claim_on_kill(SALES, **which)
    rows.called_on_kill(SALES, OnKillCalled(42, "load", 1, "confirmed", "gone"))
    rows.lost_on_kill(SALES, OnKillCalled(42, "load", 1, "refused", "gone"))
    memories = DynamoMemories(clients, "catchment")
    memories.of(SALES, run=42, ripple="load", tried=1, attempt=1).entries()
    memories.of(SALES, run=42, ripple="load", tried=1, attempt=1).keep("run id", "7")
    memories.last(SALES, run=42, ripple="load", tried=1)
    DynamoBacklog(clients, "catchment").page(SALES, after=0, upto=9, most=9)
    url = clients.sqs.get_queue_url(QueueName="mailbox.fifo")["QueueUrl"]
    SqsMailbox(clients, url).send([Letter(SALES, RippleSucceeded(42, "load", 1), "k")])


def asked(calls: Calls, places: Places) -> list[Request]:
    return [
        request
        for name, given in calls
        if name != "sqs.GetQueueUrl"
        for request in requests_of(name, given, places)
    ]


def of_duckdb(places: Places) -> list[Request]:
    """DuckDB asks by itself: a HEAD and a GET of what it reads, a PUT, whole or in parts, of
    what it writes. It lists where another engine has written.
    """
    location = location_of_key(TABLE)
    return [
        Request("s3:ListBucket", places.bucket, {"s3:prefix": [location]}),
        # What arrived, in the template's buckets for arrivals.
        Request("s3:GetObject", "arn:ref:AWS::Partition:s3:::landing/in/1.parquet"),
        *(
            Request(action, f"{places.bucket}/{key}")
            for action in ("s3:GetObject", "s3:PutObject")
            for key in (TABLE, f"{location}part-0")
        ),
    ]


def of_logs(statements: list[dict[str, Any]]) -> set[int]:
    """A function's log is written by Lambda, with the function's role."""
    return {number for number, one in enumerate(statements) if "logs:PutLogEvents" in one["Action"]}


def supervisor(clients: Clients) -> None:
    """What a task's supervisor asks with the task's own role."""
    tokens = StepTokens(clients)
    for word in (
        lambda: tokens.beat("t"),
        *(partial(tokens.answer, "t", {"outcome": how}) for how in ("ok", "failed")),
        lambda: LambdaVendor(clients, "vendor").ask(ASKED),
    ):
        # moto knows no such token or function: what counts is what was asked
        with suppress(TransientError, ClientError):
            word()


def worker(clients: Clients) -> None:
    """What a worker asks with its own role."""
    with suppress(ClientError):
        LambdaVendor(clients, "vendor").ask(ASKED)


def vendor(clients: Clients) -> None:
    """All that the vendor asks, for an attempt that reads a Source."""
    others, store = Clients(), DynamoStateStore(clients, "catchment")
    prepared = DynamoStateStore(others, "catchment")
    table = TableVersion("orders", ORDERS_TABLE, 1, 1, "f")
    published = (PublishSnapshot(7, NOON, {"orders": table}),)
    prepared.commit(Held(PondState(ORDERS)), PondState(ORDERS), published, (0, ""))
    prepared.commit(Held(PondState(SALES)), awaiting(), (), (0, ""))
    permit = Permits(others, "catchment").of(ASKED.attempt)
    role = AttemptRole(clients, "arn:aws:iam::123456789012:role/attempt", ADDRESSES)
    ports = VendorPorts(
        DynamoStates(store),
        store,
        PondSecrets(clients, "secret"),
        PermitKeys(clients, "catchment"),
        role,
        DynamoArrivals(clients, "catchment"),
    )
    assert vend(replace(ASKED, permit=permit), ports).sessions


def awaiting() -> PondState:
    """The line's state while its attempt is awaited."""
    run = Run(
        42,
        NOON,
        NOON,
        timedelta(0),
        "1.0.0",
        "artifacts/sales/1.0.0/ab.zip",
        "src/pond.py",
        0,
        NOON,
        pins={ORDERS: 7},
        arrived=1,
    )
    held = RippleState("load", attempt=Attempt(42, 1, NOON, dispatched=True))
    return renewed(PondState(SALES), runs={42: run}, ripples={"load": held})


@pytest.mark.parametrize(
    ("role", "work"),
    [("attempt", attempt), ("ripple", worker), ("task", supervisor), ("vendor", vendor)],
)
def test_a_role_may_do_all_that_is_asked_with_it_and_every_statement_is_needed(
    template, roles, calls, role, work
):
    clients, made = calls
    work(clients)
    places = Places.of(template)
    needed = of_logs(roles[role])
    for request in [*asked(made, places), *(of_duckdb(places) if role == "attempt" else ())]:
        found = set(allowing(roles[role], request))
        assert found, request
        needed |= found
    unused = [roles[role][number] for number in range(len(roles[role])) if number not in needed]
    assert not unused


def update(partition: str, sort_key: str, **values: str) -> tuple[str, dict[str, Any]]:
    given = {
        "Key": {"pk": {"S": partition}, "sk": {"S": sort_key}},
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
    }
    return "dynamodb.UpdateItem", given


def item(operation: str, partition: str, sort_key: str) -> tuple[str, dict[str, Any]]:
    key = {"pk": {"S": partition}, "sk": {"S": sort_key}}
    return f"dynamodb.{operation}", {
        "Item": {**key, "state": {"S": "{}"}}
    } if operation == "PutItem" else {"Key": key}


ATTACKS = {
    "write another line's state": update("LINE#orders@1", "STATE", state="{}"),
    "write the line's own state": update("LINE#sales@1", "STATE", state="{}"),
    "let a state vanish by TTL": update("LINE#orders@1", "STATE", expires="1"),
    "let an attempt vanish by TTL": update(
        "WORK#orders@1", "ATTEMPT#0000000042#load#0001", expires="1"
    ),
    "publish by hand": update("LINE#orders@1", "MANIFEST#0000000042", tables="{}"),
    "a manifest among attempts": update("WORK#orders@1", "MANIFEST#0000000042", tables="{}"),
    "history of runs": update("WORK#orders@1", "RUN#0000000042", gsi1pk="RUNS#2030-01"),
    "put an item": item("PutItem", "WORK#orders@1", "ATTEMPT#0000000042#load#0001"),
    "delete an attempt": item("DeleteItem", "WORK#orders@1", "ATTEMPT#0000000042#load#0001"),
    "delete a state": item("DeleteItem", "LINE#orders@1", "STATE"),
    "read another line's task token": item("GetItem", "TOKEN#orders@1", "TOKEN#0000000042#1#load"),
    "take a task token away": update("TOKEN#orders@1", "TOKEN#0000000042#1#load", token="mine"),
    "read what is deployed": item("GetItem", "CATALOG", "LINE#orders@1"),
    "announce a newer schema": update("SCHEMA", "DEPLOYED", schema="9"),
    "select another release": update("CATALOG", "LINE#orders@1", release="{}"),
    "deploy a version": update("POND#orders", "VERSION#1.0.0", release="{}"),
}


@pytest.mark.parametrize("role", ["attempt", "ripple", "task", "discovery"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_the_table_is_refused(template, roles, role, attack):
    (request,) = requests_of(*ATTACKS[attack], Places.of(template))
    assert list(allowing(roles[role], request)) == []


@pytest.mark.parametrize("role", ["attempt", "ripple", "task", "discovery"])
@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:PutObject", "artifacts/orders/1.0.0/ab.zip"),
        ("s3:PutObject", "data/orders@1/orders/evil.exe"),
        ("s3:DeleteObject", TABLE),
        ("s3:PutObjectAcl", TABLE),
        ("s3:GetObject", "errors/orders@1/42-load-1.txt"),
        ("s3:ListBucket", ""),
    ],
)
def test_an_attack_on_the_bucket_is_refused(template, roles, role, action, key):
    bucket = Places.of(template).bucket
    assert list(allowing(roles[role], Request(action, f"{bucket}/{key}" if key else bucket))) == []


@pytest.mark.parametrize(
    ("roles_refused", "action"),
    [
        (("attempt", "ripple", "discovery"), "states:SendTaskSuccess"),
        (("attempt", "ripple", "discovery"), "states:SendTaskFailure"),
        (("attempt", "ripple", "task", "discovery"), "states:StartExecution"),
        (("attempt", "ripple", "task", "discovery"), "states:StopExecution"),
        (("ripple", "task", "discovery", "vendor"), "sqs:SendMessage"),
    ],
)
def test_no_worker_runs_or_answers_what_is_not_its_own(template, roles, roles_refused, action):
    places = Places.of(template)
    for role in roles_refused:
        for resource in (places.machine, places.mailbox):
            assert list(allowing(roles[role], Request(action, resource))) == []


def test_tokens_of_another_machine_are_not_a_tasks_to_answer(roles):
    assert (
        list(
            allowing(
                roles["task"],
                Request(
                    "states:SendTaskSuccess", "arn:aws:states:eu-central-1:1:stateMachine:other"
                ),
            )
        )
        == []
    )


def test_the_log_of_another_function_is_not_a_workers_to_write(template, roles):
    for role in ("ripple", "discovery"):
        (statement,) = [roles[role][number] for number in of_logs(roles[role])]
        assert json.dumps(statement["Resource"]).count("Logs") == 1
