"""The CloudFormation resource behind a construct of the CDK, where a property has no other way."""

from __future__ import annotations

from typing import TypeVar

from aws_cdk import CfnResource
from constructs import IConstruct

from duckstring.errors import InvariantError

Kind = TypeVar("Kind", bound=CfnResource)


def resource_of(construct: IConstruct, kind: type[Kind]) -> Kind:
    """The resource, which is of this ``kind``.

    Raises:
        InvariantError: it is of another one.
    """
    found = construct.node.default_child
    if not isinstance(found, kind):
        raise InvariantError(
            f"{construct.node.path} is not a {kind.__name__}.",
            hint="Another aws-cdk-lib than requirements/dev.txt names?",
        )
    return found
