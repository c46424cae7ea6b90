"""Fargate tasks, for Ripples that are too long or too large for the function. They cost nothing
while no task runs.

The tasks have public addresses but accept no connections. A NAT gateway would cost by the hour, and
so would endpoints for queues, logs and the rest. S3 and DynamoDB are reached through gateway
endpoints, which are free, so that no table passes the internet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from duckstring.model.compute import TASK_SIZES
from duckstring.model.settings import Settings
from infra.accepted import accept, accept_wildcards
from infra.code import Code
from infra.config import Config, Network
from infra.image import COMMAND, EcrImage
from infra.programs import build_options, repository_arn

CONTAINER: Final = "worker"
"""The only container of a task, whose environment the machine overrides."""

STREAMS: Final = "task"
"""What the names of log streams begin with: ``task/worker/<task id>``."""

_DISK_GIB = 100
_STOP = Duration.seconds(30)
_ARCHITECTURES = {"x86_64": ecs.CpuArchitecture.X86_64, "arm64": ecs.CpuArchitecture.ARM64}
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")


_LOGIN = {r"^\*": "ecr:GetAuthorizationToken has no resource."}
_TASKS = {
    r":task/.*/\*": "One task for each attempt.",
    r"^\*": "ecs:ListTasks has no resource. A condition names the cluster.",
}
_REVISIONS = {r":task-definition/.*:\*": "The latest revision, whichever that is."}


class Tasks(Construct):
    """The cluster, the task definition, the network and the log of tasks."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, config: Config, code: Code
    ) -> None:
        super().__init__(scope, construct_id)
        self.cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_settings=[
                ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="disabled")
            ],
        )
        accept(
            self.cluster,
            "ECS4",
            "Metrics of single containers would cost money, and show what history shows.",
        )
        self._network = config.network or self._own_network()
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        least = TASK_SIZES[0]
        self.definition = ecs.FargateTaskDefinition(
            self,
            "Definition",
            # Runs name the family and get its latest revision: a revision that is replaced
            # meanwhile cannot be started any more.
            family=name,
            cpu=least.cpu_units,
            memory_limit_mib=least.memory_mib,
            ephemeral_storage_gib=_DISK_GIB,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=_ARCHITECTURES[config.architecture],
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        self._container = self.definition.add_container(
            CONTAINER,
            image=self._image(config, code),
            command=list(COMMAND),
            environment=dict(config.environment),
            stop_timeout=_STOP,
            logging=ecs.LogDrivers.aws_logs(stream_prefix=STREAMS, log_group=self.log_group),
            linux_parameters=ecs.LinuxParameters(self, "Linux", init_process_enabled=True),
        )
        accept(
            self.definition,
            "ECS2",
            "Names of the Catchment's resources, and settings that are no secrets (-c envfile=).",
        )
        accept_wildcards(self.definition.obtain_execution_role(), ["*"], _LOGIN)

    @property
    def cluster_arn(self) -> str:
        """The cluster."""
        return self.cluster.attr_arn

    @property
    def tasks_arn(self) -> str:
        """Every task of the cluster."""
        return Stack.of(self).format_arn(
            service="ecs", resource="task", resource_name=f"{self.cluster.ref}/*"
        )

    @property
    def role(self) -> iam.IRole:
        """The role of an attempt. It has the same permissions as the ripple function."""
        return self.definition.task_role

    def configure(self, settings: Settings) -> None:
        """Set the worker's environment: where the parts of the Catchment are."""
        for key, value in settings.to_env().items():
            self._container.add_environment(key, value)

    def substitutions(self) -> Mapping[str, str]:
        """The substitutions of the state machine's RunTask, named as in its definition. ``Subnets``
        are joined by commas.
        """
        return {
            "Cluster": self.cluster_arn,
            "TaskDefinition": self.definition.family,
            "Subnets": ",".join(self._network.subnets),
            "SecurityGroup": self._network.security_group,
            "PublicIp": "ENABLED" if self._network.public_ip else "DISABLED",
        }

    def grant_run(self, role: iam.IRole) -> None:
        """Let ``role`` start tasks, of any revision of the definition, on this cluster."""
        # IAM checks the bare family name if no revision is given, and ":*" would not match it.
        named = (self.definition.family, f"{self.definition.family}:*")
        arns = [
            Stack.of(self).format_arn(service="ecs", resource="task-definition", resource_name=name)
            for name in named
        ]
        on_cluster = {"ArnEquals": {"ecs:cluster": self.cluster_arn}}
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["ecs:RunTask"], resources=arns, conditions=on_cluster)
        )
        accept_wildcards(role, arns, _REVISIONS)
        passed = [
            self.definition.task_role.role_arn,
            self.definition.obtain_execution_role().role_arn,
        ]
        to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["iam:PassRole"], resources=passed, conditions=to_tasks)
        )

    def grant_look_and_stop(self, role: iam.IRole) -> None:
        """Let ``role`` find tasks of this cluster, look at them and stop them."""
        on_cluster = {"ArnEquals": {"ecs:cluster": self.cluster_arn}}
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["ecs:DescribeTasks", "ecs:StopTask"],
                resources=[self.tasks_arn],
                conditions=on_cluster,
            )
        )
        accept_wildcards(role, [self.tasks_arn, "*"], _TASKS)
        # A list has no resource that could be named. It belongs to a cluster.
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["ecs:ListTasks"], resources=["*"], conditions=on_cluster)
        )

    def _own_network(self) -> Network:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False
                )
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(
                    service=ec2.GatewayVpcEndpointAwsService.DYNAMODB
                ),
            },
            restrict_default_security_group=False,
        )
        accept(
            vpc, "VPC7", "Flow logs cost by the gigabyte; nothing in this network can be reached."
        )
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="Tasks of Ripples: out, never in",
            allow_all_outbound=True,
        )
        return Network(
            tuple(subnet.subnet_id for subnet in vpc.public_subnets),
            group.security_group_id,
            public_ip=True,
        )

    def _image(self, config: Config, code: Code) -> ecs.ContainerImage:
        if not config.image:
            image = assets.DockerImageAsset(self, "Image", **build_options(config, code))
            return ecs.ContainerImage.from_docker_image_asset(image)
        self._grant_pull(config.image)
        return ecs.ContainerImage.from_registry(config.image)

    def _grant_pull(self, image: str) -> None:
        """Allow pulling an image from ECR. Any other registry must be public."""
        if not (found := EcrImage.parse(image)):
            return
        arn = repository_arn(self, found)
        role = self.definition.obtain_execution_role()
        role.add_to_principal_policy(iam.PolicyStatement(actions=list(_PULL), resources=[arn]))
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])
        )
