"""AWS as the ripple worker needs it: its line's state, packages, and the Catchment's secret."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.state import PondState
from duckstring.errors import TransientError
from duckstring.model.env_entries import Granted, granted_both
from duckstring.model.names import Line


class DynamoStates:
    """``run_ripple.StateReader``: the orchestrator's items, read only."""

    def __init__(self, store: DynamoStateStore) -> None:
        """Read what ``store`` keeps."""
        self._store = store

    def read(self, line: Line) -> PondState:
        """A strongly consistent read."""
        return self._store.load(line).state


class S3Artifacts:
    """``run_ripple.Artifacts``."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        """Packages of the Catchment with this bucket."""
        self._clients, self._bucket = clients, bucket

    def fetch(self, key: str) -> bytes:
        """The package under ``key``.

        Raises:
            TransientError: S3 has no such object (yet).
        """
        try:
            return self._clients.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            # Who may not list a bucket is refused what is not there.
            if error.response["Error"]["Code"] in {"NoSuchKey", "404", "AccessDenied", "403"}:
                raise TransientError(
                    f"The package {key} is not in the Catchment's bucket.",
                    hint="Deploy the Pond again.",
                ) from error
            raise


class PondSecrets:
    """The Catchment's secret, read at each use, so that what was set counts at once."""

    def __init__(self, clients: Clients, arn: str) -> None:
        """The secret ``arn``; empty: this Catchment has none."""
        self._clients, self._arn = clients, arn

    def granted(self, pond: str) -> Granted:
        """Secrets and env values of all Ponds, and over them those of ``pond``: one request.

        Raises:
            OperatorError: the secret has another form.
        """
        return granted_both(self._value() if self._arn else "", pond)

    def entries(self, pond: str) -> Mapping[str, str]:
        """The secrets alone; raises the same."""
        return self.granted(pond).secrets

    def _value(self) -> str:
        """A secret that nobody has put a value into is there, and holds nothing."""
        try:
            return self._clients.secretsmanager.get_secret_value(SecretId=self._arn).get(
                "SecretString", ""
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return ""
