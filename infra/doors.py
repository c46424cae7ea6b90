"""The five functions of a Catchment and what they import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import AssetHashType, Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from duckstring.errors import InvariantError
from infra.code import Code
from infra.config import Config
from infra.layers import Built

ORCHESTRATOR_TIMEOUT = Duration.seconds(60)
_LONGEST = Duration.minutes(15)
_DISCOVERY_MIB = 2048
"""A module may use 2 GB as it is imported: the child's own limit (``worker/sandbox.py``),
whatever this has.
"""
_ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one function differs from another."""

    name: str
    timeout: Duration
    memory_mib: int = 512
    scratch: Size | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    reserved: int | None = None
    recursive_loop: lambda_.RecursiveLoop | None = None


class Doors(Construct):
    """The functions. ``grants.py`` grants their permissions, and ``stack.py`` sets their
    environment.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, code: Code) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self._code = code
        # A function's layers are unpacked in this order, later over earlier: ours is last.
        layers = [self._layer("Deps", code.deps), self._layer("Core", code.core)]
        data = self._layer("Data", code.data)
        self.orchestrator = self._function(
            _Kind(
                "orchestrator",
                timeout=ORCHESTRATOR_TIMEOUT,
                reserved=config.reserved,
                # It takes letters from the mailbox and posts letters there: by design, and more
                # than 16 times for one trigger.
                recursive_loop=lambda_.RecursiveLoop.ALLOW,
            ),
            layers,
        )
        self.api = self._function(_Kind("api", timeout=_LONGEST), layers)
        self.sweep = self._function(_Kind("sweep", timeout=Duration.minutes(5)), layers)
        ripple = _Kind(
            "ripple",
            timeout=Duration.seconds(config.function_timeout_seconds),
            memory_mib=config.memory_mib,
            scratch=Size.mebibytes(10_240),
            environment=config.environment,
        )
        self.ripple = self._function(ripple, [data, *layers])
        # It imports what will run: the same layers and variables, but none of the ripple function's
        # permissions.
        discovery = _Kind(
            "discovery",
            timeout=Duration.minutes(2),
            memory_mib=_DISCOVERY_MIB,
            environment=config.environment,
        )
        self.discovery = self._function(discovery, [data, *layers])

    def _layer(self, construct_id: str, built: Built) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            construct_id,
            code=_asset(built),
            compatible_runtimes=[self._runtime()],
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _runtime(self) -> lambda_.Runtime:
        return lambda_.Runtime(
            f"python{self._config.python}", lambda_.RuntimeFamily.PYTHON, supports_inline_code=True
        )

    def _function(self, kind: _Kind, layers: Sequence[lambda_.ILayerVersion]) -> lambda_.Function:
        construct_id = kind.name.title()
        log_group = logs.LogGroup(
            self,
            f"{construct_id}Logs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        function = lambda_.Function(
            self,
            construct_id,
            description=f"Duckstring Catchment {self._config.catchment}: {kind.name}",
            runtime=self._runtime(),
            architecture=_ARCHITECTURES[self._config.architecture],
            handler=f"functions.{kind.name}.handler.handle",
            code=_asset(self._code.functions),
            layers=layers,
            timeout=kind.timeout,
            memory_size=kind.memory_mib,
            ephemeral_storage_size=kind.scratch,
            environment=dict(kind.environment),
            reserved_concurrent_executions=kind.reserved,
            recursive_loop=kind.recursive_loop,
            log_group=log_group,
        )
        self._allow_own_log(
            function, log_group, keeps=self._config.policies if kind.name == "ripple" else ()
        )
        return function

    def _allow_own_log(
        self, function: lambda_.Function, log_group: logs.ILogGroup, *, keeps: Sequence[str]
    ) -> None:
        """Allow logging into its own group only. The managed policy that the CDK gives a function's
        role covers all groups.

        The role stays the one that it was: users name it in policies of their own buckets.
        """
        role = function.role.node.default_child if function.role else None
        if not isinstance(role, iam.CfnRole):
            raise InvariantError(
                "A function's role is not the CDK's own.",
                hint="Another aws-cdk-lib than requirements/dev.txt names?",
            )
        if keeps:
            role.add_property_override("ManagedPolicyArns", list(keeps))
        else:
            role.add_property_deletion_override("ManagedPolicyArns")
        writes = ["logs:CreateLogStream", "logs:PutLogEvents"]
        function.add_to_role_policy(
            iam.PolicyStatement(actions=writes, resources=[log_group.log_group_arn])
        )


def _asset(built: Built) -> lambda_.AssetCode:
    return lambda_.Code.from_asset(
        str(built.path), asset_hash=built.digest, asset_hash_type=AssetHashType.CUSTOM
    )
