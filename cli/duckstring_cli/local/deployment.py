"""Puts the stack into a local Catchment with the CDK, when what it is made of has changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from duckstring.errors import OperatorError
from duckstring_cli import stack
from duckstring_cli.local.home import private_folder, tools_folder
from duckstring_cli.local.inputs import enforces_iam
from duckstring_cli.local.keys import AccessKey
from duckstring_cli.local.tools import CDK, PYTHON, Tools, path_with_node, run
from duckstring_cli.render import OnStep, Part

REGION = "us-east-1"
_LAYERS = "layers: "
_RESOURCE = re.compile(r"\| (?:CREATE|UPDATE|DELETE)_COMPLETE ")
_A_FEW = 20
_PRIVATE = 0o077
"""The umask of what is written for a deployment: it holds the Ripples' environment."""
INPUTS_TAG = "duckstring:inputs"
_TOOLKIT = "CDKToolkit"
_BOOTSTRAP = {"CloudFormationExecutionPolicies": "arn:aws:iam::aws:policy/AdministratorAccess"}
"""What ``cdk bootstrap`` takes where nothing is said."""
_IMAGE = "duckstring-worker"
"""Of tasks. Nobody pulls it: ``tasks.py`` starts what would be in it."""


@dataclass(frozen=True, slots=True)
class Source:
    """What one local Catchment is deployed from."""

    name: str
    folder: Path

    @property
    def requirements(self) -> Path:
        """What its Ripples may import."""
        return self.folder / "requirements.txt"

    @property
    def environment(self) -> Path:
        """The variables its Ripples see."""
        return self.folder / "environment"

    @property
    def arrivals(self) -> Path:
        """The buckets whose events it gets, with commas between."""
        return self.folder / "arrivals"

    @property
    def function_timeout(self) -> Path:
        """The ripple function's time limit, in seconds."""
        return self.folder / "function-timeout"

    @property
    def iceberg(self) -> Path:
        """Whether it makes Iceberg tables: ``true``, or nothing."""
        return self.folder / "iceberg"

    @property
    def has_iceberg(self) -> bool:
        """Whether it makes Iceberg tables."""
        return bool(_text_of(self.iceberg))

    @property
    def openlineage(self) -> Path:
        """The address that is told of lineage; empty: none."""
        return self.folder / "openlineage"

    @property
    def enforces_iam(self) -> bool:
        """Whether functions and tasks may do what their roles allow, and nothing else."""
        return enforces_iam(self.folder)

    @property
    def assembly(self) -> Path:
        """Where the CDK's output goes."""
        return self.folder / "cdk.out"

    def digest(self) -> str:
        """The same for the same stack."""
        total = hashlib.sha256(f"{CDK} {PYTHON} {sys.platform} {self.name}".encode())
        for path in self._inputs():
            total.update(f"\0{path.parent.name}/{path.name}\0".encode() + path.read_bytes())
        return total.hexdigest()[:32]

    def _inputs(self) -> Iterator[Path]:
        for package in ("infra", "functions", "duckstring"):
            root = stack.package_folder(package)
            yield from sorted(
                path
                for path in root.rglob("*")
                if path.suffix in {".py", ".txt"} and path.is_file()
            )
        given = (self.requirements, self.environment, self.arrivals, self.function_timeout)
        options = (self.iceberg, self.openlineage)
        yield from (path for path in (*given, *options) if path.exists())


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How to reach the account that is deployed to."""

    tools: Tools
    endpoint: str
    key: AccessKey


class Synthesis:
    """``infra.app`` running beside other work. ``context``: options of the stack besides its
    own.
    """

    def __init__(self, source: Source, context: Mapping[str, str] | None = None) -> None:
        self._source, self._context = source, context or {}
        self._part = ""
        self._on_part: OnStep = _unheard
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._done = self._pool.submit(self._synthesize)

    def wait(self, on_part: OnStep = lambda _: None) -> None:
        """Wait for the cloud assembly. ``on_part``: gets what is done meanwhile.

        Raises:
            OperatorError: it could not be made.
        """
        self._on_part = on_part
        if self._part:
            on_part(Part(self._part))
        self._done.result()
        self._pool.shutdown()

    def _hear(self, line: str) -> None:
        if part := _layer(line):
            self._part = part
            self._on_part(Part(part))

    def _synthesize(self) -> None:
        context = {
            "catchment": self._source.name,
            "python": PYTHON,
            "platform": "host",
            "ephemeral": "true",
            "build": str(tools_folder() / "layers"),
            "requirements": _if_there(self._source.requirements),
            "envfile": _if_there(self._source.environment),
            "arrivals": _text_of(self._source.arrivals),
            "function-timeout": _text_of(self._source.function_timeout),
            "iceberg": _text_of(self._source.iceberg),
            "openlineage": _text_of(self._source.openlineage),
            "image": _IMAGE,
            **self._context,
        }
        context = {key: value for key, value in context.items() if value}
        env = {
            **_clean_environment(),
            "CDK_OUTDIR": str(self._source.assembly),
            "CDK_CONTEXT_JSON": json.dumps(context),
        }
        run(
            [sys.executable, "-m", "infra.app"],
            what=f"Building the stack of Catchment {self._source.name!r}",
            hint="Correct what it names, then start again.",
            env=env,
            cwd=stack.folder(),
            umask=_PRIVATE,
            on_line=self._hear,
        )


def build_layers(on_part: OnStep) -> None:
    """Build the layers that all Catchments of this machine share, unless they are there.

    Raises:
        OperatorError: they could not be built.
    """
    private_folder(tools_folder())
    run(
        [sys.executable, "-m", "infra.prepare", str(tools_folder() / "layers"), PYTHON],
        what="Building the layers",
        hint="Check the network and the package index (pip's settings), then try again.",
        env=_clean_environment(),
        cwd=stack.folder(),
        umask=_PRIVATE,
        on_line=lambda line: on_part(Part(part)) if (part := _layer(line)) else None,
    )


def _unheard(_: str) -> None:
    """Nobody waits yet."""


def _layer(line: str) -> str:
    """What ``infra/layers.py`` says that it does; empty: the line says something else."""
    return line.removeprefix(_LAYERS) if line.startswith(_LAYERS) else ""


class _Deployment:
    """What the CDK's lines say of how far it is."""

    def __init__(self, on_part: OnStep) -> None:
        self._on_part = on_part
        self._resources, self._said = 0, ""

    def hear(self, line: str) -> None:
        """One line. Of two hundred resources not each is worth a line of ours."""
        if ": start: Publishing " in line and not self._resources:
            self._say("uploading the functions and the layers")
        elif _RESOURCE.search(line):
            self._resources += 1
            if self._resources % _A_FEW == 0:
                self._say(f"{self._resources} resources")

    def _say(self, part: str) -> None:
        if part != self._said:
            self._said = part
            self._on_part(Part(part))


