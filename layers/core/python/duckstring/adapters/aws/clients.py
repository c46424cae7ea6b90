"""AWS clients of one process, each made at its first use: a cold start pays only for what it touches."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

_PATIENT = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=3, read_timeout=20)
_DISCOVERY = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=3, read_timeout=120)


class Clients:
    """Clients with the process's own credentials, region and endpoint."""

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB."""
        client: DynamoDBClient = boto3.client("dynamodb", config=_PATIENT)
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS."""
        client: SQSClient = boto3.client("sqs", config=_PATIENT)
        return client

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Step Functions."""
        client: SFNClient = boto3.client("stepfunctions", config=_PATIENT)
        return client

    @cached_property
    def events(self) -> EventBridgeClient:
        """EventBridge."""
        client: EventBridgeClient = boto3.client("events", config=_PATIENT)
        return client

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        """EventBridge Scheduler."""
        client: EventBridgeSchedulerClient = boto3.client("scheduler", config=_PATIENT)
        return client

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        client: S3Client = boto3.client("s3", config=_PATIENT)
        return client

    @cached_property
    def lambda_(self) -> LambdaClient:
        """Lambda, with the patience that an answer of up to two minutes needs."""
        client: LambdaClient = boto3.client("lambda", config=_DISCOVERY)
        return client

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        """Secrets Manager."""
        client: SecretsManagerClient = boto3.client("secretsmanager", config=_PATIENT)
        return client
