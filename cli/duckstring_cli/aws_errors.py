"""What AWS refuses or cannot do, as one clear line about the Catchment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from duckstring.errors import OperatorError
from duckstring_cli.errors import DENIED, AccessError, NotRunningError

if TYPE_CHECKING:
    from duckstring.model.access import Level
    from duckstring_cli.catchments import Catchment

PEOPLE = 'docs/aws.md, "People"'
"""Where the policies for people are explained."""

REPLACED = {"ResourceNotFoundException"}
"""The code of a function that an upgrade has replaced."""

_LOGIN = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
}
_GONE = {"ResourceNotFoundException", "ValidationError", "NoSuchBucket"}


@contextmanager
def translated_errors(
    catchment: Catchment, *, doing: str = "", needed: Level | None = None
) -> Iterator[None]:
    """Turn what botocore raises into one clear line about this Catchment. ``doing``: what was asked
    for, which needs the level ``needed``.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except BotoCoreError as error:
        raise _unreached(catchment, error) from error
    except ClientError as error:
        found = error.response.get("Error", {})
        detail = found.get("Message", "") or str(error)
        code = found.get("Code", "")
        if needed and code in DENIED:
            raise _without(needed, doing, catchment, detail) from error
        raise denied(catchment, error.operation_name, code, detail) from error


def _without(needed: Level, doing: str, catchment: Catchment, detail: str) -> AccessError:
    return AccessError(
        f"{doing} on Catchment {catchment.name!r} needs its {needed} policy, which your "
        f"credentials do not have: {detail}",
        hint=f"Ask the owner of the account for it: {PEOPLE}.",
    )


def _unreached(catchment: Catchment, error: Exception) -> OperatorError:
    from botocore import exceptions as e

    if isinstance(error, e.EndpointConnectionError | e.ConnectionError | e.HTTPClientError):
        return not_running(catchment)
    if isinstance(error, e.ProfileNotFound):
        return AccessError(
            f"There is no AWS profile {catchment.profile!r} on this machine.",
            hint="See your profiles: aws configure list-profiles",
        )
    if isinstance(error, e.NoRegionError):
        return AccessError(
            f"Catchment {catchment.name!r} has no AWS region.",
            hint="Connect it again with --region.",
        )
    if isinstance(
        error, e.NoCredentialsError | e.PartialCredentialsError | e.CredentialRetrievalError
    ):
        return AccessError(
            f"No AWS credentials for Catchment {catchment.name!r}.", hint=_login_hint(catchment)
        )
    if type(error).__name__ in {
        "UnauthorizedSSOTokenError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "SSOError",
        "LoginRefreshRequired",
    }:
        return AccessError("Your AWS login has expired.", hint=_login_hint(catchment))
    return OperatorError(f"AWS cannot be asked about Catchment {catchment.name!r}: {error}")


def not_running(catchment: Catchment) -> OperatorError:
    """The Catchment does not answer: what to do depends on where it is."""
    if catchment.kind == "local":
        return NotRunningError(
            f"Catchment {catchment.name!r} is not running.",
            hint=f"Start it: duckstring catchment start {catchment.name}",
        )
    where = f" in {catchment.region}" if catchment.region else ""
    return NotRunningError(
        f"AWS{where} cannot be reached.",
        hint="Check the network, and the region: duckstring catchment list",
    )


def denied(catchment: Catchment, operation: str, code: str, detail: str) -> OperatorError:
    """AWS refused ``operation`` with this code and detail."""
    if code in _LOGIN:
        return AccessError("Your AWS login has expired.", hint=_login_hint(catchment))
    if code in _UNKNOWN:
        return AccessError(
            f"AWS does not know the credentials used for Catchment {catchment.name!r} ({code}).",
            hint=_login_hint(catchment),
        )
    if code in DENIED:
        return AccessError(
            f"AWS does not allow {operation} on Catchment {catchment.name!r}: {detail}",
            hint=f"Ask the owner of the account for the policy that allows it: {PEOPLE}.",
        )
    if code in _GONE:
        return _gone(catchment, detail)
    return OperatorError(f"{operation} on Catchment {catchment.name!r} failed: {code}: {detail}")


def _gone(catchment: Catchment, detail: str) -> OperatorError:
    if catchment.kind == "local":
        return NotRunningError(
            f"Catchment {catchment.name!r} runs but is not deployed: {detail}",
            hint=f"Start it again: duckstring catchment start {catchment.name}",
        )
    return NotRunningError(
        f"Stack {catchment.stack!r} of Catchment {catchment.name!r} is not there: {detail}",
        hint="Check stack, profile and region: duckstring catchment list",
    )


def _login_hint(catchment: Catchment) -> str:
    profile = f" --profile {catchment.profile}" if catchment.profile else ""
    return f"Log in: aws sso login{profile}, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
