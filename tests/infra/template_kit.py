"""The parts of a template that tests look at."""

from __future__ import annotations

from typing import Any

FUNCTIONS = (
    *("orchestrator", "ripple", "vendor", "discovery"),
    *("api", "operators", "viewers", "sweep", "exporter"),
)
KEEPS = {"retention_snapshots", "retention_days"}
EVERYONE = {"catchment", "table", "bucket", "mailbox"}
SIZES = {"function_memory_mib", "function_timeout_seconds"}
KNOWS = {
    "orchestrator": EVERYONE
    | {"bus", "delays", "delays_arn", "machine", "schedules", "scheduler_role", "mailbox_arn"}
    | {"cluster", "ripple_function", "function_memory_mib", "function_timeout_seconds"}
    | {"attempt_role_id", "journal_days", "history_days"},
    "ripple": EVERYONE | {"vendor_function", "function_memory_mib", "function_timeout_seconds"},
    "vendor": {"catchment", "table", "table_arn", "mailbox_arn", "secret", "attempt_role"},
    "discovery": {"catchment"},
    "api": EVERYONE
    | KEEPS
    | {
        "machine",
        "history_days",
        "discovery_function",
        "secret",
        "arrivals",
        "lake",
        "lake_seconds",
        "function_memory_mib",
        "function_timeout_seconds",
    },
    "operators": EVERYONE | SIZES | KEEPS | {"machine", "lake", "lake_seconds", "history_days"},
    "viewers": EVERYONE - {"mailbox"} | SIZES | KEEPS | {"machine", "lake_seconds"},
    "sweep": EVERYONE | KEEPS | {"delays", "machine", "history_days", "lake", "lake_seconds"},
    "exporter": EVERYONE - {"mailbox"},
}


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in template["Resources"].items() if one["Type"] == kind}


def entry(properties: dict[str, Any]) -> str:
    """What a function calls: zips have it in the handler, an image in its command."""
    if "Handler" in properties:
        return properties["Handler"]
    (command,) = properties["ImageConfig"]["Command"]
    return command


def function(template: dict[str, Any], name: str) -> dict[str, Any]:
    found = [
        one
        for one in of_type(template, "AWS::Lambda::Function").values()
        if entry(one["Properties"]) == f"functions.{name}.handler.handle"
    ]
    assert len(found) == 1
    return found[0]


def statements(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    policies = of_type(template, "AWS::IAM::Policy").values()
    return [
        statement
        for policy in policies
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def roles_of(template: dict[str, Any]) -> dict[str, str]:
    """The role of each function, of tasks, and of attempts, by name."""
    functions = of_type(template, "AWS::Lambda::Function").values()
    found = {
        entry(one["Properties"]).split(".")[1]: one["Properties"]["Role"]["Fn::GetAtt"][0]
        for one in functions
        if entry(one["Properties"]).startswith("functions.")
    }
    others = {"task": "TasksDefinitionTaskRole", "attempt": "IsolationAttemptRole"}
    for name, start in others.items():
        for role in of_type(template, "AWS::IAM::Role"):
            if role.startswith(start):
                found[name] = role
    return found


def actions_of(template: dict[str, Any], name: str) -> set[str]:
    return {
        action
        for statement in statements(template, roles_of(template)[name])
        for action in as_list(statement["Action"])
    }


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def arrivals(template: dict[str, Any]) -> list[dict[str, Any]]:
    rules = [one["Properties"] for one in of_type(template, "AWS::Events::Rule").values()]
    return [rule for rule in rules if rule["EventPattern"].get("source") == ["aws.s3"]]


def mailbox(template: dict[str, Any]) -> str:
    queues = of_type(template, "AWS::SQS::Queue").items()
    (name,) = [
        name
        for name, one in queues
        if one["Properties"].get("FifoQueue") and "RedrivePolicy" in one["Properties"]
    ]
    return name
