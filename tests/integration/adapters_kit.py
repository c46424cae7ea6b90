"""What tests of the orchestrator's adapters share: moto, and a Catchment's parts in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from duckstring.adapters.aws.clients import Clients
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.settings import Settings

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)

SALES = Line("sales@1")


class StoppedClock:
    def __init__(self, now: Instant) -> None:
        self._now = now

    def now(self) -> Instant:
        return self._now


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield Clients()


@pytest.fixture
def table(aws: Clients) -> str:
    aws.dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    return "t"


@pytest.fixture
def machine(aws: Clients) -> str:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"][
        "Arn"
    ]
    definition = json.dumps(
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
    )
    return aws.stepfunctions.create_state_machine(name="m", definition=definition, roleArn=role)[
        "stateMachineArn"
    ]


def fifo(aws: Clients) -> str:
    return aws.sqs.create_queue(
        QueueName="m.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "30"}
    )["QueueUrl"]


def received(aws: Clients, url: str) -> list[dict[str, object]]:
    """Messages as Lambda's event source mapping shows them."""
    found = aws.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
    ).get("Messages", [])
    return [
        {
            "messageId": m["MessageId"],
            "receiptHandle": m["ReceiptHandle"],
            "body": m["Body"],
            "attributes": m["Attributes"],
        }
        for m in found
    ]


@pytest.fixture
def timed(aws: Clients) -> Settings:
    """What Scheduler and the delay queue need to know."""
    aws.scheduler.create_schedule_group(Name="g")
    return Settings(
        delays=aws.sqs.create_queue(QueueName="delays")["QueueUrl"],
        delays_arn="arn:aws:sqs:us-east-1:123456789012:delays",
        schedules="g",
        mailbox_arn="arn:aws:sqs:us-east-1:123456789012:m.fifo",
        scheduler_role="arn:aws:iam::123456789012:role/r",
    )


def scheduled(aws: Clients) -> dict[str, dict[str, Any]]:
    names = [found["Name"] for found in aws.scheduler.list_schedules(GroupName="g")["Schedules"]]
    return {name: aws.scheduler.get_schedule(Name=name, GroupName="g") for name in names}


def code_of(error: str) -> ClientError:
    return ClientError({"Error": {"Code": error, "Message": "no"}}, "Any")
