"""The Catchments that this user knows, their places, and access to them: ``config.toml`` in the
Duckstring folder.
"""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from duckstring.errors import OperatorError, nearest
from duckstring_cli.errors import DENIED, AccessError
from duckstring_cli.local.home import catchment_folder, config_file, locked, using

if TYPE_CHECKING:
    from duckstring_cli.local.keys import AccessKey

Document = TypeVar("Document", bound=Mapping[str, Any])

_PATIENCE, _PAUSE = 30.0, 0.1
"""Seconds for a busy server to answer. One that is not there refuses at once."""

Kind = Literal["local", "aws"]
NEEDED = frozenset(
    {
        "Catchment",
        "Table",
        "Bucket",
        "ApiFunction",
        "RippleFunction",
        "Mailbox",
        "DeadLetters",
        "Machine",
        "Bus",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catchment:
    """One Catchment: a stack on this machine (``port``) or in an AWS account (``profile``)."""

    name: str
    kind: Kind
    stack: str
    region: str = "us-east-1"
    profile: str = ""
    port: int = 0
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str | None:
        """Where its AWS is; ``None``: in the cloud."""
        return f"http://127.0.0.1:{self.port}" if self.kind == "local" else None


class WhichCatchmentError(OperatorError):
    """No Catchment was named, and there is not exactly one."""


class CatchmentNotFoundError(OperatorError):
    """No Catchment of that name."""

    def __init__(self, name: str, *, known: list[str]) -> None:
        guess = nearest(name, known, " Did you mean {!r}?")
        said = " (DUCKSTRING_CATCHMENT)" if os.environ.get("DUCKSTRING_CATCHMENT") == name else ""
        super().__init__(
            f"No Catchment {name!r}{said}; known: {', '.join(known) or 'none'}.{guess}",
            hint=(
                "See duckstring catchment list; make one with duckstring catchment init --name "
                "NAME."
            ),
        )


class CatchmentNotDeployedError(OperatorError):
    """The local Catchment's server runs, but holds no stack."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Catchment {name!r} is not deployed yet.",
            hint=f"Start it: duckstring catchment start {name}",
        )


class CatchmentNotRunningError(OperatorError):
    """The local Catchment has no server, or another program listens on its port."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Catchment {name!r} is not running.",
            hint=f"Start it: duckstring catchment start {name}",
        )


class CatchmentNotAnsweringError(OperatorError):
    """The local Catchment's server is there, and does not answer."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The server of Catchment {name!r} runs but does not answer.",
            hint=(
                "It may be busy, or have too many connections: try again, or start it anew "
                f"(first duckstring catchment stop {name})."
            ),
        )


@dataclass(frozen=True, slots=True)
class Access:
    """A Catchment's AWS, through the user's own credentials."""

    session: Any
    endpoint: str | None

    def client(self, service: str, *, config: Any = None) -> Any:  # noqa: ANN401 - boto3 has no type for a name known at run time
        """A boto3 client; ``config`` is merged over what every client of a Catchment needs."""
        from botocore.config import Config

        # The emulator is known by an address, and a bucket's name cannot stand before that.
        base = Config(
            s3={"addressing_style": "path" if self.endpoint else "auto"},
            retries={"mode": "standard", "max_attempts": 4},
            read_timeout=910,
        )
        return self.session.client(
            service, endpoint_url=self.endpoint, config=base.merge(config) if config else base
        )


def catchments() -> list[Catchment]:
    """All, by name.

    Raises:
        OperatorError: the registry is damaged.
    """
    return sorted(
        (_read(name, row) for name, row in _load().get("catchments", {}).items()),
        key=lambda one: one.name,
    )


def default() -> str | None:
    """The Catchment that commands mean when they name none."""
    known = [one.name for one in catchments()]
    chosen = _load().get("default")
    if chosen in known:
        return str(chosen)
    return known[0] if len(known) == 1 else None


def set_default(name: str) -> None:
    """Choose it.

    Raises:
        CatchmentNotFoundError: there is none of that name.
    """
    find(name)
    _change(lambda document: document.update(default=name))


def find(name: str | None = None) -> Catchment:
    """The Catchment of that name; without a name the default.

    Raises:
        WhichCatchmentError: none is named, and there is none or more than one.
        CatchmentNotFoundError: there is none of that name.
    """
    known = {one.name: one for one in catchments()}
    wanted = name or default()
    if wanted is None:
        listed = ", ".join(known)
        if not known:
            raise WhichCatchmentError(
                "There is no Catchment yet.", hint="Make one: duckstring catchment init --name dev"
            )
        raise WhichCatchmentError(
            f"Which Catchment? There are {listed}.",
            hint="Name it with -c, or choose: duckstring catchment set-default NAME",
        )
    if wanted not in known:
        raise CatchmentNotFoundError(wanted, known=list(known))
    return known[wanted]


def add(catchment: Catchment) -> None:
    """Add it; the first becomes the default.

    Raises:
        OperatorError: the name is taken.
    """
    if any(one.name == catchment.name for one in catchments()):
        raise OperatorError(
            f"There is a Catchment {catchment.name!r} already.",
            hint=(
                "Choose another name, or forget it first: duckstring catchment disconnect "
                f"{catchment.name}"
            ),
        )
    save(catchment)
    if _load().get("default") is None:
        set_default(catchment.name)


def save(catchment: Catchment) -> None:
    """Write what is known of it."""
    row: dict[str, Any] = {
        "kind": catchment.kind,
        "stack": catchment.stack,
        "region": catchment.region,
        "profile": catchment.profile,
        "port": catchment.port,
        "outputs": dict(catchment.outputs),
    }
    import tomlkit

    kept = {key: value for key, value in row.items() if value}
    _change(
        lambda document: document.setdefault("catchments", tomlkit.table()).update(
            {catchment.name: kept}
        )
    )


def remove(name: str) -> None:
    """Forget it; what it is and holds stays where it is.

    Raises:
        CatchmentNotFoundError: there is none of that name.
    """
    find(name)

    def forget(document: Any) -> None:  # noqa: ANN401 - tomlkit's documents are dicts of anything
        del document["catchments"][name]
        if document.get("default") == name:
            del document["default"]

    _change(forget)


def session(catchment: Catchment) -> Access:
    """A way into the Catchment's AWS.

    Raises:
        CatchmentNotRunningError: it is local and does not run.
        CatchmentNotAnsweringError: it is local, runs, and does not answer.
        OperatorError: the AWS profile does not exist.
    """
    import boto3
    from botocore.exceptions import ProfileNotFound

    if catchment.kind == "local":
        key = require_running(catchment)
        found = boto3.Session(
            key.access_key_id, key.secret_access_key, region_name=catchment.region
        )
        return Access(found, catchment.endpoint)
    try:
        return Access(
            boto3.Session(
                region_name=catchment.region or None, profile_name=catchment.profile or None
            ),
            None,
        )
    except ProfileNotFound as error:
        raise OperatorError(
            f"There is no AWS profile {catchment.profile!r}.",
            hint="See aws configure list-profiles.",
        ) from error


def outputs(catchment: Catchment) -> Mapping[str, str]:
    """The stack's outputs, read once and remembered.

    Raises:
        OperatorError: the stack is not there, or is not a Catchment's.
    """
    return catchment.outputs if catchment.outputs.keys() >= NEEDED else renew(catchment)


def renew(catchment: Catchment) -> Mapping[str, str]:
    """The stack's outputs as they are now, which are remembered from here on.

    Raises:
        OperatorError: the stack is not there, is not a Catchment's, or may not be read.
    """
    found = read_outputs(catchment)
    save(replace(find(catchment.name), outputs=found))
    return found


def output(catchment: Catchment, key: str) -> str:
    """One of the stack's outputs; read again where it is not among those remembered: a newer
    stack may have it. Empty: it has none.
    """
    known = outputs(catchment)
    if key not in known:
        known = renew(catchment)
    return known.get(key, "")


def read_outputs(catchment: Catchment) -> dict[str, str]:
    """The stack's outputs as they are now.

    Raises:
        OperatorError: the stack is not there, or is not a Catchment's.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        described = (
            session(catchment).client("cloudformation").describe_stacks(StackName=catchment.stack)
        )
    except (ClientError, BotoCoreError) as error:
        if catchment.kind == "local" and isinstance(error, ClientError):
            raise CatchmentNotDeployedError(catchment.name) from error
        answer = error.response if isinstance(error, ClientError) else {}
        denied = answer.get("Error", {}).get("Code") in DENIED
        raise (AccessError if denied else OperatorError)(
            (
                f"The stack {catchment.stack} cannot be read in "
                f"{catchment.region or 'the default region'}: {error}"
            ),
            hint="Check --stack, --profile and --region.",
        ) from error
    found = {
        output["OutputKey"]: output["OutputValue"]
        for output in described["Stacks"][0].get("Outputs", [])
    }
    missing = sorted(NEEDED - found.keys())
    if missing and catchment.kind == "local":
        raise CatchmentNotDeployedError(catchment.name)
    if missing:
        raise OperatorError(
            (
                f"The stack {catchment.stack} is not a Catchment: it has no output "
                f"{', '.join(missing)}."
            ),
            hint="Name a stack deployed from this app.",
        )
    return found


