from __future__ import annotations

import pytest

from duckstring.model.access import LEVELS, covers, level_for, levels_from

VIEWER: list[dict[str, object]] = [
    {"op": "hello"},
    {"op": "status", "pond": "sales"},
    {"op": "runs"},
    {"op": "run", "run": "sales@1/1"},
    {"op": "tables", "pond": "sales"},
    {"op": "doctor"},
    {"op": "cost"},
    {"op": "window", "pond": "sales", "action": "list"},
    {"op": "stale", "pond": "sales", "action": "show"},
    {"op": "arrival", "pond": "sales", "action": "list"},
    {"op": "backlog", "pond": "sales"},
    {"op": "compute", "pond": "sales"},
    {"op": "compute", "pond": "sales", "on": None},
    {"op": "failure-budget", "pond": "sales", "immediate_retries": None},
    {"op": "priority", "pond": "sales"},
    {"op": "limit", "action": "list"},
    {"op": "remove", "pond": "sales", "dry": True},
]
VIEWER += [
    {"op": "kept", "pond": "sales"},
    {"op": "why", "pond": "sales"},
    {"op": "replay", "pond": "sales", "since": "2030-01-01T00:00:00Z"},
    {"op": "publish", "pond": "sales", "snapshot": 4, "dry": True},
]
OPERATOR: list[dict[str, object]] = [
    {"op": "trigger", "pond": "sales", "kind": "pulse"},
    {"op": "control", "pond": "sales", "verb": "kill"},
    {"op": "window", "pond": "sales", "action": "add"},
    {"op": "window", "pond": "sales", "action": "remove"},
    {"op": "compute", "pond": "sales", "on": "task"},
    {"op": "stale", "pond": "sales", "action": "set", "bound": {"within": 60}},
    {"op": "stale", "pond": "sales", "action": "tide"},
    {"op": "stale", "pond": "sales"},
    {"op": "publish", "pond": "sales", "snapshot": 4},
    {"op": "publish", "pond": "sales", "snapshot": 4, "dry": 1},
    {"op": "failure-budget", "pond": "sales", "immediate_retries": 0},
    {"op": "failure-budget", "pond": "sales", "source_retries": 0},
    {"op": "priority", "pond": "sales", "priority": 0},
    {"op": "limit", "action": "set", "name": "databricks", "tokens": 0},
    {"op": "limit", "action": "remove", "name": "databricks"},
    {"op": "limit"},
]
DEPLOYER: list[dict[str, object]] = [
    {"op": "deploy", "ponds": []},
    {"op": "remove", "pond": "sales"},
    {"op": "remove", "pond": "sales", "dry": False},
    {"op": "remove", "pond": "sales", "dry": "true"},
    {"op": "remove", "pond": "sales", "dry": 1},
    {"op": "arrival", "pond": "sales", "action": "add"},
    {"op": "arrival", "pond": "sales", "action": "remove"},
    {"op": "what nobody knows"},
    {},
]


@pytest.mark.parametrize(
    ("request_", "level"),
    [
        *((one, "viewer") for one in VIEWER),
        *((one, "operator") for one in OPERATOR),
        *((one, "deployer") for one in DEPLOYER),
    ],
)
def test_a_request_needs_the_least_level_that_may_carry_it_out(request_, level):
    assert level_for(request_) == level


@pytest.mark.parametrize("op", [["hello"], {"op": "hello"}, None, 1])
def test_an_operation_that_is_no_text_needs_the_highest_level(op):
    assert level_for({"op": op}) == "deployer"


def test_each_level_may_do_what_the_one_before_it_may():
    allowed = {level: [one for one in LEVELS if covers(level, one)] for level in LEVELS}
    assert allowed == {
        "viewer": ["viewer"],
        "operator": ["viewer", "operator"],
        "deployer": ["viewer", "operator", "deployer"],
    }
    assert levels_from("operator") == ("operator", "deployer")