def deploy(
    source: Source, target: Target, *, digest: str, synthesis: Synthesis, on_step: OnStep
) -> None:
    """Deploy the synthesized stack into an account that is bootstrapped.

    Raises:
        OperatorError: the CDK refused.
    """
    env = {
        **_clean_environment(),
        "AWS_ENDPOINT_URL": target.endpoint,
        "AWS_ACCESS_KEY_ID": target.key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": target.key.secret_access_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    quiet = ("--no-notices", "--no-version-reporting", "--no-color", "--ci")
    hint = f"The Catchment's log is {source.folder / 'server.log'}."
    on_step("Building the stack and the layers")
    synthesis.wait(on_step)
    on_step("Deploying the stack")
    command = target.tools.cdk_command(
        "deploy",
        "--app",
        str(source.assembly),
        "--require-approval",
        "never",
        "--method",
        "direct",
        "--asset-parallelism",
        "--tags",
        f"{INPUTS_TAG}={digest}",
        *quiet,
        f"Duckstring-{source.name}",
    )
    run(
        command,
        what="cdk deploy",
        hint=hint,
        env=env,
        cwd=source.folder,
        umask=_PRIVATE,
        on_line=_Deployment(on_step).hear,
    )


def bootstrap(cloudformation: Any, template: Path) -> None:  # noqa: ANN401 - a boto3 client
    """Prepare the account as ``cdk bootstrap`` does, with the CDK's own template.

    Raises:
        OperatorError: the stack could not be made.
    """
    try:
        cloudformation.create_stack(
            StackName=_TOOLKIT,
            TemplateBody=template.read_text(encoding="utf-8"),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in _BOOTSTRAP.items()
            ],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=_TOOLKIT, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except (ClientError, WaiterError) as error:
        raise OperatorError(
            f"The emulated account cannot be prepared for the CDK: {error}",
            hint="Stop the Catchment, and start it again.",
        ) from error


def is_bootstrapped(stacks: Mapping[str, object]) -> bool:
    """Whether the CDK has prepared the account."""
    return _TOOLKIT in stacks


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _if_there(path: Path) -> str:
    return str(path) if path.exists() else ""


def _clean_environment() -> dict[str, str]:
    """The user's environment without what would lead the CDK to another account or Python to
    another package.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("AWS_", "CDK_", "PYTHON"))
    }
    return {
        **kept,
        "PATH": path_with_node(),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    }
