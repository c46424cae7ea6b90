"""The role of attempts: what any attempt of a Ripple may reach. The vendor gives each of them a
part of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.resources import resource_of


class Isolation(Construct):
    """The role, which only the vendor may assume."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vendor: lambda_.IFunction,
        policies: Sequence[iam.IManagedPolicy],
    ) -> None:
        """``policies`` are the user's own, for what Ripples do elsewhere in the account."""
        super().__init__(scope, construct_id)
        if vendor.role is None:
            raise RuntimeError("a function without a role")
        self.role = iam.Role(
            self,
            "AttemptRole",
            assumed_by=iam.ArnPrincipal(vendor.role.role_arn),
            description="What attempts of Ripples may reach. Each has a part of it.",
            managed_policies=[*policies],
        )
        vendor.role.add_to_principal_policy(
            iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[self.role.role_arn])
        )

    @property
    def role_id(self) -> str:
        """What the ids of the role's sessions begin with. SQS tells it of a sender."""
        return resource_of(self.role, iam.CfnRole).attr_role_id
