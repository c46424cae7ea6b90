"""Every request that a role made in the tests of whole Catchments, held against the template.

The tests in ``tests/e2e`` write the requests down (``.build/requests``). The evaluator here
(``tests/infra/policies.py``) is not the emulator's, so that two readings of IAM have to agree.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.auth.deployed import Deployed, Made, Statement, requests_in, used
from tests.auth.roles import FUNCTIONS, ICEBERG, OPENLINEAGE, Where
from tests.infra.template_kit import as_list

WHOLE = "DUCKSTRING_WHOLE" in os.environ
"""Every test of whole Catchments has just run."""
RECORDED = Path(__file__).parents[2] / ".build" / "requests"

RECORDED_ROLES = tuple(
    who
    for who in (*FUNCTIONS, "task", "attempt")
    # Discovery asks nothing. On this machine the command asks the api function for everything:
    # tests/infra/test_rights_of_people.py has the others.
    if who not in {"discovery", "operators", "viewers"}
)
UNUSED = {
    # What AWS's services do in the name of a role is not recorded.
    ("*", "logs:PutLogEvents"): "Lambda writes a function's log.",
    ("orchestrator", "sqs:ReceiveMessage"): "Lambda takes messages for a function.",
    ("orchestrator", "sqs:GetQueueUrl"): "Lambda puts an event that failed into DeadEvents.",
    ("exporter", "sqs:ReceiveMessage"): "Lambda takes messages for a function.",
    ("exporter", "s3:ListBucket"): "Without it, an object that is not there would look like one "
    "that may not be read.",
    # What no test of a whole Catchment waits for. tests/integration has each.
    **{
        (who, "dynamodb:Query"): "The index of lines that are not at rest is believed when it was "
        "whole for ten minutes."
        for who in ("viewers", "operators", "api")
    },
    ("sweep", "dynamodb:DeleteItem"): "Manifests are deleted when they are a day old.",
    ("sweep", "s3:DeleteObject"): "Objects are deleted when they are a day old.",
    ("sweep", "s3:AbortMultipartUpload"): "Uploads are given up when they are a day old.",
    ("orchestrator", "s3:PutObject"): "Words of AWS's own about a failure are seldom so long.",
    ("api", "states:DescribeExecution"): "doctor looks at a run that has not moved for long.",
}
"""Statements that may be unused, by the role and an action that they have, and why."""

UNUSED_BY_ICEBERG = {
    "logs:PutLogEvents": "Lambda writes a function's log.",
    "sqs:ReceiveMessage": "Lambda takes messages for a function.",
    "s3:ListBucket": "Without it, an object that is not there would look like one that may not be "
    "read.",
}


@pytest.fixture(scope="module")
def made() -> list[tuple[Deployed, list[Made]]]:
    folders = [one.parent for one in sorted(RECORDED.glob("*/requests.jsonl"))]
    if not folders:
        assert not WHOLE, "the tests of whole Catchments have recorded nothing"
        pytest.skip("no requests are recorded: make e2e, or make auth")
    found = [(one, Deployed.read(one)) for one in folders]
    # The first one says which rights there are: one without what only some Catchments have.
    found.sort(key=lambda one: has_iceberg(one[1]) or has_openlineage(one[1]))
    return [(deployed, list(requests_in(one, deployed))) for one, deployed in found]


def has_iceberg(deployed: Deployed) -> bool:
    return any("DoorsIceberg" in name for name in deployed.names)


def has_openlineage(deployed: Deployed) -> bool:
    return any("DoorsOpenlineage" in name for name in deployed.names)


def test_the_template_allows_what_was_allowed_and_refuses_what_was_refused(made):
    differs = [
        (one.role, one.request, one.allowed)
        for deployed, requests in made
        for one in requests
        if bool(used(deployed, one)) != one.allowed and not is_narrowed(deployed, one)
    ]
    assert not differs


def is_narrowed(deployed: Deployed, one: Made) -> bool:
    """Whether an attempt was refused by the policy of its session, which the template has not."""
    return one.role == Where(deployed).role("attempt") and not one.allowed


def test_a_right_less_would_have_been_seen(made):
    """The requests reach statements of each role of ours, or this test proves nothing."""
    reached = {
        (one.role, number)
        for deployed, requests in made
        for one in requests
        for number in used(deployed, one)
    }
    deployed, _ = made[0]
    asked = {Where(deployed).role(who) for who in RECORDED_ROLES}
    assert {role for role, _ in reached} >= asked


def unused(made: list[tuple[Deployed, list[Made]]]) -> Iterator[str]:
    needed = {
        (one.role, number)
        for deployed, requests in made
        # There the orchestrator's statements are others, so that their numbers are, too.
        if not has_openlineage(deployed)
        for one in requests
        for number in used(deployed, one)
    }
    deployed, _ = made[0]
    where = Where(deployed)
    for who in RECORDED_ROLES:
        role = where.role(who)
        for number, statement in enumerate(deployed.roles[role]):
            if (role, number) not in needed and not excused(who, statement):
                yield f"{who}: {statement}"


def excused(who: str, statement: Statement) -> bool:
    return any(
        (by, action) in UNUSED for by in ("*", who) for action in as_list(statement["Action"])
    )


@pytest.mark.skipif(not WHOLE, reason="not every test was recorded")
def test_every_right_was_used(made):
    assert list(unused(made)) == []


def test_an_excuse_is_about_a_right_that_there_is(made):
    deployed, _ = made[0]
    given = {
        (by, action)
        for who in (*FUNCTIONS, "task")
        for statement in deployed.roles[Where(deployed).role(who)]
        for by in ("*", who)
        for action in as_list(statement["Action"])
    }
    assert UNUSED.keys() <= given


def test_what_tells_of_lineage_uses_all_its_rights(made):
    found = [(deployed, requests) for deployed, requests in made if has_openlineage(deployed)]
    if not found:
        assert not WHOLE, "no Catchment that tells of lineage was recorded"
        pytest.skip("no Catchment that tells of lineage is recorded")
    deployed, requests = found[0]
    role = Where(deployed).role(OPENLINEAGE)
    needed = {number for one in requests if one.role == role for number in used(deployed, one)}
    unused = [
        one
        for number, one in enumerate(deployed.roles[role])
        if number not in needed and not UNUSED_BY_ICEBERG.keys() & set(as_list(one["Action"]))
    ]
    assert unused == []


def test_the_export_to_iceberg_uses_all_its_rights(made):
    found = [(deployed, requests) for deployed, requests in made if has_iceberg(deployed)]
    if not found:
        assert not WHOLE, "no Catchment with Iceberg tables was recorded"
        pytest.skip("no Catchment with Iceberg tables is recorded")
    deployed, requests = found[0]
    role = Where(deployed).role(ICEBERG)
    needed = {number for one in requests if one.role == role for number in used(deployed, one)}
    unused = [
        one
        for number, one in enumerate(deployed.roles[role])
        if number not in needed and not UNUSED_BY_ICEBERG.keys() & set(as_list(one["Action"]))
    ]
    assert unused == []
