"""AWS clients of one process, each made at its first use, so that a cold start pays only for what
it uses.

They are botocore's own. boto3 would add resources and transfers that nothing here uses, and a tenth
of a cold start.
"""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials
from botocore.session import Session
from typing_extensions import override

from duckstring.adapters.aws.counting import Tally

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_glue.client import GlueClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

_PATIENT = Config(
    retries={"mode": "standard", "max_attempts": 5}, connect_timeout=3, read_timeout=20
)
_PROMPT = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=2, read_timeout=5)
"""For a beat, which is of no use when it is late."""
_DISCOVERY = Config(
    retries={"mode": "standard", "max_attempts": 2}, connect_timeout=3, read_timeout=120
)


class _Given(CredentialProvider):
    """Credentials that somebody has chosen."""

    METHOD = "given"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    @override
    def load(self) -> Credentials:
        return self._credentials


class Clients:
    """Clients with the process's own region and endpoint. Threads may share them. ``tally``
    counts what they send.
    """

    def __init__(self, credentials: Credentials | None = None) -> None:
        """With these ``credentials``; None: with the process's own."""
        self._making = Lock()
        self.tally = Tally()
        self.session = Session()
        if credentials is not None:
            given = CredentialResolver([_Given(credentials)])
            self.session.register_component("credential_provider", given)

    def _client(self, service: str, config: Config = _PATIENT) -> Any:  # noqa: ANN401 - each property knows its own type
        with self._making:  # a session is not made for two threads, a client is
            client = self.session.create_client(service, config=config)
        self.tally.watch(client)
        return client

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS."""
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Step Functions."""
        client: SFNClient = self._client("stepfunctions")
        return client

    @cached_property
    def prompt_stepfunctions(self) -> SFNClient:
        """Step Functions with short timeouts, for calls that are soon repeated."""
        client: SFNClient = self._client("stepfunctions", _PROMPT)
        return client

    @cached_property
    def events(self) -> EventBridgeClient:
        """EventBridge."""
        client: EventBridgeClient = self._client("events")
        return client

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        """EventBridge Scheduler."""
        client: EventBridgeSchedulerClient = self._client("scheduler")
        return client

    @cached_property
    def ecs(self) -> ECSClient:
        """ECS."""
        client: ECSClient = self._client("ecs")
        return client

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        client: S3Client = self._client("s3")
        return client

    @cached_property
    def glue(self) -> GlueClient:
        """Glue."""
        client: GlueClient = self._client("glue")
        return client

    @cached_property
    def lambda_(self) -> LambdaClient:
        """Lambda, with the patience that an answer of up to two minutes needs."""
        client: LambdaClient = self._client("lambda", _DISCOVERY)
        return client

    @cached_property
    def vendor(self) -> LambdaClient:
        """Lambda, for a short answer."""
        client: LambdaClient = self._client("lambda")
        return client

    @cached_property
    def sts(self) -> STSClient:
        """STS."""
        client: STSClient = self._client("sts")
        return client

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        """Secrets Manager."""
        client: SecretsManagerClient = self._client("secretsmanager")
        return client
