"""Findings of cdk-nag (AwsSolutions) that are accepted, each with its reason where the construct
is made. ``tests/infra/test_nag.py`` is red on any other finding, and on an acceptance of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def accept(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept what a rule finds in this construct.

    Args:
        construct: the construct, or one above it.
        rule: ``S1``, or with what it finds: ``IAM5[Resource::*]``.
        reason: why it is right as it is.
    """
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )


def accept_wildcards(
    construct: IConstruct, resources: Sequence[str], reasons: Mapping[str, str]
) -> None:
    """Accept that a role may do something with every resource of some form.

    Args:
        construct: the role.
        resources: what it may do something with; those without ``*`` need no acceptance.
        reasons: by a regular expression of how the resource ends, as cdk-nag shows it
            (``<Bucket.Arn>/data/*``). One of another form is left to be found.
    """
    for resource in resources:
        shown = _shown(Stack.of(construct).resolve(resource))
        for form, reason in reasons.items():
            if re.search(f"{form}$", shown):
                accept(construct, f"IAM5[Resource::{shown}]", reason)
                break


def _shown(value: object) -> str:
    """A resource as cdk-nag writes it: ``<Bucket.Arn>/data/*``."""
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [glue, list(parts)]}:
            return str(glue).join(map(_shown, parts))
        case _:
            return str(value)
