"""The functions of a Catchment and what they import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from duckstring.errors import InvariantError
from infra.accepted import accept
from infra.code import Code
from infra.config import Config, Network
from infra.layers import Built
from infra.programs import Program, as_asset, in_image, zipped
from infra.resources import resource_of

ORCHESTRATOR_TIMEOUT = Duration.seconds(60)
EXPORTER_TIMEOUT = Duration.minutes(15)
"""Its first export is of all tables."""
OPENLINEAGE_TIMEOUT = Duration.minutes(5)
"""Of ten runs with many Ripples, by a slow receiver."""
_BASIC = "AWSLambdaBasicExecutionRole"
"""What the CDK gives the role of a function."""
_INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
_LONGEST = Duration.minutes(15)
_DISCOVERY_MIB = 2048
"""A module may use 2 GB as it is imported: the child's own limit (``worker/sandbox.py``),
whatever this has.
"""
_EXPORTER_MIB = 1024
_ICEBERG_MIB = 2048
_ICEBERG_SCRATCH_MIB = 4096
_OPENLINEAGE_MIB = 512
_VENDOR_MIB = 1024
"""Every attempt waits for it: with half of that it would take twice as long for the same price."""
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
        self.catchment = config.catchment
        self._code = code
        # A function's layers are unpacked in this order, later over earlier: ours is last.
        layers = [self._layer("Deps", code.deps), self._layer("Core", code.core)]
        authors = self._for_authors(layers)
        self.orchestrator = self._function(
            _Kind(
                "orchestrator",
                timeout=ORCHESTRATOR_TIMEOUT,
                reserved=config.reserved,
                # It takes letters from the mailbox and posts letters there: by design, and more
                # than 16 times for one trigger.
                recursive_loop=lambda_.RecursiveLoop.ALLOW,
            ),
            self._zips(layers),
        )
        self.api = self._function(_Kind("api", timeout=_LONGEST), self._zips(layers))
        # The same code for people who may less: each has a role of its own.
        self.operators, self.viewers = (
            self._function(_Kind(name, timeout=_LONGEST), self._zips(layers))
            for name in ("operators", "viewers")
        )
        self.sweep = self._function(_Kind("sweep", timeout=Duration.minutes(5)), self._zips(layers))
        # It gives each attempt credentials of its own.
        vendor = _Kind("vendor", timeout=Duration.seconds(30), memory_mib=_VENDOR_MIB)
        self.vendor = self._function(vendor, self._zips(layers)) if config.isolation else None
        ripple = _Kind(
            "ripple",
            timeout=Duration.seconds(config.function_timeout_seconds),
            memory_mib=config.memory_mib,
            scratch=Size.mebibytes(10_240),
            environment=config.environment,
        )
        self.ripple = self._function(ripple, authors)
        # It imports what will run: the same layers and variables, but none of the ripple function's
        # permissions.
        discovery = _Kind(
            "discovery",
            timeout=Duration.minutes(2),
            memory_mib=_DISCOVERY_MIB,
            environment=config.environment,
        )
        self.discovery = self._function(discovery, authors)
        # It reads tables with DuckDB, as Ripples do.
        exporter = _Kind("exporter", timeout=EXPORTER_TIMEOUT, memory_mib=_EXPORTER_MIB)
        self.exporter = self._function(exporter, authors) if config.lake_seconds else None
        self.iceberg = self._for_iceberg(layers)
        # It reads the columns of tables with DuckDB.
        telling = _Kind("openlineage", timeout=OPENLINEAGE_TIMEOUT, memory_mib=_OPENLINEAGE_MIB)
        self.openlineage = self._function(telling, authors) if config.openlineage else None

    def _for_iceberg(self, layers: Sequence[lambda_.ILayerVersion]) -> lambda_.Function | None:
        """It copies tables that Iceberg cannot have as they are: by DuckDB, which spills."""
        if not self._config.iceberg or self._code.iceberg is None:
            return None
        kind = _Kind(
            "iceberg",
            timeout=EXPORTER_TIMEOUT,
            memory_mib=_ICEBERG_MIB,
            scratch=Size.mebibytes(_ICEBERG_SCRATCH_MIB),
        )
        layer = self._layer("IcebergPackages", self._code.iceberg)
        return self._function(kind, self._zips([layer, *layers]))

    def _zips(self, layers: Sequence[lambda_.ILayerVersion]) -> Program:
        return zipped(as_asset(self._code.functions), runtime=_runtime(self._config), layers=layers)

    def _for_authors(self, layers: Sequence[lambda_.ILayerVersion]) -> Program:
        """What functions run that import authors' code, and what that imports.

        Too large for zips, it is the image that tasks have. A Catchment on this machine (``host``)
        has no such limit.
        """
        if self._code.needs_image and self._config.platform != "host":
            return in_image(self, self._config, self._code)
        return self._zips([self._layer("Data", self._code.data), *layers])

    def _layer(self, construct_id: str, built: Built) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            construct_id,
            code=as_asset(built),
            compatible_runtimes=[_runtime(self._config)],
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _function(self, kind: _Kind, program: Program) -> lambda_.Function:
        construct_id, entry = kind.name.title(), f"functions.{kind.name}.handler.handle"
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
            runtime=program.runtime,
            architecture=_ARCHITECTURES[self._config.architecture],
            handler=program.handler(entry),
            code=program.code(entry),
            layers=list(program.layers) or None,
            timeout=kind.timeout,
            memory_size=kind.memory_mib,
            ephemeral_storage_size=kind.scratch,
            environment=dict(kind.environment),
            reserved_concurrent_executions=kind.reserved,
            recursive_loop=kind.recursive_loop,
            log_group=log_group,
        )
        if self._config.network and self._config.network.functions:
            _place(function, self._config.network)
        accept(
            function,
            "L1",
            "-c python= names the runtime. The default is one that packages of Ripples have wheels "
            "for, and that AWS patches until 2028.",
        )
        # Without attempts' own role, Ripples act with the ripple function's.
        has_policies = kind.name == "ripple" and not self._config.isolation
        keeps = self._config.policies if has_policies else ()
        self._allow_own_log(function, log_group, keeps=keeps)
        return function

    def _allow_own_log(
        self, function: lambda_.Function, log_group: logs.ILogGroup, *, keeps: Sequence[str]
    ) -> None:
        """Allow logging into its own group only. The managed policy that the CDK gives a function's
        role covers all groups.

        The role stays the one that it was: users name it in policies of their own buckets.
        """
        if function.role is None:
            raise InvariantError("A function has no role.")
        role = resource_of(function.role, iam.CfnRole)
        if keeps:
            role.add_property_override("ManagedPolicyArns", list(keeps))
        else:
            role.add_property_deletion_override("ManagedPolicyArns")
        accept(
            role,
            f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/{_BASIC}]",
            "It is taken out of the template by the override above, which cdk-nag does not see.",
        )
        writes = ["logs:CreateLogStream", "logs:PutLogEvents"]
        function.add_to_role_policy(
            iam.PolicyStatement(actions=writes, resources=[log_group.log_group_arn])
        )


def _place(function: lambda_.Function, network: Network) -> None:
    """Put a function into the user's network."""
    resource = resource_of(function, lambda_.CfnFunction)
    resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
        subnet_ids=[*network.subnets], security_group_ids=[network.security_group]
    )
    # Lambda makes the network interfaces with the function's role. What runs in the function must
    # not: they could be anybody's of the account.
    function.add_to_role_policy(iam.PolicyStatement(actions=[*_INTERFACES], resources=["*"]))
    from_code = Stack.of(function).format_arn(
        service="lambda",
        resource="function",
        resource_name="*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    function.add_to_role_policy(
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=[*_INTERFACES],
            resources=["*"],
            conditions={"ArnLike": {"lambda:SourceFunctionArn": from_code}},
        )
    )
    if function.role:
        accept(
            function.role,
            "IAM5[Resource::*]",
            "Lambda asks for all interfaces. The function's own code is denied them.",
        )


def _runtime(config: Config) -> lambda_.Runtime:
    return lambda_.Runtime(
        f"python{config.python}", lambda_.RuntimeFamily.PYTHON, supports_inline_code=True
    )
