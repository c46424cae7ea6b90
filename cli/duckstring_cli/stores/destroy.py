"""Taking a Catchment's stack out of an account; its stores only if that is wanted.

Every step can be repeated: a destroy that was interrupted is done by the same command.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError, WaiterError

from duckstring.errors import OperatorError
from duckstring_cli.alerting.store import AlertStore
from duckstring_cli.errors import aws_code
from duckstring_cli.render import OnStep
from duckstring_cli.stores.held import Stores, found_or, version_pages

_RECOVERABLE_DAYS = 7
"""Secrets Manager keeps a deleted secret so long at least."""


def destroy_stack(stores: Stores, *, data: bool, on_step: OnStep) -> None:
    """Delete the stack; first its protection goes. ``data``: the stores may go, too.

    Raises:
        OperatorError: an ephemeral stack would take its stores along, or CloudFormation failed.
    """
    if stores.ephemeral and not data:
        raise OperatorError(
            f"The stack {stores.catchment.stack} is ephemeral: its table, bucket and secret would "
            "be deleted with it.",
            hint="Say so with --data, or deploy it with -c ephemeral=false first.",
        )
    if stores.ephemeral:
        on_step("Emptying the bucket")
        _empty(stores)
    stack = stores.catchment.stack
    on_step(f"Deleting the stack {stack}")
    cloudformation = stores.open("cloudformation")
    if (found := _described(stores)) is None:
        return
    _delete_alerts(stores, found)
    if found.get("EnableTerminationProtection"):
        cloudformation.update_termination_protection(
            StackName=stack, EnableTerminationProtection=False
        )
    cloudformation.delete_stack(StackName=stack)
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 5, "MaxAttempts": 720}
        )
    except WaiterError as error:
        raise OperatorError(
            f"The stack {stack} could not be deleted: {_reason(stores) or error}",
            hint="Repair what it names, then destroy again.",
        ) from error


def destroy_data(stores: Stores, on_step: OnStep) -> None:
    """Delete table, bucket with all versions, and secret. Those that are gone already are fine."""
    database, s3 = stores.open("dynamodb"), stores.open("s3")
    on_step(f"Deleting the bucket {stores.bucket}")
    _empty(stores)
    found_or(lambda: s3.delete_bucket(Bucket=stores.bucket), None)
    on_step(f"Deleting the table {stores.table}")
    found_or(
        lambda: database.update_table(TableName=stores.table, DeletionProtectionEnabled=False),
        None,
    )
    found_or(lambda: database.delete_table(TableName=stores.table), None)
    if stores.secret:
        on_step("Deleting the secret")
        found_or(
            lambda: stores.open("secretsmanager").delete_secret(
                SecretId=stores.secret, RecoveryWindowInDays=_RECOVERABLE_DAYS
            ),
            None,
        )


def _empty(stores: Stores) -> None:
    """Delete every version of every object."""
    s3 = stores.open("s3")
    for page in version_pages(stores):
        held = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not held:
            continue
        batch = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in held]
        found = s3.delete_objects(Bucket=stores.bucket, Delete={"Objects": batch, "Quiet": True})
        if errors := found.get("Errors"):
            raise OperatorError(
                f"{len(errors)} objects of {stores.bucket} could not be deleted; the first: "
                f"{errors[0].get('Key')}: {errors[0].get('Message')}"
            )


def _delete_alerts(stores: Stores, stack: dict[str, Any]) -> None:
    """A bus that has rules is not deleted, and what the rules call would remain."""
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    if "AlertRole" not in outputs:
        return
    alerts = AlertStore(stores.catchment, outputs, stores.open)
    for name in alerts.names():
        alerts.remove(name)


def _described(stores: Stores) -> dict[str, Any] | None:
    """What CloudFormation says of the stack; None: it is gone."""
    try:
        found = stores.open("cloudformation").describe_stacks(StackName=stores.catchment.stack)
    except ClientError as error:
        if aws_code(error) != "ValidationError":
            raise
        return None
    return dict(found["Stacks"][0])


def _reason(stores: Stores) -> str:
    """What CloudFormation says of the first resource that it could not delete."""
    pages = (
        stores.open("cloudformation")
        .get_paginator("describe_stack_events")
        .paginate(StackName=stores.catchment.stack)
    )
    events = (event for page in pages for event in page["StackEvents"])
    failed = (
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in events
        if event["ResourceStatus"] == "DELETE_FAILED"
    )
    return next(failed, "")
