"""What a role of the template may do, asked of requests that the adapters really make.

A small part of IAM: statements that allow, actions and resources with ``*``, and the conditions
that our policies have. It is written without a look at the emulator's own evaluation, so that two
readings of IAM have to agree. No statement of the default template denies anything to a function;
one that did is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One action on one resource, as IAM sees it. ``facts`` are the condition keys that the
    service sets.
    """

    action: str
    resource: str
    facts: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Places:
    """The resources of a template, by the names that ``rendered`` gives their ARNs."""

    table: str
    bucket: str
    mailbox: str
    machine: str
    secret: str
    vendor: str = ""
    attempt_role: str = ""
    executions: str = ""
    discovery: str = ""

    @classmethod
    def of(cls, template: Mapping[str, Any]) -> Places:
        def only(kind: str, **properties: object) -> str:
            (name,) = [
                name
                for name, one in template["Resources"].items()
                if one["Type"] == kind
                and properties.items()
                <= {key: bool(one["Properties"].get(key)) for key in properties}.items()
            ]
            return name

        def starting(start: str, kind: str) -> str:
            found = (name for name, one in template["Resources"].items() if one["Type"] == kind)
            return next((name for name in found if name.startswith(start)), "")

        return cls(
            vendor=f"arn:{starting('DoorsVendor', 'AWS::Lambda::Function')}",
            attempt_role=f"arn:{starting('IsolationAttemptRole', 'AWS::IAM::Role')}",
            table=f"arn:{only('AWS::DynamoDB::Table')}",
            bucket=f"arn:{only('AWS::S3::Bucket')}",
            mailbox=f"arn:{only('AWS::SQS::Queue', FifoQueue=True, RedrivePolicy=True)}",
            machine=f"ref:{only('AWS::StepFunctions::StateMachine')}",
            secret=f"ref:{only('AWS::SecretsManager::Secret')}",
            executions=_execution(template),
            discovery=_function(template, "discovery"),
        )


def _execution(template: Mapping[str, Any]) -> str:
    """Any execution of the state machine."""
    (machine,) = [
        name
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    parts = (f"ref:AWS::{name}" for name in ("Partition", "Region", "AccountId"))
    partition, region, account = parts
    return f"arn:{partition}:states:{region}:{account}:execution:arn:{machine}:one"


def _function(template: Mapping[str, Any], name: str) -> str:
    (found,) = [
        logical
        for logical, one in template["Resources"].items()
        if one["Type"] == "AWS::Lambda::Function"
        and one["Properties"].get("Handler") == f"functions.{name}.handler.handle"
    ]
    return f"arn:{found}"


def rendered(value: Any) -> str:
    """A resource as text: what CloudFormation would put in is called by its logical id."""
    match value:
        case str():
            return value
        case {"Fn::GetAtt": [name, _]}:
            return f"arn:{name}"
        case {"Ref": name}:
            return f"ref:{name}"
        case {"Fn::Join": [glue, parts]}:
            return str(glue).join(rendered(part) for part in parts)
    raise AssertionError(f"a resource of another form: {value!r}")


def allowing(statements: Sequence[Mapping[str, Any]], request: Request) -> Iterator[int]:
    """Which of a role's statements allow a request."""
    for number, statement in enumerate(statements):
        assert statement["Effect"] == "Allow", statement
        actions, resources = (
            _listed(statement["Action"]),
            [rendered(one) for one in _listed(statement["Resource"])],
        )
        if not any(fnmatchcase(request.action, one) for one in actions) or not any(
            _like(request.resource, one) for one in resources
        ):
            continue
        if all(
            _holds(operator, keys, request)
            for operator, keys in statement.get("Condition", {}).items()
        ):
            yield number


def _holds(operator: str, keys: Mapping[str, Any], request: Request) -> bool:
    every, _, kind = operator.rpartition(":")
    matches = _OPERATORS[kind]
    # A key that a request does not have fulfils a condition about all of its values, and no other.
    return all(
        (bool(every) or bool(request.facts.get(key)))
        and all(
            any(matches(value, rendered(one)) for one in _listed(allowed))
            for value in request.facts.get(key, ())
        )
        for key, allowed in keys.items()
    )


def _like(value: str, pattern: str) -> bool:
    """IAM knows ``*`` and ``?`` only."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))


_OPERATORS = {
    "ArnEquals": _like,
    "ArnLike": _like,
    "StringEquals": str.__eq__,
    "StringLike": _like,
}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def requests_of(operation: str, given: Parameters, places: Places) -> list[Request]:
    """What IAM is asked about one call of boto3 (``dynamodb.GetItem``)."""
    service, _, name = operation.partition(".")
    match service:
        case "dynamodb":
            return list(_item_requests(name, given, places))
        case "s3":
            action = {"GetObject": "s3:GetObject", "PutObject": "s3:PutObject"}[name]
            return [Request(action, f"{places.bucket}/{given['Key']}")]
        case _:
            executions = {"DescribeExecution": places.executions}
            invoked = {"vendor": places.vendor, "discovery": places.discovery}
            others = {
                "sqs": ("sqs:SendMessage", places.mailbox),
                "secrets-manager": ("secretsmanager:GetSecretValue", places.secret),
                "sts": ("sts:AssumeRole", places.attempt_role),
                "sfn": (f"states:{name}", executions.get(name, places.machine)),
                "lambda": ("lambda:InvokeFunction", invoked.get(given.get("FunctionName", ""), "")),
            }
            return [Request(*others[service])]


_IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def _item_requests(name: str, given: Parameters, places: Places) -> Iterator[Request]:
    match name:
        case "Query":
            index = f"/index/{given['IndexName']}" if "IndexName" in given else ""
            partition = given["ExpressionAttributeValues"][":pk"]["S"]
            facts = {"dynamodb:LeadingKeys": [partition]}
            yield Request("dynamodb:Query", f"{places.table}{index}", facts)
        case "BatchGetItem":
            for asked in given["RequestItems"].values():
                facts = {"dynamodb:LeadingKeys": [key["pk"]["S"] for key in asked["Keys"]]}
                yield Request("dynamodb:BatchGetItem", places.table, facts)
        case "TransactWriteItems":
            for item in given["TransactItems"]:
                for kind, one in item.items():
                    yield _item_request(_IN_TRANSACTIONS[kind], one, places)
        case _:
            yield _item_request(name, given, places)


def _item_request(name: str, given: Parameters, places: Places) -> Request:
    key = given.get("Key") or {part: given["Item"][part] for part in ("pk", "sk")}
    expressions = " ".join(
        given.get(part, "")
        for part in ("UpdateExpression", "ConditionExpression", "ProjectionExpression")
    )
    named = [
        given["ExpressionAttributeNames"][word]
        for word in re.findall(r"#\w+", expressions)
        if "." + word not in expressions
    ]
    bare = re.findall(r"(?<![#:.\w])(pk|sk|revision|outbox|attempt|at)\b", expressions)
    facts = {
        "dynamodb:LeadingKeys": [key["pk"]["S"]],
        "dynamodb:Attributes": [*key, *named, *bare, *given.get("Item", ())],
    }
    return Request(f"dynamodb:{name}", places.table, facts)
