"""Every request that a role made in the tests of whole Catchments, held against the template.

The tests in ``tests/e2e`` write the requests down (``.build/requests``). The evaluator here
(``tests/infra/policies.py``) is not the emulator's, so that two readings of IAM have to agree.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.auth.deployed import Deployed, Made, requests_in, used
from tests.auth.roles import FUNCTIONS, Where

RECORDED = Path(__file__).parents[2] / ".build" / "requests"

BY_AWS = {
    "logs:PutLogEvents": "Lambda writes a function's log with its role.",
    "sqs:ReceiveMessage": "Lambda takes messages for a function with its role.",
}
"""Statements by an action that they have: what AWS's services do in the name of a role is not
recorded.
"""
DEAD_EVENTS = "Lambda puts an event that failed into the queue DeadEvents, with the role."


@pytest.fixture(scope="module")
def made() -> list[tuple[Deployed, list[Made]]]:
    folders = [one.parent for one in sorted(RECORDED.glob("*/requests.jsonl"))]
    if not folders:
        pytest.skip("no requests are recorded: make e2e, or make auth")
    found = [(one, Deployed.read(one)) for one in folders]
    return [(deployed, list(requests_in(one, deployed))) for one, deployed in found]


def test_the_template_allows_what_was_allowed_and_refuses_what_was_refused(made):
    differs = [
        (one.role, one.request, one.allowed)
        for deployed, requests in made
        for one in requests
        if bool(used(deployed, one)) != one.allowed
    ]
    assert not differs


def test_a_right_less_would_have_been_seen(made):
    """The requests reach statements of each role of ours, or this test proves nothing."""
    reached = {
        (one.role, number)
        for deployed, requests in made
        for one in requests
        for number in used(deployed, one)
    }
    deployed, _ = made[0]
    assert {role for role, _ in reached} >= {Where(deployed).role(who) for who in FUNCTIONS}


def unused(made: list[tuple[Deployed, list[Made]]]) -> Iterator[str]:
    needed = {
        (one.role, number)
        for deployed, requests in made
        for one in requests
        for number in used(deployed, one)
    }
    deployed, _ = made[0]
    where = Where(deployed)
    dead_events = where.arn("SQS::Queue", "MessagingDeadEvents")
    for who in (*FUNCTIONS, "task"):
        role = where.role(who)
        for number, statement in enumerate(deployed.roles[role]):
            actions = statement["Action"]
            by_aws = BY_AWS.keys() & ({actions} if isinstance(actions, str) else set(actions))
            by_aws = by_aws or statement["Resource"] == dead_events
            if (role, number) not in needed and not by_aws:
                yield f"{who}: {statement}"


@pytest.mark.skipif("DUCKSTRING_WHOLE" not in os.environ, reason="not every test was recorded")
def test_every_right_was_used(made):
    assert list(unused(made)) == []
