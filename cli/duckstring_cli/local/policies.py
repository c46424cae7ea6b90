"""What a request does, as IAM sees it, where the emulator sees it otherwise. Standard library only:
part of the server.

``patches/policies.py`` has the emulator ask here. Nothing here decides: the emulator's own
evaluation of policies does.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

RECORD = "DUCKSTRING_RECORD_REQUESTS"
"""Names a file to which the requests of roles are written: tests hold them against the template."""

PASSED = "duckstring:PassedRole"
"""Among a request's facts: the role that it gives to a service."""

Facts = dict[str, Any]

_ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
}
_ABOUT_TASKS = ("ecs:DescribeTasks", "ecs:StopTask")
_EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
_WORDS = frozenset(
    {
        *("add", "and", "attribute_exists", "attribute_not_exists", "attribute_type", "between"),
        *("begins_with", "contains", "delete", "if_not_exists", "in", "list_append", "not", "or"),
        *("remove", "set", "size"),
    }
)
_NAME = re.compile(r"(?<![:.\w#])#?[A-Za-z_]\w*")
_EQUALS = re.compile(r"(#?\w+)\s*=\s*(:\w+)")
_ID = re.compile(r"[0-9a-f]{6,}|\d+")


def action_of(action: str | None) -> str | None:
    """The action that AWS asks policies about: a batch is none of its own."""
    return _ACTIONS.get(action, action) if action else action


def resource_of(action: str, found: str, path: str, body: bytes, query: Mapping[str, Any]) -> str:
    """The ARN that AWS asks policies about.

    Args:
        action: ``scheduler:CreateSchedule``.
        found: what the emulator takes it for.
        path: the request's.
        body: the request's.
        query: the request's, each name with its values.
    """
    if action.startswith("scheduler:") and ":schedule/default/" in found:
        values = query.get("groupName") or [_read(body).get("GroupName") or "default"]
        group = values if isinstance(values, str) else values[0]
        name = unquote(path.rstrip("/").rsplit("/", 1)[1])
        return f"{found.split('/', 1)[0]}/{group}/{name}"
    if action in _ABOUT_TASKS:
        data = _read(body)
        task = data.get("task") or next(iter(data.get("tasks") or [""]), "")
        return str(task) if str(task).startswith("arn:") else found
    if action.startswith("glue:"):
        return _in_glue(action, found, _read(body))
    return "*" if action == "ecs:ListTasks" else found


def _in_glue(action: str, found: str, data: Mapping[str, Any]) -> str:
    """The database or the table that a request is about. AWS asks about the catalog above it,
    too.
    """
    begin = ":".join(found.split(":")[:5])
    database = data.get("DatabaseName")
    if action.endswith(("Database", "Databases")):
        database = data.get("Name") or (data.get("DatabaseInput") or {}).get("Name")
        return f"{begin}:database/{database}" if database else found
    table = data.get("Name") or (data.get("TableInput") or {}).get("Name")
    return f"{begin}:table/{database}/{table}" if database and table else found


def facts_of(service: str, body: bytes) -> Facts:
    """Condition keys that the emulator does not set."""
    data = _read(body) if service in {"ecs", "scheduler"} else {}
    if service == "ecs" and str(data.get("cluster", "")).startswith("arn:"):
        return {"ecs:cluster": data["cluster"]}
    if service == "scheduler" and (role := (data.get("Target") or {}).get("RoleArn")):
        return {PASSED: role}
    return {}


def facts_of_item(data: Mapping[str, Any], partition: str) -> Facts:
    """DynamoDB's condition keys of one request, or of one item of a transaction.

    Args:
        data: the request.
        partition: the name of the partition key, of the table or of the index that is asked.
    """
    facts: Facts = {}
    if keys := sorted(set(_leading_keys(data, partition))):
        facts["dynamodb:LeadingKeys"] = keys
    if names := sorted(set(_attributes(data))):
        facts["dynamodb:Attributes"] = names
    return facts


def items_of(body: bytes) -> list[Mapping[str, Any]]:
    """Of a transaction, what it does with each item, in the order in which the emulator checks."""
    return [
        item[member]
        for item in _read(body).get("TransactItems") or []
        for member in ("ConditionCheck", "Put", "Update", "Delete", "Get")
        if member in item
    ]


def request_of(body: bytes) -> Mapping[str, Any]:
    """The body of a request, if it is JSON."""
    return _read(body)


def names_of_secret(arn: str) -> Sequence[str]:
    """What policies may call a secret: its ARN, and its name, which the emulator puts in the place
    of a template's ``Ref``.
    """
    return (
        [arn, re.sub(r"-[^-]{6}$", "", arn.rsplit(":secret:", 1)[1])]
        if ":secret:" in arn
        else [arn]
    )


class Requests:
    """Writes down what roles ask, each kind of request once."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._seen: set[str] = set()

    def note(self, role: str, action: str, resource: str, facts: Facts, *, allowed: bool) -> None:
        """One request, and how it was answered."""
        line = json.dumps(
            {
                "role": role,
                "action": action,
                "resource": resource,
                "facts": facts,
                "allowed": allowed,
            },
            sort_keys=True,
        )
        kind = _ID.sub("0", line)
        with self._lock:
            if kind not in self._seen:
                self._seen.add(kind)
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")


def _read(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _leading_keys(data: Mapping[str, Any], partition: str) -> Iterator[str]:
    for held in (data.get("Key"), data.get("Item")):
        if isinstance(held, dict) and partition in held:
            yield _text(held[partition])
    for table in (data.get("RequestItems") or {}).values():
        for key in table.get("Keys") or [] if isinstance(table, dict) else []:
            yield _text(key.get(partition))
    names, values = (
        data.get("ExpressionAttributeNames") or {},
        data.get("ExpressionAttributeValues"),
    )
    for name, value in _EQUALS.findall(data.get("KeyConditionExpression") or ""):
        if names.get(name, name) == partition:
            yield _text((values or {}).get(value))


def _attributes(data: Mapping[str, Any]) -> Iterator[str]:
    """The attributes at the top of an item that a request names."""
    for held in (data.get("Key"), data.get("Item")):
        yield from held or ()
    names = data.get("ExpressionAttributeNames") or {}
    for expression in _EXPRESSIONS:
        for word in _NAME.findall(data.get(expression) or ""):
            if word.lower() not in _WORDS:
                yield names.get(word, word)


def _text(value: object) -> str:
    return str(next(iter(value.values()))) if isinstance(value, dict) and value else ""
