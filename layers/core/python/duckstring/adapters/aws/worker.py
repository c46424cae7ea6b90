"""AWS as the ripple worker needs it: its line's state, packages, and the Catchment's secret."""

from __future__ import annotations

import json
from collections.abc import Mapping

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError, TransientError
from duckstring.model.foreign import Redactor
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


class SecretEntries:
    """``run_ripple.Secrets``: read at each attempt, so that what was set counts at once."""

    def __init__(self, clients: Clients, arn: str, redactor: Redactor | None = None) -> None:
        """The secret ``arn``; empty: this Catchment has none. ``redactor`` learns what is read."""
        self._clients, self._arn, self._redactor = clients, arn, redactor

    def entries(self) -> Mapping[str, str]:
        """The JSON object in the secret.

        Raises:
            OperatorError: the secret holds something else.
        """
        if not self._arn:
            return {}
        text = self._value()
        try:
            found = json.loads(text) if text.strip() else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise OperatorError(
                "The Catchment's secret is not a JSON object.",
                hint="Put one: aws secretsmanager put-secret-value (docs/aws.md).",
            )
        entries = {
            str(name): value if isinstance(value, str) else json.dumps(value)
            for name, value in found.items()
        }
        if self._redactor:
            self._redactor.learn(entries)
        return entries

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
