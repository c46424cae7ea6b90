"""Which state machine a table belongs to: one item of the catalog.

Table, bucket and secret may be attached to another stack, and a table may be restored from a copy.
The state machine then is another one, and the mailbox too (``infra/stack.py``). So the machine's
ARN tells whether letters and executions that the table knows of can still exist.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of, from_item, to_item, update
from duckstring.model.instants import NEVER, Instant, from_text, to_text

_HOME = to_item({"pk": "CATALOG", "sk": "HOME"})


class DynamoResidence:
    """``sweep.ports.Residence``. A restore writes ``restoring`` into the item while it works, and
    deletes the item at its end.
    """

    def __init__(self, clients: Clients, table: str, machine: str) -> None:
        """Ask whether ``table`` belongs to the state machine with ARN ``machine``."""
        self._clients, self._table, self._machine = clients, table, machine

    def since(self, now: Instant, *, is_new: bool) -> Instant | None:
        """When the table came here; ``NEVER``: it was always here; None: it is being restored."""
        held = from_item(
            self._clients.dynamodb.get_item(
                TableName=self._table, Key=_HOME, ConsistentRead=True
            ).get("Item", {})
        )
        if "restoring" in held:
            return None
        if held.get("machine") == self._machine:
            return from_text(str(held["since"]))
        since = NEVER if is_new else now
        return since if self._take_in(str(held.get("machine", "")), since) else NEVER

    def _take_in(self, before: str, since: Instant) -> bool:
        """Note that the table is here. False: somebody else did, or a restore has begun."""
        there = "#machine = :before" if before else "attribute_not_exists(#machine)"
        values = {"machine": self._machine, "since": to_text(since), "before": before}
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=_HOME,
                **update(
                    "SET #machine = :machine, #since = :since",
                    f"attribute_not_exists(#restoring) AND {there}",
                    values,
                ),
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True
