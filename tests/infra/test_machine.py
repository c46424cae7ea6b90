"""The machine's definition keeps the platform's rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.machine import definition

MACHINE = definition()
BRANCH = MACHINE["States"]["Ripples"]["ItemProcessor"]["States"]


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from strings(value)


def targets(state: dict[str, Any]) -> set[str]:
    named = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {one[key] for one in named for key in ("Next", "Default") if key in one}


@pytest.mark.parametrize("states", [MACHINE["States"], BRANCH], ids=["outside", "branch"])
def test_every_state_that_is_named_exists_and_can_be_reached(states):
    start = "Ripples" if "Ripples" in states else "Route"
    reached = {start}.union(*(targets(state) for state in states.values()))
    assert reached == states.keys()


def test_a_branch_never_ends_in_fail_so_that_its_siblings_live_on():
    assert "Fail" not in {state["Type"] for state in BRANCH.values()}
    assert {name for name, state in BRANCH.items() if state.get("End")} == {"Done", "Cancelled"}


def test_the_gate_is_not_retried_since_each_try_would_be_another_token():
    assert BRANCH["Await"]["Resource"].endswith(".waitForTaskToken")
    assert "Retry" not in BRANCH["Await"]


def test_only_refused_invocations_are_retried():
    retried = [error for rule in BRANCH["RunOnLambda"]["Retry"] for error in rule["ErrorEquals"]]
    assert retried == ["Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.SdkClientException"]


@pytest.mark.parametrize("name", ["RunOnLambda", "Await"])
def test_every_task_catches_everything_and_has_a_literal_timeout(name):
    assert BRANCH[name]["Catch"][0]["ErrorEquals"] == ["States.ALL"]
    assert isinstance(BRANCH[name]["TimeoutSeconds"], int)


def test_a_gate_waits_a_year_less_a_day():
    assert BRANCH["Await"]["TimeoutSeconds"] == 364 * 24 * 3600


def test_no_more_branches_run_than_an_inline_map_allows():
    assert MACHINE["States"]["Ripples"]["MaxConcurrency"] <= 40


def test_no_state_ends_in_succeed_and_no_choice_has_an_output():
    for state in [*MACHINE["States"].values(), *BRANCH.values()]:
        assert state["Type"] != "Succeed"
        assert state["Type"] != "Choice" or "Output" not in state


def test_every_expression_is_closed():
    for text in strings(MACHINE):
        assert text.startswith("{%") == text.endswith("%}")
        assert all(text.count(left) == text.count(right) for left, right in ("()", "[]", "{}"))
