"""AWS for the jobs that run there: clients, and what AWS answers in the words of the core. The
only user of botocore here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from duckstring.external.env import HasEnv, Text, text
from duckstring.external.errors import (
    AccessRefusedError,
    BusyError,
    RefusedError,
    UnknownRunError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_sts import STSClient

_THROTTLED = frozenset({
    "KmsThrottlingException", "LimitExceededException", "RequestLimitExceeded", "RequestThrottled",
    "SlowDown", "Throttling", "ThrottledException", "ThrottlingException",
    "TooManyRequestsException",
})  # fmt: skip
_FULL = frozenset(
    {
        "ConcurrentRunsExceededException",
        "ExecutionLimitExceeded",
        "ResourceNumberLimitExceededException",
    }
)
"""No room for one more: the start is made again when there may be."""
_UNANSWERED = frozenset(
    {
        "InternalFailure",
        "InternalServerException",
        "OperationTimeoutException",
        "RequestTimeout",
        "ServiceUnavailable",
    }
)
_MISSING = frozenset(
    {"EntityNotFoundException", "ExecutionDoesNotExist", "ResourceNotFoundException"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_EXPIRED = frozenset({
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
})  # fmt: skip
_SERVER, _TOO_MANY = 500, 429
_HINT_DENIED = (
    "Allow it to the role of the Catchment's workers, or name a role that may with role=: "
    "docs/external.md lists the actions."
)
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


@dataclass(frozen=True, slots=True)
class Account:
    """Where a job lives: the worker's own account and region, unless others are named."""

    region: str | None = None
    role: str | None = None

    @classmethod
    def of(cls, pond: HasEnv, *, region: Text | None, role: Text | None) -> Account:
        """As an author wrote it."""
        return cls(
            None if region is None else text(region, pond),
            None if role is None else text(role, pond),
        )

    def client(self, service: str) -> Any:  # noqa: ANN401 - each engine knows its own type
        """A client that makes each request once: whether it may be made again is for the core to
        say.
        """
        from botocore.config import Config  # noqa: PLC0415 - imported when a job runs, not when a Pond is

        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=5,
            read_timeout=30,
        )
        with classified_errors(f"A client for {service}"):
            session = _session()
            keys = {} if self.role is None else _assumed(session, self.role, self.region)
            return session.create_client(service, region_name=self.region, config=config, **keys)


@lru_cache(maxsize=1)
def _session() -> Any:  # noqa: ANN401 - botocore's session knows its clients only as what all have in common
    from botocore.session import Session  # noqa: PLC0415 - imported when a job runs

    return Session()


def _assumed(session: Any, role: str, region: str | None) -> Mapping[str, str]:  # noqa: ANN401 - see there
    """Credentials of a role, for an hour: longer than any turn of a Ripple that polls by
    pausing.
    """
    sts: STSClient = session.create_client("sts", region_name=region)
    found = sts.assume_role(RoleArn=role, RoleSessionName="duckstring")["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


@contextmanager
def classified_errors(what: str) -> Iterator[None]:
    """Raise AWS's errors as ``BusyError``, ``UnknownRunError`` or ``RefusedError``, with AWS's own
    message.
    """
    from botocore import exceptions  # noqa: PLC0415 - imported when a job runs

    try:
        yield
    except exceptions.ClientError as error:
        raise _classified(what, error) from error
    except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
        raise BusyError(f"{what}: {error}", in_doubt=False) from error
    except exceptions.HTTPClientError as error:
        raise BusyError(f"{what}: {error}", in_doubt=True) from error
    except exceptions.BotoCoreError as error:
        raise RefusedError(f"{what}: {error}") from error


def _classified(what: str, error: ClientError) -> BusyError | RefusedError:
    code, detail = (
        error.response["Error"].get("Code", ""),
        error.response["Error"].get("Message", ""),
    )
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
    message = f"{what}: {code}: {detail}"
    if code in _THROTTLED or code in _FULL or status == _TOO_MANY:
        return BusyError(message, in_doubt=False)
    if code in _UNANSWERED or status >= _SERVER:
        return BusyError(message, in_doubt=True)
    if code in _MISSING:
        return UnknownRunError(message)
    if code in _DENIED or code in _EXPIRED:
        return AccessRefusedError(message, hint=_HINT_DENIED if code in _DENIED else "")
    return RefusedError(message)


def code_of(error: BaseException | None) -> str:
    """AWS's own name for what went wrong."""
    response = getattr(error, "response", None)
    return str(response["Error"].get("Code", "")) if isinstance(response, dict) else ""


def console(region: str, path: str) -> str:
    """A page of the AWS console."""
    partition = (
        "aws-cn"
        if region.startswith("cn-")
        else "aws-us-gov"
        if region.startswith("us-gov-")
        else "aws"
    )
    return f"https://{region}.{_CONSOLES.get(partition, 'console.aws.amazon.com')}/{path}"


def log_page(region: str, group: str, stream: str) -> str:
    """The console's page of a log stream. It wants its names quoted twice, with ``$`` for ``%``."""
    group, stream = (
        quote(quote(name, safe=""), safe="").replace("%", "$") for name in (group, stream)
    )
    return console(
        region,
        f"cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}/log-events/{stream}",
    )


def is_past(times: Sequence[datetime], earliest: datetime) -> bool:
    """Whether a page of a list goes back in time, and has come to what began before
    ``earliest``.
    """
    return len(times) > 1 and times[0] > times[-1] and times[0] < earliest


def utc(at: datetime | None) -> datetime | None:
    """AWS's times are in the machine's own zone."""
    return None if at is None else at.astimezone(UTC)
