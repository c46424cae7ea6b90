"""The databases of Glue that Iceberg tables lie in, as policies name them."""

from __future__ import annotations

from aws_cdk import Stack

KINDS = ("database", "table", "userDefinedFunction")
"""What Glue asks for a database: to delete one takes the right to all that may be in it."""


def glue_arns(stack: Stack, prefix: str, *kinds: str) -> list[str]:
    """Glue's catalog, and of these kinds what is in databases whose names begin so."""
    names = {kind: f"{prefix}*" if kind == "database" else f"{prefix}*/*" for kind in kinds}
    return [
        stack.format_arn(service="glue", resource="catalog"),
        *(
            stack.format_arn(service="glue", resource=kind, resource_name=name)
            for kind, name in names.items()
        ),
    ]
