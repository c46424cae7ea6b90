"""A deployed Catchment as IAM sees it: its template with the names that the deployment gave, and
the requests that its roles made (``DUCKSTRING_RECORD_REQUESTS``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.infra.policies import Request, allowing

Statement = Mapping[str, Any]

REQUESTS, TEMPLATE, RESOURCES = "requests.jsonl", "template.json", "resources.json"
ACCOUNT, REGION = "000000000000", "us-east-1"
NO_RIGHT_OF_OURS = re.compile(
    # test_external_helpers.py gives these to the ripple function, as a user does.
    r"^(athena|batch):|^glue:\w*Job|:(stateMachine|execution):prices\b"
    # Everybody may.
    r"|^sts:GetCallerIdentity\b"
)
_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "Duckstring-test",
}
_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{at}:table/{name}",
    "AWS::ECS::Cluster": "ecs:{at}:cluster/{name}",
    "AWS::Events::EventBus": "events:{at}:event-bus/{name}",
    "AWS::IAM::Role": f"iam::{ACCOUNT}:role/{{name}}",
    "AWS::Lambda::Function": "lambda:{at}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{at}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SQS::Queue": "sqs:{at}:{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{at}:secret:{name}-*",
    "AWS::StepFunctions::StateMachine": "states:{at}:stateMachine:{name}",
}
_ARN_BY_REF = ("AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine")
"""Whose ``Ref`` is an ARN."""


@dataclass(frozen=True)
class Deployed:
    """A template, and the physical name of each of its resources."""

    template: Mapping[str, Any]
    names: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Deployed:
        """What ``write`` has written."""
        return cls(
            json.loads((folder / TEMPLATE).read_text()),
            json.loads((folder / RESOURCES).read_text()),
        )

    def write(self, folder: Path) -> None:
        (folder / TEMPLATE).write_text(json.dumps(self.template))
        (folder / RESOURCES).write_text(json.dumps(self.names))

    @cached_property
    def roles(self) -> Mapping[str, Sequence[Statement]]:
        """The statements of each role, by its logical id, with all names filled in."""
        of_type = self.template["Resources"].items()
        found: dict[str, list[Statement]] = {
            name: [] for name, one in of_type if one["Type"] == "AWS::IAM::Role"
        }
        for _, one in of_type:
            if one["Type"] == "AWS::IAM::Policy":
                for role in one["Properties"]["Roles"]:
                    found[role["Ref"]] += self.resolved(
                        one["Properties"]["PolicyDocument"]["Statement"]
                    )
        return found

    def role_of(self, name: str) -> str | None:
        """The logical id of a role, by its physical name; None: it is not of this stack."""
        return next((role for role in self.roles if self.names.get(role) == name), None)

    def resolved(self, value: Any) -> Any:
        """A part of the template with what CloudFormation puts in."""
        match value:
            case {"Ref": name}:
                return _PSEUDO.get(name) or self._ref(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return self.arn(name) if attribute == "Arn" else self._name(name)
            case {"Fn::Join": [glue, parts]}:
                return glue.join(str(self.resolved(part)) for part in parts)
            case dict():
                return {key: self.resolved(one) for key, one in value.items()}
        return [self.resolved(one) for one in value] if isinstance(value, list) else value

    def arn(self, logical: str) -> str:
        form = _ARNS[self.template["Resources"][logical]["Type"]]
        return "arn:aws:" + form.format(at=f"{REGION}:{ACCOUNT}", name=self._name(logical))

    def _ref(self, logical: str) -> str:
        kind = self.template["Resources"][logical]["Type"]
        return self.arn(logical) if kind in _ARN_BY_REF else self.names[logical]

    def _name(self, logical: str) -> str:
        """Of what the emulator calls by an ARN or a URL, the name in it."""
        return (
            re.split(r"[/:]", self.names[logical])[-1]
            if self._is_long(logical)
            else self.names[logical]
        )

    def _is_long(self, logical: str) -> bool:
        return self.names[logical].startswith(("arn:", "http"))


@dataclass(frozen=True)
class Made:
    """A request that a role made, and whether the emulator allowed it."""

    role: str
    request: Request
    allowed: bool


def requests_in(folder: Path, deployed: Deployed) -> Iterator[Made]:
    """What the stack's own roles asked."""
    for line in (folder / REQUESTS).read_text().splitlines():
        told = json.loads(line)
        if NO_RIGHT_OF_OURS.search(f"{told['action']} {told['resource']}"):
            continue
        if role := deployed.role_of(told["role"]):
            facts = {
                key: value if isinstance(value, list) else [value]
                for key, value in told["facts"].items()
            }
            yield Made(role, Request(told["action"], told["resource"], facts), told["allowed"])


def used(deployed: Deployed, made: Made) -> list[int]:
    """The statements of the role that allow it; none: the template refuses it."""
    return list(allowing(deployed.roles[made.role], made.request))