def connect(name: str, *, stack: str, profile: str = "", region: str = "") -> Catchment:
    """Add the Catchment of a stack in an AWS account.

    Raises:
        OperatorError: the name is taken, or the stack is not a Catchment's.
    """
    found = Catchment(name=name, kind="aws", stack=stack, profile=profile, region=region)
    found = replace(found, outputs=read_outputs(found))
    add(found)
    return found


def require_running(catchment: Catchment, *, patience: float | None = None) -> AccessKey:
    """The access key of a local Catchment whose own server answers: nothing is sent to another
    program on its port.

    Raises:
        CatchmentNotRunningError: it does not run.
        CatchmentNotAnsweringError: it runs, and does not answer.
    """
    from duckstring_cli.local import process
    from duckstring_cli.local.keys import read_key

    folder = catchment_folder(catchment.name)
    if (key := read_key(folder)) is None:
        raise CatchmentNotRunningError(catchment.name)
    until = time.monotonic() + (patience or _PATIENCE)
    while (left := until - time.monotonic()) > 0:
        if process.ask(folder, catchment.port, patience=left) is not None:
            return key
        if not process.is_held(folder):
            raise CatchmentNotRunningError(catchment.name)
        time.sleep(_PAUSE)  # it refuses when it has just begun, or when many connect at once
    raise CatchmentNotAnsweringError(catchment.name)


