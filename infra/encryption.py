"""A key of the user's for all that a Catchment stores (``-c kms-key=``), instead of AWS's own keys.

It is applied to the finished stack, so that no resource and no role is forgotten. Which service may
use the key for a role follows from what the role may do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aws_cdk import ArnFormat, Aws, CfnResource, Stack
from aws_cdk import aws_iam as iam

_REUSE_SECONDS = 300
"""How long Step Functions uses a data key, which costs a request."""

_VIA = ("dynamodb", "s3", "secretsmanager", "sns", "sqs")
"""Services that ask for the key in the name of who asks them."""

_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def _properties(key: str) -> Mapping[str, Mapping[str, Any]]:
    return {
        "AWS::DynamoDB::Table": {
            "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        },
        "AWS::S3::Bucket": {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        # One request for many objects.
                        "BucketKeyEnabled": True,
                        "ServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": key,
                        },
                    }
                ]
            }
        },
        "AWS::SQS::Queue": {"KmsMasterKeyId": key},
        "AWS::SNS::Topic": {"KmsMasterKeyId": key},
        "AWS::Logs::LogGroup": {"KmsKeyId": key},
        "AWS::SecretsManager::Secret": {"KmsKeyId": key},
        "AWS::StepFunctions::StateMachine": {
            "EncryptionConfiguration": {
                "Type": "CUSTOMER_MANAGED_KMS_KEY",
                "KmsKeyId": key,
                "KmsDataKeyReusePeriodSeconds": _REUSE_SECONDS,
            }
        },
    }


def encrypt(stack: Stack, key: str) -> None:
    """Use the key for all that the stack stores, and let its roles use it by the services that they
    use.

    Args:
        stack: with all its resources and rights.
        key: the key's ARN. Its policy is the user's (docs/aws.md).
    """
    properties = _properties(key)
    for resource in stack.node.find_all():
        if isinstance(resource, iam.Role):
            _let_use(resource, key)
        elif isinstance(resource, CfnResource):
            for name, value in properties.get(resource.cfn_resource_type, {}).items():
                resource.add_property_override(name, value)


def _let_use(role: iam.Role, key: str) -> None:
    used = {action.partition(":")[0] for action in _actions(role)}
    if via := [f"{service}.{Aws.REGION}.{Aws.URL_SUFFIX}" for service in _VIA if service in used]:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=list(_ACTIONS),
                resources=[key],
                conditions={"StringEquals": {"kms:ViaService": via}},
            )
        )
    if "states" in used or _is_of_the_machine(role):
        machines = Stack.of(role).format_arn(
            service="states",
            resource="stateMachine",
            resource_name="*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[key],
                conditions={
                    "StringLike": {"kms:EncryptionContext:aws:states:stateMachineArn": machines}
                },
            )
        )


def _actions(role: iam.Role) -> Iterator[str]:
    """What the role's own policy allows."""
    policy = role.node.try_find_child("DefaultPolicy")
    if isinstance(policy, iam.Policy):
        for statement in policy.document.to_json().get("Statement", ()):
            listed = statement.get("Action", ())
            yield from [listed] if isinstance(listed, str) else listed


def _is_of_the_machine(role: iam.Role) -> bool:
    return "states.amazonaws.com" in json.dumps(
        Stack.of(role).resolve(role.assume_role_policy.to_json() if role.assume_role_policy else {})
    )
