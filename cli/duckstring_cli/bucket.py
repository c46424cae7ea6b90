"""How DuckDB reaches a Catchment's bucket: the place of its S3, and the user's keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from duckstring.errors import OperatorError
from duckstring_cli import catchments
from duckstring_cli.aws_errors import translated_errors
from duckstring_cli.catchments import Catchment


class Keys(NamedTuple):
    """An access key. ``token``: of temporary credentials, else empty."""

    key_id: str
    secret: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The S3 of a Catchment. ``keys`` gives those that hold now: temporary ones end."""

    region: str
    endpoint: str
    keys: Callable[[], Keys]


def reach(catchment: Catchment) -> Bucket:
    """The way to the bucket. That of a Catchment on this machine needs no boto3, whose import takes
    longer than most queries.

    Raises:
        NotRunningError: the Catchment does not run.
        OperatorError: there are no credentials.
    """
    with translated_errors(catchment):
        if catchment.endpoint is None:
            return by_session(catchment)
        key = catchments.require_running(catchment)
    held = Keys(key.access_key_id, key.secret_access_key)
    return Bucket(catchment.region, catchment.endpoint, lambda: held)


def by_session(catchment: Catchment) -> Bucket:
    """The way to the bucket by boto3, as the user's profile and environment say.

    Raises:
        OperatorError: there are no credentials.
    """
    access = catchments.session(catchment)
    found = access.session.get_credentials()
    if found is None:
        raise OperatorError(
            f"No AWS credentials for Catchment {catchment.name!r}.",
            hint="Log in, for example: aws sso login",
        )
    # The client knows what the user's profile and environment say of S3: a region, an endpoint of
    # their own.
    s3 = access.client("s3").meta

    def keys() -> Keys:
        with translated_errors(catchment):
            frozen = found.get_frozen_credentials()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")

    return Bucket(s3.region_name, s3.endpoint_url, keys)