def _read(name: str, row: Any) -> Catchment:  # noqa: ANN401 - what a file holds
    try:
        return Catchment(
            name=name,
            kind="local" if row["kind"] == "local" else "aws",
            stack=str(row["stack"]),
            region=str(row.get("region", "")),
            profile=str(row.get("profile", "")),
            port=int(row.get("port", 0)),
            outputs={str(key): str(value) for key, value in row.get("outputs", {}).items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise OperatorError(
            f"{config_file()}: the entry of Catchment {name!r} is damaged ({error!r}).",
            hint="Correct or delete it.",
        ) from error


def _load() -> dict[str, Any]:
    return _parsed(tomllib.loads)


def _parsed(parse: Callable[[str], Document]) -> Document:
    path = config_file()
    with using(path):
        held = path.read_bytes() if path.exists() else b""
    try:
        return parse(held.decode())
    except ValueError as error:  # both parsers' own, and what is not UTF-8
        raise OperatorError(
            f"{path} cannot be read: {error}", hint="Correct or delete it."
        ) from error


def _change(change: Callable[[Any], None]) -> None:
    import tomlkit  # a tenth of a second, for what is rarely written

    path = config_file()
    with locked(path.with_suffix(".lock")):
        document = _parsed(tomlkit.parse)
        change(document)
        unfinished = path.with_suffix(".new")
        with using(path):
            with os.fdopen(
                os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                "w",
                encoding="utf-8",
            ) as file:
                file.write(tomlkit.dumps(document))
            unfinished.replace(path)
