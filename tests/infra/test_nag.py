"""What other people's rules say of the template: AwsSolutions of cdk-nag, and cfn-lint."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from duckstring.model.values import replace
from infra.config import Config, Network
from infra.stack import CatchmentStack
from tests.infra.conftest import synthesize, tiny_code
from tests.infra.test_options import KEY

EVERYTHING = Config(catchment="test", alarm_emails=("a@example.com",), arrivals=("landing",))
OTHERS = {
    "a network, a key, a boundary and an image of the user's": replace(
        EVERYTHING,
        network=Network(("subnet-0a1b2c3d",), "sg-0a1b2c3d", functions=True),
        kms_key=KEY,
        permissions_boundary="Boundary",
        image="123456789012.dkr.ecr.eu-central-1.amazonaws.com/ripples:7",
    ),
    "Iceberg tables": replace(EVERYTHING, iceberg=True),
    "OpenLineage": replace(EVERYTHING, openlineage="https://host.example.com/api/v1/lineage"),
    "ephemeral, on arm64, with an image from elsewhere": replace(
        EVERYTHING, ephemeral=True, architecture="arm64", image="registry.example.com/ripples:7"
    ),
}
ACCEPTED = "aws:cdk:acknowledged-rules"

LINT_IGNORED = {
    # The CDK has functions wait for their roles in so many words.
    "W3005": "a dependency that a reference makes anyway",
}


class Nagged:
    """A synthesis with the rules of AwsSolutions."""

    def __init__(self, folder: Path, config: Config) -> None:
        app = App(outdir=str(folder / "out"))
        stack = CatchmentStack(
            app, config=replace(config, build=folder / "build"), code=tiny_code(folder)
        )
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        with suppress(RuntimeError):  # findings are an error, and are in the report
            app.synth()
        (self._report,) = json.loads((folder / "out" / "validation-report.json").read_text())[
            "pluginReports"
        ]
        self.accepted = {
            (one.node.path, rule)
            for one in stack.node.find_all()
            for entry in one.node.metadata
            if entry.type == ACCEPTED
            for rule in entry.data
            if rule.startswith("AwsSolutions::")
        }

    @property
    def findings(self) -> list[tuple[str, list[str]]]:
        return [
            (one["ruleName"], [where["constructPath"] for where in one["violatingConstructs"]])
            for one in self._report["violations"]
        ]

    @property
    def used(self) -> set[tuple[str, str]]:
        """Acceptances that accepted something: where, and what."""
        return {
            (one["acknowledgedAt"], one["acknowledgedId"])
            for one in self._report.get("suppressedViolations", ())
        }


def test_the_rules_of_aws_solutions_find_nothing_but_what_is_accepted_with_a_reason(tmp_path):
    nagged = Nagged(tmp_path, EVERYTHING)
    assert nagged.findings == []
    assert nagged.accepted - nagged.used == set(), "accepted, but not found any more"


@pytest.mark.parametrize("config", OTHERS.values(), ids=OTHERS)
def test_no_option_of_a_deployment_brings_a_finding(config, tmp_path):
    assert Nagged(tmp_path, config).findings == []


def test_a_right_that_nobody_gave_a_reason_for_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("infra.grants._WILDCARDS", {})
    found = {rule for rule, _ in Nagged(tmp_path, EVERYTHING).findings}
    assert any(rule.endswith("/errors/*.txt]") for rule in found)


def linted(template: dict[str, Any]) -> list[str]:
    # cfn-lint reads the machine's definition, too, but does not put in what CloudFormation does.
    text = json.dumps(template).replace("${Partition}", "aws")
    found = lint(text, config=ManualArgs(regions=["eu-central-1"]))
    return [str(one) for one in found if one.rule.id not in LINT_IGNORED]


def test_cfn_lint_finds_nothing(template, tmp_path):
    assert linted(template) == []
    for number, config in enumerate(OTHERS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert linted(synthesize(folder, config)) == []


def test_cfn_lint_looks_into_the_state_machine(template):
    broken = json.loads(json.dumps(template).replace('\\"StartAt\\"', '\\"BeginAt\\"'))
    assert any("StartAt" in one for one in linted(broken))
