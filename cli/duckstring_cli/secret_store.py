"""The Catchment's secret in Secrets Manager, changed such that of two who change it at once none
loses anything.

This uses the user's own credentials: who may set secrets is decided by IAM, and no function of
the Catchment may write them.

Secrets Manager has no conditional write of a value. But it moves a label to another version only
if the label is on the version that the request names. So a change puts a new version beside the one
that counts, and then moves ``AWSCURRENT`` to it from the version that was read.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from duckstring.errors import OperatorError
from duckstring_cli import catchments
from duckstring_cli.aws_errors import not_running, translated_errors
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import DENIED, AccessError, aws_code

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_secretsmanager import SecretsManagerClient

_CURRENT = "AWSCURRENT"
_STAGED = "duckstring"
"""The label of a version that does not count yet. One for all changes: a secret has 20 labels at
most, and a change that died leaves its own behind until the next one takes it.
"""
_TRIES = 6
_NOT_THERE = "ResourceNotFoundException"
_LOST = {"InvalidParameterException", _NOT_THERE}
"""Answers to a move from a version that does not have the label any more, or is gone."""


@dataclass(frozen=True, slots=True)
class Held:
    """The secret's text as it was read. ``version`` is None if nothing was ever put into it."""

    text: str = field(repr=False)
    version: str | None = None
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """The secret's text after a change. ``written``: it is another one than before."""

    text: str = field(repr=False)
    written: bool = True


class SecretStore:
    """The secret of one Catchment."""

    def __init__(self, catchment: Catchment, arn: str, client: SecretsManagerClient) -> None:
        """Reach it by a client of Secrets Manager."""
        self._catchment, self._arn, self._client = catchment, arn, client

    @classmethod
    def of(cls, catchment: Catchment) -> SecretStore:
        """Find it by the stack's outputs.

        Raises:
            OperatorError: the Catchment does not run or cannot be reached, or its stack says
                nothing of a secret.
        """
        with translated_errors(catchment):
            arn = catchments.output(catchment, "Secret")
            if not arn:
                again = (
                    f"Start it again: duckstring catchment start {catchment.name}"
                    if catchment.kind == "local"
                    else "Deploy the Catchment again with this release."
                )
                raise OperatorError(
                    f"The stack {catchment.stack} has no output Secret: it is older than this "
                    "command.",
                    hint=again,
                )
            return cls(catchment, arn, catchments.session(catchment).client("secretsmanager"))

    def read(self) -> Held:
        """The text that counts now.

        Raises:
            OperatorError: it may not be read, is not there, or is not a text.
        """
        from botocore.exceptions import ClientError

        with self._told():
            try:
                found = self._client.get_secret_value(SecretId=self._arn, VersionStage=_CURRENT)
            except ClientError as error:
                if aws_code(error) != _NOT_THERE:
                    raise
                # Nobody has put a value into it, or it is gone: this one finds out.
                if "DeletedDate" in self._client.describe_secret(SecretId=self._arn):
                    raise self._marked() from error
                return Held("")
        if found.get("SecretBinary"):
            raise OperatorError(
                "The Catchment's secret is binary, and no JSON object.",
                hint="Put a JSON object into it: see docs/aws.md.",
            )
        return Held(
            found.get("SecretString", ""),
            found["VersionId"],
            found["CreatedDate"].astimezone(UTC),
        )

    def change(self, make: Callable[[str], str]) -> Changed:
        """Replace the text by what ``make`` makes of it; nothing is written where that is the same.

        ``make`` is called again where somebody else has changed the text in the meantime.

        Raises:
            OperatorError: it may not be changed, or others change it all the time. What counted
                before counts still.
        """
        for number in range(_TRIES):
            held = self.read()
            text = make(held.text)
            if text == held.text:
                return Changed(text, written=False)
            if self._put(text, held.version):
                return Changed(text)
            # At random, so that two commands do not meet again.
            time.sleep(random.uniform(0.1, 0.3) * number)  # noqa: S311
        raise OperatorError(
            f"Others change the secret of Catchment {self._catchment.name!r} at the same time; "
            "nothing was changed.",
            hint="Try again.",
        )

    def _put(self, text: str, before: str | None) -> bool:
        """Whether ``text`` counts now. It does not if another version than ``before`` did."""
        from botocore.exceptions import ClientError

        with self._told():
            made = self._client.put_secret_value(
                SecretId=self._arn, SecretString=text, VersionStages=[_STAGED]
            )
            new = made["VersionId"]
            try:
                # The first version of all gets the label by itself.
                if _CURRENT not in made.get("VersionStages", ()):
                    self._move(new, before)
            except ClientError as error:
                if aws_code(error) not in _LOST:
                    raise
                # The answer to a move that was sent twice looks the same.
                return bool(self.read().version == new)
            finally:
                self._unlabel(new)
        return True

    def _move(self, new: str, before: str | None) -> None:
        source = {"RemoveFromVersionId": before} if before else {}
        self._client.update_secret_version_stage(
            SecretId=self._arn, VersionStage=_CURRENT, MoveToVersionId=new, **source
        )

    def _unlabel(self, version: str) -> None:
        """A version without a label is deleted some day. The next change does it where this fails,
        or another one has done it.
        """
        from contextlib import suppress

        from botocore.exceptions import BotoCoreError, ClientError

        with suppress(BotoCoreError, ClientError):
            self._client.update_secret_version_stage(
                SecretId=self._arn, VersionStage=_STAGED, RemoveFromVersionId=version
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """AWS's errors, as one line about the secret. No line has a value: what AWS says of one
        that it refuses is left out.
        """
        from botocore.exceptions import ClientError

        with translated_errors(self._catchment):
            try:
                yield
            except ClientError as error:
                if (told := self._refusal(error)) is None:
                    raise
                raise told from error

    def _refusal(self, error: ClientError) -> OperatorError | None:
        code, operation = aws_code(error), error.operation_name
        detail = str(error.response.get("Error", {}).get("Message", ""))
        of = f"the secret of Catchment {self._catchment.name!r}"
        if code in DENIED:
            return AccessError(
                f"AWS does not allow {operation} on {of}: {detail}",
                hint=self._right(operation, detail),
            )
        if code == _NOT_THERE:
            return self._gone(of)
        if code == "InvalidRequestException" and "delet" in detail:
            return self._marked()
        if code == "LimitExceededException":
            return OperatorError(
                f"Secrets Manager takes no more versions of {of} ({code}).",
                hint="It keeps about a hundred of one day: try again tomorrow.",
            )
        is_value = operation == "PutSecretValue"
        return OperatorError(f"AWS does not take a value of {of} ({code}).") if is_value else None

    def _marked(self) -> OperatorError:
        return OperatorError(
            f"The secret of Catchment {self._catchment.name!r} is marked for deletion.",
            hint=f"Keep it: aws secretsmanager restore-secret --secret-id {self._arn}",
        )

    def _gone(self, of: str) -> OperatorError:
        if self._catchment.kind == "local":
            return not_running(self._catchment)
        return OperatorError(
            f"{self._arn} is not there, {of}.",
            hint="Deploy the Catchment again. If you have, disconnect and connect it again.",
        )

    def _right(self, operation: str, detail: str) -> str:
        if "KMS" in detail or "kms:" in detail:
            needed = "kms:GenerateDataKey and kms:Decrypt" if "Put" in operation else "kms:Decrypt"
            return (
                f"Ask the owner of the account for {needed} on the key that encrypts {self._arn}."
            )
        return f"Ask the owner of the account for secretsmanager:{operation} on {self._arn}."
