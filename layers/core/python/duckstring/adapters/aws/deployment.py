"""What only a deploy needs of AWS: uploaded packages, and discovery by its function."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from threading import Lock
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of
from duckstring.adapters.aws.worker import PondSecrets
from duckstring.author.possible import impossible
from duckstring.errors import AuthorError, TransientError
from duckstring.model.catalog import RippleSpec
from duckstring.model.names import pond_of_artifact
from duckstring.model.uses import in_order
from duckstring.model.values import replace

_BUSY = {
    "TooManyRequestsException",
    "ServiceException",
    "EC2ThrottledException",
    "ResourceConflictException",
}
_CHUNK = 1 << 20
_URL_SECONDS = 300
_FAULTS_SHOWN, _SHOWN = 3, 500
_MAKING = Lock()
"""A deploy judges several packages at once, and making clients is not safe in two threads (using
them is).
"""


class ImportFailedError(AuthorError):
    """The discovery function could not import a package. ``traceback`` is the author's own."""

    def __init__(self, message: str, *, hint: str = "", traceback: str = "") -> None:
        """Keep the error of the import."""
        super().__init__(message, hint=hint)
        self.traceback = traceback


class BucketArtifacts:
    """``ports.Artifacts``."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        """Packages lie in ``bucket``."""
        self._clients, self._bucket = clients, bucket

    def sha256(self, key: str) -> str | None:
        """The digest of the stored bytes. An uploader's own digest would prove nothing."""
        with _MAKING:
            s3 = self._clients.s3
        try:
            body = s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise
            return None
        digest = hashlib.sha256()
        for chunk in body.iter_chunks(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()


class LambdaDiscovery:
    """``ports.Discovery``: in a function of its own, with the layers of the ripple function and no
    permissions at all. It gets what the import needs with its order: a URL of the package, and the
    secrets and env values that the Pond sees.
    """

    def __init__(
        self, clients: Clients, function: str, *, bucket: str, secrets: PondSecrets
    ) -> None:
        """Ask the discovery function named ``function`` about packages in ``bucket``."""
        self._clients, self._function, self._bucket = clients, function, bucket
        self._secrets = secrets

    def discover(self, artifact: str, *, sha256: str, module: str) -> tuple[RippleSpec, ...]:
        """The Ripples that a package declares.

        Raises:
            ImportFailedError: it cannot be imported, or its Ripples do not fit together.
            OperatorError: the Catchment's secret has another form than it should.
            TransientError: the function is too busy.
        """
        with _MAKING:
            s3 = self._clients.s3
        url = s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": artifact},
            ExpiresIn=_URL_SECONDS,
        )
        granted = self._secrets.granted(pond_of_artifact(artifact))
        request = {
            "url": url,
            "sha256": sha256,
            "module": module,
            "secrets": granted.secrets,
            "environment": granted.environment,
        }
        answer = self._invoke(json.dumps(request).encode())
        if answer.get("ok"):
            return _ripples(answer)
        error = answer.get("error", {})
        raise ImportFailedError(
            str(error.get("message")),
            hint=str(error.get("hint") or ""),
            traceback=str(error.get("traceback") or ""),
        )

    def _invoke(self, payload: bytes) -> dict[str, Any]:
        with _MAKING:
            function = self._clients.lambda_
        try:
            response = function.invoke(FunctionName=self._function, Payload=payload)
        except ClientError as error:
            if code_of(error) not in _BUSY:
                raise
            raise TransientError(
                f"The discovery function is busy ({code_of(error)}).",
                hint="Deploy again in a moment.",
            ) from error
        answer: dict[str, Any] = json.loads(response["Payload"].read())
        if response.get("FunctionError"):
            raise ImportFailedError(
                (
                    "importing it ended the discovery function: "
                    f"{answer.get('errorMessage') or answer}"
                ),
                hint=(
                    "Code at the top of the module runs at deploy: keep long work and exits "
                    "inside Ripples."
                ),
            )
        return answer


def _ripples(answer: Mapping[str, Any]) -> tuple[RippleSpec, ...]:
    """The Ripples, of what the author's process has said.

    Raises:
        ImportFailedError: ``@ripple`` does not declare such Ripples.
    """
    try:
        found = msgspec.convert(answer.get("ripples"), tuple[RippleSpec, ...])
    except msgspec.ValidationError as error:
        raise _NotDeclaredError(str(error)) from None
    if faults := list(impossible(found)):
        raise _NotDeclaredError("; ".join(faults[:_FAULTS_SHOWN]))
    return tuple(replace(spec, uses=in_order(spec.uses)) for spec in found)


class _NotDeclaredError(ImportFailedError):
    def __init__(self, what: str) -> None:
        super().__init__(
            f"importing it told of Ripples that @ripple does not declare: {what[:_SHOWN]}.",
            hint="At module level only declare: what it prints or writes is no answer.",
        )
