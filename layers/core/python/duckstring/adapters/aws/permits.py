"""The key that permits are made of: one item of the table, which the orchestrator makes when it
first needs it. Only the orchestrator and the vendor may read it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.permits import KEY_BYTES, AttemptName, Purpose, permit

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from duckstring.adapters.aws.layout import Key

PARTITION = "PERMITS"


def permits_key() -> Key:
    """Where the key lies."""
    return {"pk": {"S": PARTITION}, "sk": {"S": "KEY"}}


@dataclass(frozen=True, slots=True)
class PermitKey:
    """The key, and since when permits are made of it."""

    secret: bytes
    since: Instant


class PermitKeys:
    """The item, as the vendor reads it."""

    def __init__(self, clients: Clients, table: str) -> None:
        """The item is in ``table``. It is read once in each process: nothing changes it."""
        self._clients, self._table = clients, table
        self._found: PermitKey | None = None

    def read(self) -> PermitKey | None:
        """The key. None: no permit was ever made."""
        if self._found is None:
            self._found = self._read()
        return self._found

    def _read(self) -> PermitKey | None:
        item = self._clients.dynamodb.get_item(
            TableName=self._table, Key=permits_key(), ConsistentRead=True
        ).get("Item")
        if item is None:
            return None
        return PermitKey(bytes(item["secret"]["B"]), from_text(item["since"]["S"]))


class Permits:
    """Makes permits, for the orchestrator. The key is read once in each process."""

    def __init__(self, clients: Clients, table: str) -> None:
        """The key is in ``table``."""
        self._clients, self._table = clients, table

    def of(self, attempt: AttemptName, purpose: Purpose = "run") -> str:
        """The permit of an attempt."""
        return permit(self._key, attempt, purpose)

    @cached_property
    def _key(self) -> bytes:
        keys = PermitKeys(self._clients, self._table)
        found = keys.read() or self._made(keys)
        return found.secret

    def _made(self, keys: PermitKeys) -> PermitKey:
        """A new key, or the one that another process has just made."""
        made = PermitKey(secrets.token_bytes(KEY_BYTES), datetime.now(UTC))
        item: dict[str, AttributeValueTypeDef] = {
            **permits_key(),
            "secret": {"B": made.secret},
            "since": {"S": to_text(made.since)},
        }
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            found = keys.read()
            assert found is not None  # noqa: S101 - it was there, and nobody deletes it
            return found
        return made
