"""One Catchment's resources in moto, and the clients to reach them."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

import boto3
from moto import mock_aws

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.model.permits import KEY_BYTES, AttemptName, Purpose, permit
from duckstring.model.settings import Settings

REGION = "eu-central-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
}


class KnownPermits:
    """Permits of a key that tests know."""

    KEY = b"k" * KEY_BYTES

    def of(self, attempt: AttemptName, purpose: Purpose = "run") -> str:
        return permit(self.KEY, attempt, purpose)


PERMITS = KnownPermits()


@dataclass(frozen=True)
class Catchment:
    clients: Clients
    settings: Settings

    def items(self, pk: str) -> dict[str, dict]:
        found = self.clients.dynamodb.query(
            TableName=self.settings.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
        )
        return {item["sk"]["S"]: item for item in found["Items"]}

    def letters(self) -> list[tuple]:
        """(line, signal) of everything in the mailbox, which is empty afterwards."""
        found = []
        while messages := self.clients.sqs.receive_message(
            QueueUrl=self.settings.mailbox, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                found.append(codec.read_letter(message["Body"])[:2])
                self.clients.sqs.delete_message(
                    QueueUrl=self.settings.mailbox, ReceiptHandle=message["ReceiptHandle"]
                )
        return found


@contextmanager
def catchment(monkeypatch) -> Iterator[Catchment]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        clients = Clients()
        settings = Settings(
            catchment="dev",
            table=_table(clients),
            bucket=_bucket(clients),
            mailbox=clients.sqs.create_queue(
                QueueName="mailbox.fifo", Attributes={"FifoQueue": "true"}
            )["QueueUrl"],
            bus=_bus(clients),
            machine=_machine(clients),
            ripple_function="ripple",
            discovery_function="discovery",
            function_memory_mib="2048",
            function_timeout_seconds="900",
            cluster=clients.ecs.create_cluster(clusterName="tasks")["cluster"]["clusterArn"],
        )
        for name, value in settings.to_env().items():
            monkeypatch.setenv(name, value)
        yield Catchment(clients, settings)


@contextmanager
def loaded(name: str) -> Iterator[ModuleType]:
    """A module that reads the environment as it is loaded. What it does to the log of the process
    ends with the block.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    sys.modules.pop(name, None)
    try:
        yield importlib.import_module(name)
    finally:
        sys.modules.pop(name, None)
        root.handlers[:] = handlers
        root.setLevel(level)


def _table(clients: Clients) -> str:
    names = ("pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk")
    clients.dynamodb.create_table(
        TableName="catchment",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=_keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "gsi1",
                "KeySchema": _keys("gsi1pk", "gsi1sk"),
                "Projection": {"ProjectionType": "ALL"},
            },
            {
                "IndexName": "gsi2",
                "KeySchema": _keys("gsi2pk", "gsi2sk"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["unrest"]},
            },
        ],
    )
    return "catchment"


def _keys(partition: str, sort: str) -> list:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def _bucket(clients: Clients) -> str:
    clients.s3.create_bucket(
        Bucket="catchment", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return "catchment"


def _bus(clients: Clients) -> str:
    clients.events.create_event_bus(Name="bus")
    return "bus"


def _machine(clients: Clients) -> str:
    role = boto3.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument="{}")[
        "Role"
    ]["Arn"]
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}})
    return clients.stepfunctions.create_state_machine(
        name="machine", definition=definition, roleArn=role
    )["stateMachineArn"]
